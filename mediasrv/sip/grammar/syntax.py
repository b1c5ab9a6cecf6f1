"""The lexical ground of RFC 3261 section 25: tokens, quoted strings, comma lists, parameters, hosts.

All text here is bounded by `Limits` before it arrives, and every pattern is linear in it.
"""

from __future__ import annotations

import ipaddress
import re

from mediasrv.sip.errors import Malformed

Parameters = tuple[tuple[str, str | None], ...]

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
HOST = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9\-._]*)"
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
NO_CHARACTER = "\ufffd"
_PIECES = {mark: re.compile(rf'(?:[^"<{mark}]|"(?:[^"\\]|\\.)*"|<[^>]*>)+', re.DOTALL) for mark in ",;"}


def is_token(text: str) -> bool:
    return TOKEN.fullmatch(text) is not None


def host(text: str) -> str:
    """A HOST in lower case; what stands in brackets must be an address (RFC 5954 section 4.1)."""
    if text.startswith("["):
        try:
            ipaddress.IPv6Address(text[1:-1])
        except ValueError as error:
            raise Malformed("no IPv6 address in the brackets") from error
    return text.lower()


def number(text: str, largest: int, what: str) -> int:
    """A whole number from 0 to `largest`, in plain ASCII digits."""
    text = text.strip()
    if not (text.isascii() and text.isdecimal()) or len(text) > 20 or int(text) > largest:
        raise Malformed(f"{what} is not a number up to {largest}")
    return int(text)


def split(text: str, separator: str) -> list[str]:
    """Pieces between separators that stand outside of quotes and angle brackets; no empty ones."""
    plain = '"' not in text and "<" not in text
    pieces = text.split(separator) if plain else _split_carefully(text, separator)
    return [piece for piece in map(str.strip, pieces) if piece]


def _split_carefully(text: str, separator: str) -> list[str]:
    pieces, at = [], 0
    pattern = _PIECES[separator]
    while at < len(text):
        if text[at] == separator:
            at += 1
            continue
        piece = pattern.match(text, at)
        if piece is None:  # a quote or bracket that never closes
            raise Malformed("unbalanced quote or bracket")
        pieces.append(piece.group())
        at = piece.end()
    return pieces


def unquote(text: str) -> str:
    """The contents of a quoted string; anything else is its own contents."""
    quoted = QUOTED.fullmatch(text) if text[:1] == '"' else None
    return harmless(_ESCAPED.sub(r"\1", quoted.group(1))) if quoted else text


def harmless(text: str) -> str:
    """Without control characters: an escaped one is legal, but a NUL would break every record it goes into."""
    return _CONTROL.sub(NO_CHARACTER, text)


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_parameters(text: str) -> Parameters:
    """`;a=b;c` as pairs: names in lower case, values as they stand, quotes included."""
    if not text:
        return ()
    parameters = []
    for piece in split(text, ";"):
        name, equals, value = piece.partition("=")
        name, value = name.strip().lower(), value.strip()
        if not is_token(name) or (equals and not value):
            raise Malformed("bad parameter")
        parameters.append((name, value if equals else None))
    return tuple(parameters)


def print_parameters(parameters: Parameters) -> str:
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in parameters)


def parameter(parameters: Parameters, name: str) -> str | None:
    """The value of the first parameter of that name, unquoted; "" when it stands without a value."""
    for key, value in parameters:
        if key == name:
            return unquote(value or "")
    return None
