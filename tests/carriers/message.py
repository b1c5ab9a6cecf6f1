"""SIP messages as a carrier's equipment sees them: text, cut by hand. Of our own parser nothing is used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}
ECHOED = ("via", "from", "to", "call-id", "cseq")


@dataclass(frozen=True)
class Message:
    first: str
    headers: tuple[tuple[str, str], ...]
    body: str

    @classmethod
    def parse(cls, data: bytes) -> Message:
        head, _, body = data.decode().partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        headers = []
        for line in lines:
            name, _, value = line.partition(":")
            key = name.strip().lower()
            headers.append((COMPACT.get(key, key), value.strip()))
        return cls(first, tuple(headers), body)

    @property
    def status(self) -> int:
        """0: a request."""
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        """Also of a response: what it answers."""
        return self["cseq"].split()[1]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    def __getitem__(self, name: str) -> str:
        return self.all(name)[0]

    def parameter(self, name: str, parameter: str) -> str:
        """Of a header's value; empty when it has none."""
        for part in self[name].split(";")[1:]:
            key, _, value = part.partition("=")
            if key.strip() == parameter:
                return value.strip()
        return ""

    def lines_of_body(self, start: str) -> list[str]:
        return [line for line in self.body.split("\r\n") if line.startswith(start)]


def write(first: str, headers: Iterable[str], body: str = "", content_type: str = "application/sdp") -> bytes:
    """Headers are whole lines; the body's are counted here, and its type said."""
    text = body.replace("\r\n", "\n").replace("\n", "\r\n")
    lines = [first, *headers, *([f"Content-Type: {content_type}"] if text else [])]
    return "\r\n".join([*lines, f"Content-Length: {len(text.encode())}", "", text]).encode()


def respond(request: Message, first: str, *headers: str, body: str = "", tag: str = "carrier") -> bytes:
    """RFC 3261 section 8.2.6: the answer carries what it answers, and a tag of ours where there was none."""
    lines = []
    for name in ECHOED:
        for value in request.all(name):
            own = f";tag={tag}" if name == "to" and ";tag=" not in value else ""
            lines.append(f"{name.title()}: {value}{own}")
    return write(f"SIP/2.0 {first}", [*lines, *headers], body)
