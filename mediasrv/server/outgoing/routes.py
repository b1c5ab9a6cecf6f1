"""Where a target is rung: a user of ours, a number over a trunk, or the URI itself.

    a user part at one of our own addresses, or without any    whoever is registered by that name; else over the trunk
    `user:NAME`                                                whoever is registered by that name, and nobody else
    at a host of a trunk                                       there, as who we are with that trunk
    at any other host                                          there, as nobody in particular

A call goes out over the trunk that it came by, and where that has no `hosts`, over the first that has. Whether it may
be dialled at all is asked before (`dialling`); here nothing is refused but what leads nowhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mediasrv.config import USER_TARGET, Settings, TrunkSettings
from mediasrv.legs import CallInfo, CannotDial, CannotTransfer
from mediasrv.legs.outgoing import ANY_5XX, USUAL_FAILOVER, Failover
from mediasrv.legs.transfers import target_uri
from mediasrv.server.network.reach import host_uri
from mediasrv.sip import Account, Address, Malformed, Uri
from mediasrv.sip.grammar.uri import DEFAULT_PORT
from mediasrv.sip.hop import transport_of

Resolve = Callable[[Uri], Awaitable[Sequence[Address]]]
"""Where a URI can be reached, the best first and at least one (RFC 3263); raises a RemoteError."""


class Location(Protocol):
    """Where a telephone of a user's can be reached."""

    @property
    def contact(self) -> Uri: ...
    @property
    def hop(self) -> Address: ...
    @property
    def path(self) -> Sequence[str]:
        """The Routes that a request there takes (RFC 3327)."""


class Locations(Protocol):
    def of(self, user: str) -> Sequence[Location]:
        """The most wanted first; empty: nobody by that name is here."""


class Nowhere:
    """No user is registered."""

    def of(self, user: str) -> Sequence[Location]:
        return ()


@dataclass(frozen=True, slots=True)
class Place:
    """One of the places where a party may be; `hop`: where that is, as far as it is known already."""

    uri: Uri
    hop: Address | None = None
    account: Account | None = None
    trunk: str = ""  # that it is reached over; empty: none
    path: Sequence[str] = ()  # Routes that lead there
    sought: Uri | None = None  # what is looked up to get there, where that is not `uri`
    transports: Sequence[str] = ()  # that are spoken there; empty: whatever the looking up says
    failover: Failover = USUAL_FAILOVER

    async def found_by(self, resolve: Resolve) -> Sequence[Address]:
        """Where it is, best first; raises a RemoteError."""
        if self.hop is not None:
            return (self.hop,)
        hops = await resolve(self.sought or self.uri)
        return [hop for hop in hops if not self.transports or transport_of(hop).lower() in self.transports]


class Routes:
    """`ours`: under which addresses others know us."""

    def __init__(self, settings: Settings, ours: Sequence[tuple[str, int]], locations: Locations) -> None:
        self._settings, self._ours, self._locations = settings, ours, locations

    def to(self, by: CallInfo, target: str) -> Sequence[Place]:
        """Best first; raises CannotDial when there is none."""
        if target.startswith(USER_TARGET):
            return self._telephones_of(target.removeprefix(USER_TARGET))
        uri = self._uri(target)
        places = self._of_user(by, uri.user_text) if self._is_ours(uri) else self._at_host(uri)
        if not places:
            raise CannotDial(f"{target} leads nowhere: nobody is registered so, and no trunk has hosts")
        return places

    def trunk_out(self, by: CallInfo) -> str:
        """The trunk that calls go out over; empty: there is none."""
        trunks = self._settings.trunks
        if trunks[by.trunk].hosts:
            return by.trunk
        return next((name for name, trunk in trunks.items() if trunk.hosts), "")

    def _uri(self, target: str) -> Uri:
        try:
            return target_uri(target.strip(), self._ours[0][0])
        except CannotTransfer as error:
            raise CannotDial(f"{target!r} names nobody: {error}") from error

    def _is_ours(self, uri: Uri) -> bool:
        return uri.scheme == "tel" or (uri.host, uri.port or self._ours[0][1]) in self._ours

    def _telephones_of(self, user: str) -> list[Place]:
        places = self._registered(user)
        if not places:
            raise CannotDial(f"{user} is not registered")
        return places

    def _registered(self, user: str) -> list[Place]:
        return [Place(each.contact, each.hop, path=each.path) for each in self._locations.of(user)]

    def _of_user(self, by: CallInfo, user: str) -> list[Place]:
        number = self._settings.trunks[by.trunk].number(user)
        found = self._registered(number)
        name = self.trunk_out(by)
        if found or not name:
            return found
        trunk = self._settings.trunks[name]
        return [_host_of(name, trunk, host, number) for host in trunk.hosts]

    def _at_host(self, uri: Uri) -> list[Place]:
        for name, trunk in self._settings.trunks.items():
            for host in trunk.hosts:
                if _same_place(uri, host):
                    return [Place(uri, account=_account(trunk), trunk=name, failover=_failover(trunk))]
        return [Place(uri)]


def _host_of(name: str, trunk: TrunkSettings, host: str, number: str) -> Place:
    uri, sought = target_uri(_at(host, number, trunk), host), host_uri(trunk, host)
    return Place(
        uri, account=_account(trunk), trunk=name, sought=sought, transports=trunk.transports,
        failover=_failover(trunk),
    )  # fmt: skip


def _failover(trunk: TrunkSettings) -> Failover:
    return Failover(ANY_5XX if trunk.fails_over_on == "5xx" else (503,), trunk.silence_s)


def _at(host: str, number: str, trunk: TrunkSettings) -> str:
    """The URI of a number at a host of that trunk."""
    user = str(target_uri(trunk.written(number), host)).removesuffix(host)
    transport = trunk.transports[0]
    return f"{user}{host}" if transport == "udp" else f"{user}{host};transport={transport}"


def _account(trunk: TrunkSettings) -> Account | None:
    return Account(trunk.realm, trunk.username, trunk.password) if trunk.username else None


def _same_place(uri: Uri, host: str) -> bool:
    try:
        there = Uri.parse(f"sip:{host}")
    except Malformed:
        return False
    return (uri.host, uri.port or DEFAULT_PORT) == (there.host, there.port or DEFAULT_PORT)
