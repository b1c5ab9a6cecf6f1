"""Where our own users can be reached just now: what their telephones have registered."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from mediasrv.sip import Address, Registrar, Uri
from mediasrv.sip.auth.outbound import instance_of


@dataclass(frozen=True, slots=True)
class Location:
    """One telephone. A request for `contact` goes to `hop`, where its REGISTER came from: behind a NAT there is no
    other way in; `path` are the Routes that it takes (RFC 3327)."""

    contact: Uri
    hop: Address
    path: tuple[str, ...] = ()
    instance: str = ""  # which telephone, where one can be reached in several ways; empty: there is but this


class Locations:
    """By user name, in whichever of our domains a telephone has registered it."""

    def __init__(
        self, registrar: Registrar, domains: Sequence[str], users: Container[str], now: Callable[[], float]
    ) -> None:
        self._registrar, self._domains, self._users, self._now = registrar, tuple(domains), users, now

    def of(self, user: str) -> list[Location]:
        """The most wanted first; nothing for who is no user, or not there. A user who was removed is not there."""
        if user not in self._users:
            return []
        now = self._now()
        bindings = [
            binding
            for domain in self._domains
            for binding in self._registrar.lookup(Uri("sip", user, domain), now)
        ]
        bindings.sort(key=lambda binding: (-binding.preference, -binding.expires_at))
        return [
            Location(each.contact.uri, each.source, each.path, instance_of(each.contact)) for each in bindings
        ]
