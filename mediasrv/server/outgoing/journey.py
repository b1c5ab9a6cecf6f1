"""The way of one call of ours: its places one by one, each with its addresses, and where redirections may lead.

Who has asked to be left alone (503 with Retry-After, RFC 3261 section 21.5.4) is passed over until then, unless there
is no other. Whatever a callee names in a 3xx must be allowed like any target, and is met without our account:
the password of a trunk is for its own hosts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mediasrv.clock import Clock
from mediasrv.endpoints import SipCall, SipEndpoint
from mediasrv.errors import RemoteError
from mediasrv.legs.outgoing import Stop
from mediasrv.server.outgoing.routes import Place, Resolve
from mediasrv.sip import Rejected, Uri

LONGEST_REST_S = 600.0
RESTING_MAX = 1_024  # addresses; beyond, the one that rests longest is asked again


class Rests:
    """Who asked to be left alone, and until when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[tuple[str, int], float] = {}

    def begin(self, stop: Stop, wait_s: float) -> None:
        self._until[_where(stop)] = self._clock.now() + min(wait_s, LONGEST_REST_S)
        if len(self._until) > RESTING_MAX:
            del self._until[next(iter(self._until))]

    def has(self, stop: Stop) -> bool:
        until = self._until.get(_where(stop), 0.0)
        if until <= self._clock.now():
            self._until.pop(_where(stop), None)
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
    _ahead: Iterator[Place] = field(init=False)
    _stops: deque[Stop] = field(default_factory=deque)  # of the place that is tried
    _resting: deque[Stop] = field(default_factory=deque)
    _rung: bool = False

    def __post_init__(self) -> None:
        self._ahead = iter(self.places)

    async def next_stop(self) -> Stop | None:
        while True:
            while self._stops:
                stop = self._stops.popleft()
                if not self.reach.rests.has(stop):
                    self._rung = True
                    return stop
                self._resting.append(stop)
            place = next(self._ahead, None)
            if place is None:
                return self._resting.popleft() if self._resting and not self._rung else None
            self._stops.extend(await self._stops_of(place))

    async def ring(self, stop: Stop, offer: bytes) -> SipCall:
        head = self.letterhead
        call = await self.reach.endpoint.call(
            stop.uri, destination=stop.hop, from_uri=head.from_uri, body=offer,
            headers=(*head.headers, *(("Route", route) for route in stop.path)),
            follow=True, hops=head.hops, account=stop.account, session_s=head.session_s,
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
            self.reach.rests.begin(stop, end.retry_after_s)

    def note(self, event: str, **fields: object) -> None:
        self.telling.note(event, fields)

    async def _stops_of(self, place: Place) -> list[Stop]:
        if place.hop is not None:
            return [Stop(place.uri, place.hop, place.account, place.path)]
        try:
            hops = await self.reach.resolve(place.uri)
        except RemoteError as error:
            self.note("not_found", to=str(place.uri), problem=str(error))
            return []
        return [Stop(place.uri, hop, place.account) for hop in hops]


def _where(stop: Stop) -> tuple[str, int]:
    return stop.hop[0], stop.hop[1]
