"""SIP messages as a telephone reads and writes them: text, taken apart no further than a call needs.

Written from RFC 3261 and without a line of `mediasrv.sip`: what the server's own parser and printer have in common
must not hide from the tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

CRLF = "\r\n"
_SHORT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}
_TAG = re.compile(r";\s*tag=([^;>\s]+)", re.IGNORECASE)
_BRANCH = re.compile(r";\s*branch=([^;,\s]+)")
_URI = re.compile(r"<([^>]*)>")

Lines = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a response."""

    first: str
    lines: tuple[tuple[str, str], ...]
    body: bytes = b""

    @classmethod
    def read(cls, data: bytes) -> Message:
        """Raises ValueError for what is no message."""
        head, _, body = data.partition(b"\r\n\r\n")
        first, *rest = head.decode("utf-8").split(CRLF)
        pairs = [line.partition(":") for line in rest]
        return cls(first, tuple((name.strip(), value.strip()) for name, _, value in pairs), body)

    def build(self) -> bytes:
        lines = [self.first, *(f"{name}: {value}" for name, value in self.lines)]
        return CRLF.join([*lines, f"Content-Length: {len(self.body)}", "", ""]).encode() + self.body

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.lines if _SHORT.get(key.lower(), key.lower()) == name.lower()]

    def header(self, name: str) -> str:
        """The first of that name, empty when there is none."""
        return next(iter(self.all(name)), "")

    @property
    def is_request(self) -> bool:
        return not self.first.startswith("SIP/2.0 ")

    @property
    def status(self) -> int:
        return int(self.first.split(" ", 2)[1])

    @property
    def method(self) -> str:
        """Of a response: of the request that it answers."""
        return self.first.split(" ", 1)[0] if self.is_request else self.header("CSeq").split()[1]

    @property
    def cseq(self) -> int:
        return int(self.header("CSeq").split()[0])

    @property
    def call_id(self) -> str:
        return self.header("Call-ID")

    @property
    def branch(self) -> str:
        found = _BRANCH.search(self.header("Via"))
        return found[1] if found else ""

    @property
    def from_tag(self) -> str:
        return _tag(self.header("From"))

    @property
    def to_tag(self) -> str:
        return _tag(self.header("To"))

    @property
    def contact(self) -> str:
        """The URI of the Contact."""
        found = _URI.search(self.header("Contact"))
        return found[1] if found else ""

    @property
    def retry_after_s(self) -> int:
        return int(self.header("Retry-After").split("(")[0].split(";")[0] or 0)


def answer_to(
    request: Message, status: int, *, tag: str = "", more: Lines = (), body: bytes = b""
) -> Message:
    """Section 8.2.6: what every response says again, and what this one adds."""
    lines = [("Via", via) for via in request.all("Via")]
    to = request.header("To")
    lines += [
        ("From", request.header("From")),
        ("To", f"{to};tag={tag}" if tag and not request.to_tag else to),
        ("Call-ID", request.call_id),
        ("CSeq", request.header("CSeq")),
        *more,
    ]
    if body:
        lines.append(("Content-Type", "application/sdp"))
    return Message(f"SIP/2.0 {status} {_PHRASES.get(status, 'Whatever')}", tuple(lines), body)


def _tag(text: str) -> str:
    found = _TAG.search(text)
    return found[1] if found else ""


_PHRASES = {100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 202: "Accepted"}
