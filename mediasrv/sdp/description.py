"""A session description (RFC 8866) as a frozen value, and how it is printed.

What the core understands has a field; every other line is kept as it came, and printed in the order that the
grammar demands, so that nothing is lost on the way through.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
Line = tuple[str, str]  # a type letter and its value
Attribute = tuple[str, str | None]  # a property attribute has no value

_BEFORE_CONNECTION, _AFTER_CONNECTION = "iuep", "btrzk"


def place_of(line: Line) -> int:
    """Where a line stands in its section, for sorting; letters unknown to the RFC come last."""
    letter = line[0]
    if letter in _BEFORE_CONNECTION:
        return 0
    return 1 if letter in _AFTER_CONNECTION else 2


@dataclass(frozen=True, slots=True)
class Connection:
    """`c=`; `host` may carry a multicast TTL, as it came."""

    family: Literal["IP4", "IP6"]
    host: str

    def __str__(self) -> str:
        return f"IN {self.family} {self.host}"


@dataclass(frozen=True, slots=True)
class Origin:
    """`o=`: who made this description, and which version of it this is."""

    username: str
    session_id: int
    session_version: int
    connection: Connection

    def __str__(self) -> str:
        return f"{self.username} {self.session_id} {self.session_version} {self.connection}"


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One `m=` section. Port 0 means: refused, or not used."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    port_count: int = 1
    connection: Connection | None = None
    attributes: tuple[Attribute, ...] = ()
    others: tuple[Line, ...] = ()

    def attribute(self, name: str) -> str | None:
        return _attribute(self.attributes, name)

    def attribute_values(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name and value is not None]

    @property
    def direction(self) -> Direction | None:
        """None when it is left to the session."""
        return _direction(self.attributes)

    def lines(self) -> Iterator[str]:
        port = str(self.port) if self.port_count == 1 else f"{self.port}/{self.port_count}"
        yield f"m={self.kind} {port} {self.protocol} {' '.join(self.formats)}"
        yield from _print_section(self.others, self.connection, self.attributes)


@dataclass(frozen=True, slots=True)
class SessionDescription:
    origin: Origin
    name: str = "-"
    connection: Connection | None = None
    attributes: tuple[Attribute, ...] = ()
    others: tuple[Line, ...] = (("t", "0 0"),)
    media: tuple[MediaDescription, ...] = ()

    def connection_of(self, media: MediaDescription) -> Connection | None:
        return media.connection or self.connection

    def direction_of(self, media: MediaDescription) -> Direction:
        """Section 6.7: sendrecv is what is meant when nothing is said."""
        return media.direction or _direction(self.attributes) or "sendrecv"

    def build(self) -> bytes:
        lines = ["v=0", f"o={self.origin}", f"s={self.name}"]
        lines += _print_section(self.others, self.connection, self.attributes)
        for media in self.media:
            lines += media.lines()
        return ("\r\n".join(lines) + "\r\n").encode("utf-8", "surrogateescape")


def _print_section(
    others: tuple[Line, ...], connection: Connection | None, attributes: tuple[Attribute, ...]
) -> Iterator[str]:
    """Section 5: the order of the lines is fixed."""
    for letter, value in others:
        if letter in _BEFORE_CONNECTION:
            yield f"{letter}={value}"
    if connection is not None:
        yield f"c={connection}"
    for letter, value in others:
        if letter not in _BEFORE_CONNECTION:
            yield f"{letter}={value}"
    for name, attribute in attributes:
        yield f"a={name}" if attribute is None else f"a={name}:{attribute}"


def _attribute(attributes: tuple[Attribute, ...], name: str) -> str | None:
    """The first of that name; "" when it stands without a value."""
    for key, value in attributes:
        if key == name:
            return value or ""
    return None


def _direction(attributes: tuple[Attribute, ...]) -> Direction | None:
    for name, value in attributes:
        if value is None and name in DIRECTIONS:
            return cast("Direction", name)
    return None
