"""Header lines: order and spelling are kept, lookup ignores case and compact forms (RFC 3261 section 7.3).

A `Field` pairs a name with the parser of its value, so that `headers.require(CSEQ)` is typed; a value is
parsed at most once. Fields themselves are in fields.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar, cast

from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.syntax import split

T = TypeVar("T")

# Section 7.3.3, and the registry at IANA for what came later.
COMPACT = {
    "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition",
    "e": "content-encoding", "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported",
    "l": "content-length", "m": "contact", "n": "identity-info", "o": "event", "r": "refer-to",
    "s": "subject", "t": "to", "u": "allow-events", "v": "via", "x": "session-expires", "y": "identity",
}  # fmt: skip


class Field(Generic[T]):
    """A header's name and how its value reads."""

    __slots__ = ("first_key", "key", "name", "parse")

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        self.name, self.key, self.parse = name, name.lower(), parse
        self.first_key = f"{self.key}[0]"


# The usual spellings of usual headers, so that most lines need neither folding of case nor a check.
WELL_KNOWN = {
    name: name.lower()
    for name in (
        "Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Contact", "Route", "Record-Route", "Allow",
        "Supported", "Require", "User-Agent", "Server", "Content-Type", "Content-Length", "Session-Expires",
        "Min-SE", "Accept", "Expires", "Reason", "Subject", "Date", "Timestamp", "Privacy", "P-Asserted-Identity",
    )
}  # fmt: skip


def key_of(name: str) -> str:
    key = WELL_KNOWN.get(name)
    if key is None:
        key = name.lower()
        key = COMPACT.get(key, key)
    return key


class Headers:
    """An immutable sequence of (name, value) lines."""

    __slots__ = ("_by_key", "_lines", "_typed")

    def __init__(self, lines: Iterable[tuple[str, str]] = ()) -> None:
        self._lines = tuple(lines)
        self._by_key: dict[str, list[str]] = {}
        self._typed: dict[str, object] = {}
        for name, value in self._lines:
            self._by_key.setdefault(key_of(name), []).append(value)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __contains__(self, name: str) -> bool:
        return key_of(name) in self._by_key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._lines == other._lines

    def __hash__(self) -> int:
        return hash(self._lines)

    def __repr__(self) -> str:
        return f"Headers({list(self._lines)!r})"

    def text(self, name: str) -> str | None:
        """The value of the first line of that name, unparsed."""
        lines = self._by_key.get(key_of(name))
        return lines[0] if lines else None

    def texts(self, name: str) -> list[str]:
        return list(self._by_key.get(key_of(name), ()))

    def values(self, name: str) -> list[str]:
        """All values of a comma-separated header, over all its lines, in order (section 7.3.1)."""
        return [value for line in self._by_key.get(key_of(name), ()) for value in split(line, ",")]

    def get(self, field: Field[T]) -> T | None:
        """The value of a header that may stand once; raises Malformed when it stands twice or is wrong."""
        read = self._typed.get(field.key)
        if read is not None:
            return cast("T", read)
        lines = self._by_key.get(field.key)
        if lines is None:
            return None
        if len(lines) > 1:
            raise Malformed(f"more than one {field.name}")
        value = self._typed[field.key] = field.parse(lines[0])
        return value

    def require(self, field: Field[T]) -> T:
        value = self.get(field)
        if value is None:
            raise Malformed(f"no {field.name}")
        return value

    def all(self, field: Field[T]) -> tuple[T, ...]:
        """Every value of a comma-separated header, parsed."""
        return tuple(field.parse(value) for value in self.values(field.key))

    def first(self, field: Field[T]) -> T | None:
        """The first value of a comma-separated header, parsed; the others are not looked at."""
        read = self._typed.get(field.first_key)
        if read is None and (values := self.values(field.key)):
            read = self._typed[field.first_key] = field.parse(values[0])
        return cast("T | None", read)

    def without(self, *names: str) -> Headers:
        keys = {key_of(name) for name in names}
        return Headers(line for line in self._lines if key_of(line[0]) not in keys)

    def plus(self, *lines: tuple[str, str]) -> Headers:
        return Headers((*self._lines, *lines))
