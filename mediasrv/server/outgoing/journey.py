"""The way of one call of ours: its places one by one, each with its addresses, and where redirections may lead.

Who has asked to be left alone (503 with Retry-After, RFC 3261 section 21.5.4) is passed over until then, and who has
said nothing for a minute, unless there is no other. A host whose trunk says that it answers OPTIONS, and which does
not, is passed over until it does. How long a host may say nothing, where there is another place, its trunk says.

Whatever a callee names in a 3xx must be allowed like any target, and is met without our account: the password of a
trunk is for its own hosts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mediasrv.clock import Clock
from mediasrv.endpoints import SipCall, SipEndpoint
from mediasrv.errors import RemoteError
from mediasrv.legs.outgoing import SILENT, Stop
from mediasrv.server.outgoing.routes import Place, Resolve
from mediasrv.sip import Address, Rejected, Uri

LONGEST_REST_S = 600.0
SILENT_S = 60.0
RESTING_MAX = 1_024  # addresses; beyond, the one that rests longest is asked again


class Rests:
    """Who asked to be left alone, and until when; and who is known to be down."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[tuple[str, int], float] = {}
        self._down: dict[tuple[str, int], None] = {}

    def begin(self, place: Address, wait_s: float = SILENT_S) -> None:
        self._until[_where(place)] = self._clock.now() + min(wait_s, LONGEST_REST_S)
        if len(self._until) > RESTING_MAX:
            del self._until[next(iter(self._until))]

    def stands(self, place: Address, *, alive: bool) -> None:
        """Somebody who would know has asked there; it holds until he says otherwise."""
        self._down.pop(_where(place), None)
        if not alive:
            self._down[_where(place)] = None
            if len(self._down) > RESTING_MAX:
                del self._down[next(iter(self._down))]

    def has(self, place: Address) -> bool:
        if _where(place) in self._down:
            return True
        until = self._until.get(_where(place), 0.0)
        if until <= self._clock.now():
            self._until.pop(_where(place), None)
            return False
        return True


@dataclass(frozen=True, slots=True)
class Telling:
    """Where what happens on the way to somebody is written down."""

    note: Callable[[str, dict[str, Any]], None]
    follow: Callable[[SipCall], None]  # each call that is made


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What is the same in every INVITE of one call."""

    from_uri: Uri
    headers: Sequence[tuple[str, str]]
    hops: int
    session_s: int  # the session interval that is asked for; 0: none


@dataclass(frozen=True, slots=True)
class Reach:
    """How any call of ours gets anywhere."""

    endpoint: SipEndpoint
    resolve: Resolve
    rests: Rests


@dataclass(slots=True)
class Journey:
    """A `Route`; `forbidden` says why a target may not be called, or nothing."""

    reach: Reach
    places: Sequence[Place]
    letterhead: Letterhead
    telling: Telling
    forbidden: Callable[[Uri], str]
    _ahead: deque[Place] = field(init=False)
    _telephones: list[list[Stop]] = field(init=False)  # ways to each of a user, until they are rung
    _stops: deque[Stop] = field(default_factory=deque)  # of the place that is tried
    _resting: deque[Stop] = field(default_factory=deque)
    _rung: bool = False

    def __post_init__(self) -> None:
        self._telephones = _telephones(self.places)
        self._ahead = deque(place for place in self.places if place.hop is None)

    async def next_stops(self) -> Sequence[Stop]:
        """All telephones of a user's at once; else one place after the other."""
        if self._telephones:
            telephones, self._telephones = self._telephones, []
            awake = [ways for ways in telephones if not all(map(self._rests, ways))]
            return [self._one_after_the_other(ways) for ways in awake or telephones]
        stop = await self._next_stop()
        return [] if stop is None else [stop]

    def _one_after_the_other(self, ways: Sequence[Stop]) -> Stop:
        """A telephone is rung in the first, and `otherwise` in the next; those that rest come last."""
        first, *others = sorted(ways, key=self._rests)
        return replace(first, otherwise=tuple(others))

    def _rests(self, stop: Stop) -> bool:
        return self.reach.rests.has(stop.hop)

    async def _next_stop(self) -> Stop | None:
        while True:
            while self._stops:
                stop = self._stops.popleft()
                if not self._rests(stop):
                    self._rung = True
                    return stop
                self._resting.append(stop)
            if not self._ahead:
                return self._resting.popleft() if self._resting and not self._rung else None
            self._stops.extend(await self._stops_of(self._ahead.popleft()))

    async def ring(self, stop: Stop, offer: bytes) -> SipCall:
        head = self.letterhead
        call = await self.reach.endpoint.call(
            stop.uri, destination=stop.hop, from_uri=head.from_uri, body=offer,
            headers=(*head.headers, *(("Route", route) for route in stop.path)),
            follow=True, hops=head.hops, account=stop.account, session_s=head.session_s,
            silence_s=stop.failover.silence_s if self._stops or self._ahead or stop.otherwise else None,
        )  # fmt: skip
        self.telling.follow(call)
        return call

    async def redirected(self, targets: Sequence[Uri]) -> Stop | None:
        for uri in targets:
            problem = self.forbidden(uri)
            if problem:
                self.note("not_followed", to=str(uri), problem=problem)
                continue
            for stop in await self._stops_of(Place(uri)):
                return stop
        return None

    def passed_over(self, stop: Stop, end: Rejected) -> None:
        if end.retry_after_s:
            self.reach.rests.begin(stop.hop, end.retry_after_s)
        elif end.status == SILENT:
            self.reach.rests.begin(stop.hop)

    def note(self, event: str, **fields: object) -> None:
        self.telling.note(event, fields)

    async def _stops_of(self, place: Place) -> list[Stop]:
        try:
            hops = await place.found_by(self.reach.resolve)
        except RemoteError as error:
            self.note("not_found", to=str(place.uri), problem=str(error))
            return []
        if place.transports and "tcp" not in place.transports:
            for hop in hops:
                self.reach.endpoint.takes_no_stream(hop)
        return [Stop(place.uri, hop, place.account, place.path, place.failover) for hop in hops]


def _telephones(places: Sequence[Place]) -> list[list[Stop]]:
    """Of a user of ours, each with the ways to it, best first."""
    ways: dict[object, list[Stop]] = {}
    for place in places:
        if place.hop is not None:
            stop = Stop(place.uri, place.hop, place.account, place.path)
            ways.setdefault(place.instance or stop, []).append(stop)
    return list(ways.values())


def _where(place: Address) -> tuple[str, int]:
    return place[0], place[1]
