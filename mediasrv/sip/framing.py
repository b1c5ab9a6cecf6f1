"""Messages out of a byte stream (RFC 3261 sections 7.5 and 18.3), and the keep-alives between them (RFC 5626).

A datagram is a message; a stream has to be cut, and whoever cuts otherwise than the parser reads can be made to take
one message for two. So there is one way only: the head ends at the first CR LF CR LF, and Content-Length, which on a
stream is not optional, says once and in plain digits where the body ends. Where that cannot be known, nothing that
follows can be: the framer says so with `Unframeable`, and the connection is to be closed. Its head is told, because
a request deserves an answer even so.

Between messages line ends mean nothing (7.5) but life: who opened the connection sends CR LF CR LF and hears CR LF.
Which of the two a CR LF is, only the direction tells, so the framer is told which end it is.

What comes out does not depend on how the bytes were cut into chunks. Whoever sends a head byte by byte costs one
search over each byte, not one over all of them each time. How long a peer may take is for the shell to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mediasrv.errors import LocalError
from mediasrv.sip.limits import Limits

PING = b"\r\n\r\n"  # RFC 5626 section 3.5.1
PONG = b"\r\n"
END_OF_HEAD = b"\r\n\r\n"
_FOLD = re.compile(rb"\n[ \t]+")
_LENGTH = re.compile(rb"\n(?:content-length|l)[ \t]*:([^\n]*)", re.IGNORECASE)
_DIGITS = re.compile(rb"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole message: what a datagram would have held."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Ping:
    """The peer asks whether we are there: PONG is due."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a PING of ours."""


@dataclass(frozen=True, slots=True)
class Unframeable:
    """No end can be found; `status` is what a request deserves for it. It is the last event of its stream."""

    head: bytes
    problem: str
    status: int


FramingEvent = Frame | Ping | Pong | Unframeable


class StreamFramer:
    """One direction of one connection: bytes in, events out."""

    def __init__(self, limits: Limits, *, opened_by_peer: bool) -> None:
        self._limits, self._pulse = limits, PING if opened_by_peer else PONG
        self._buffer = bytearray()
        self._searched_bytes = 0  # no end of a head begins before
        self._frame_bytes = 0  # of the message whose head is complete
        self._broken = False

    @property
    def in_message(self) -> bool:
        """A message has begun and is not whole: its sender is being waited for."""
        return not self._broken and bool(self._buffer.strip(b"\r\n"))

    def receive_data(self, data: bytes) -> None:
        """Takes what came; `next_event` is to be asked until there is nothing more, before the next call."""
        if self._broken:
            raise LocalError("this stream has lost its frames")
        self._buffer += data

    def next_event(self) -> FramingEvent | None:
        """What is complete, oldest first; None: more data is needed."""
        if self._broken:
            return None
        if not self._frame_bytes:
            pulse = self._skip_line_ends()
            if pulse is not None:
                return pulse
            broken = self._find_end()
            if broken is not None:
                self._broken = True
                self._buffer.clear()
                return broken
        if not self._frame_bytes or len(self._buffer) < self._frame_bytes:
            return None
        frame = Frame(bytes(self._buffer[: self._frame_bytes]))
        del self._buffer[: self._frame_bytes]
        self._frame_bytes = self._searched_bytes = 0
        return frame

    def _skip_line_ends(self) -> Ping | Pong | None:
        """One at a time: what is spare must not depend on how much of it has come."""
        while self._buffer.startswith((b"\r", b"\n")):
            if self._buffer.startswith(self._pulse):
                del self._buffer[: len(self._pulse)]
                return Ping() if self._pulse is PING else Pong()
            if self._pulse.startswith(self._buffer):
                return None
            del self._buffer[0]
        return None

    def _find_end(self) -> Unframeable | None:
        """Sets how long the message is, once its head is whole."""
        limit_bytes = self._limits.message_bytes
        end = self._buffer.find(END_OF_HEAD, self._searched_bytes, limit_bytes)
        if end < 0:
            self._searched_bytes = max(0, len(self._buffer) - len(END_OF_HEAD) + 1)
            if len(self._buffer) < limit_bytes:
                return None
            return Unframeable(bytes(self._buffer[:limit_bytes]), "head too long", 513)
        head = bytes(self._buffer[:end])
        lengths = _lengths(head)
        if len(lengths) != 1:
            problem = "several Content-Lengths" if lengths else "no Content-Length on a stream"
            return Unframeable(head, problem, 400)
        if _DIGITS.fullmatch(lengths[0]) is None:
            return Unframeable(head, "bad Content-Length", 400)
        self._frame_bytes = end + len(END_OF_HEAD) + int(lengths[0])
        if self._frame_bytes > limit_bytes:
            return Unframeable(head, "message too large", 513)
        return None


def _lengths(head: bytes) -> list[bytes]:
    """All that the head says of it, with lines taken apart as the parser takes them."""
    if b"\n " in head or b"\n\t" in head:
        head = _FOLD.sub(b" ", head)
    return [value.strip(b" \t\r") for value in _LENGTH.findall(head)]
