"""Bytes to session descriptions. Every size that the other side chooses has a bound here."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal, cast

from mediasrv.sdp.description import (
    Attribute,
    Connection,
    Line,
    MediaDescription,
    Origin,
    SessionDescription,
    place_of,
)
from mediasrv.sdp.errors import MalformedDescription

DESCRIPTION_BYTES = 16_384
LINES = 512
LINE_CHARACTERS = 1_024
MEDIA = 16
FORMATS = 64
DIGITS = 20  # of session id and version: 64 bits (section 5.2)
_LINE = re.compile(r"([a-z])=(.*)")
_LINE_END = re.compile(r"\r?\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_NUMBER = re.compile(rf"[0-9]{{1,{DIGITS}}}")
_HOST = re.compile(r"[0-9A-Za-z:.\-_/]+")


def parse(data: bytes) -> SessionDescription:
    """Reads a description (bare LF, no `s=`, no `t=` allowed); raises MalformedDescription, nothing else."""
    lines = _split(data)
    if [letter for letter, _ in lines[:2]] != ["v", "o"] or lines[0][1].strip() != "0":
        raise MalformedDescription("does not begin with v=0 and o=")
    origin = _parse_origin(lines[1][1])
    starts = [at for at, (letter, _) in enumerate(lines) if letter == "m"]
    if len(starts) > MEDIA:
        raise MalformedDescription("too many media")
    bounds = [*starts, len(lines)]
    name, rest = _take_name(lines[2 : bounds[0]])
    connection, attributes, others = _parse_section(rest)
    media = tuple(_parse_media(lines[start:end]) for start, end in pairwise(bounds))
    return SessionDescription(origin, name, connection, attributes, others, media)


def _split(data: bytes) -> list[Line]:
    if len(data) > DESCRIPTION_BYTES:
        raise MalformedDescription("too long")
    text = data.decode("utf-8", "surrogateescape")
    texts = [line for line in _LINE_END.split(text) if line]
    if len(texts) > LINES:
        raise MalformedDescription("too many lines")
    return [_parse_line(line) for line in texts]


def _parse_line(line: str) -> Line:
    found = _LINE.fullmatch(line)
    if found is None or len(line) > LINE_CHARACTERS or _CONTROL.search(line):
        raise MalformedDescription("a line that is not x=...")
    return found.group(1), found.group(2)


def _take_name(lines: Sequence[Line]) -> tuple[str, Sequence[Line]]:
    if lines and lines[0][0] == "s":
        return lines[0][1], lines[1:]
    return "-", lines


def _parse_section(
    lines: Sequence[Line],
) -> tuple[Connection | None, tuple[Attribute, ...], tuple[Line, ...]]:
    connection: Connection | None = None
    attributes: list[Attribute] = []
    others: list[Line] = []
    for letter, value in lines:
        if letter == "a":
            attributes.append(_parse_attribute(value))
        elif letter == "c":
            connection = connection or _parse_connection(value)  # more are layers of multicast (section 5.7)
        elif letter in "vos":
            raise MalformedDescription(f"{letter}= in the wrong place")
        else:
            others.append((letter, value))
    return connection, tuple(attributes), tuple(sorted(others, key=place_of))


def _parse_attribute(text: str) -> Attribute:
    name, colon, value = text.partition(":")
    name = name.strip()
    if not name:
        raise MalformedDescription("attribute without a name")
    return name, value if colon else None


def _parse_connection(text: str) -> Connection:
    parts = text.split()
    if len(parts) != 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6") or not _HOST.fullmatch(parts[2]):
        raise MalformedDescription("bad connection")
    return Connection(cast("Literal['IP4', 'IP6']", parts[1]), parts[2])


def _parse_origin(text: str) -> Origin:
    parts = text.split()
    if len(parts) != 6:
        raise MalformedDescription("bad origin")
    username, session_id, version = parts[:3]
    return Origin(
        username,
        number(session_id, 2**64 - 1, "session id"),
        number(version, 2**64 - 1, "session version"),
        _parse_connection(" ".join(parts[3:])),
    )


def _parse_media(lines: Sequence[Line]) -> MediaDescription:
    parts = lines[0][1].split()
    if len(parts) < 4:
        raise MalformedDescription("bad media line")
    kind, ports, protocol, *formats = parts
    if len(formats) > FORMATS:
        raise MalformedDescription("too many formats")
    port, slash, count = ports.partition("/")
    connection, attributes, others = _parse_section(lines[1:])
    return MediaDescription(
        kind.lower(),
        number(port, 65_535, "port"),
        protocol.upper(),
        tuple(formats),
        number(count, 65_535, "number of ports") if slash else 1,
        connection,
        attributes,
        others,
    )


def number(
    text: str, largest: int, what: str, error: Callable[[str], Exception] = MalformedDescription
) -> int:
    """A whole number from 0 to `largest`, in plain ASCII digits."""
    if _NUMBER.fullmatch(text) is None or int(text) > largest:
        raise error(f"{what} is not a number up to {largest}")
    return int(text)
