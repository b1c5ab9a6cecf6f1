"""What the DNS says about a name, as this room uses it, and who is asked.

The kind of a record is its class: `look_up(name, Srv)` asks for SRV records and answers with those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from mediasrv.errors import RemoteError


@dataclass(frozen=True, slots=True)
class Naptr:
    """RFC 3403. `replacement` is the name to ask next, without its last dot."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Srv:
    """RFC 2782. An empty `target` says that the service is decidedly not there."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class Ipv4:
    host: str


@dataclass(frozen=True, slots=True)
class Ipv6:
    host: str


Record = TypeVar("Record", bound=Naptr | Srv | Ipv4 | Ipv6)
HostKind = type[Ipv4] | type[Ipv6]


@dataclass(frozen=True, slots=True)
class Answer(Generic[Record]):
    """All records of one kind that a name has; none is an answer too, when the DNS is sure of it."""

    records: tuple[Record, ...]
    ttl_s: float


class CannotLookUp(RemoteError):
    """The DNS did not answer, or not with anything that can be believed: nothing is known about the name."""


class Records(Protocol):
    """Who is asked: the DNS, a cache before it, a dictionary in a test."""

    async def look_up(self, name: str, kind: type[Record]) -> Answer[Record]:
        """Raises CannotLookUp. A name that does not exist has no records."""
