"""Server-sent events, as language models stream them: https://html.spec.whatwg.org/multipage/server-sent-events.html.

Octets in, events out. Lines end with CR, LF or both and with nothing else: JSON may hold the separators of Unicode,
at which Python's own splitting of lines would tear an event apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from mediasrv.errors import RemoteError

EVENT_BYTES_MAX = 4_000_000


@dataclass(frozen=True, slots=True)
class ServerEvent:
    data: str
    name: str = "message"


class EventTooLong(RemoteError):
    """An event without end."""


class EventParser:
    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._name = b""
        self._after_cr = False

    def feed(self, octets: bytes) -> list[ServerEvent]:
        if self._after_cr and octets.startswith(b"\n"):
            octets = octets[1:]
        self._after_cr = octets.endswith(b"\r") if octets else self._after_cr
        lines = (self._rest + octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")).split(b"\n")
        self._rest = lines.pop()
        events = [event for line in lines if (event := self._line(line)) is not None]
        if len(self._rest) + sum(map(len, self._data)) > EVENT_BYTES_MAX:
            raise EventTooLong(f"an event of more than {EVENT_BYTES_MAX} bytes")
        return events

    def _line(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value
        return None  # a comment, `id`, `retry`, or what nobody knows

    def _dispatch(self) -> ServerEvent | None:
        data, name = self._data, self._name
        self._data, self._name = [], b""
        if not data:
            return None
        words = b"\n".join(data).decode("utf-8", "replace")
        return ServerEvent(words, name.decode("utf-8", "replace") or "message")
