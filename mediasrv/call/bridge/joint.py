"""Two calls joined: somebody who talked in both asks that those at the other ends talk with each other (attended).

    before     B -- call 1 -- A        A -- call 2 -- C
    after      B -- call 1 ---- joint ---- call 2 -- C

Neither call is moved: each keeps its nursery, its record and the leg that is left in it, which sits down on the
caller's seat. What they share is a floor on which the two seats hear each other. When either call ends, for whatever
reason, the other one is ended, too.

Streams can only hear each other within one group of the engine. Calls that one party makes, or makes and was rung in,
are put into one group for that reason (`server.reception`). Of those that it was rung in both, nobody could know: there
everybody on the other call's floor moves into the group of this one first. What keeps them apart then is only that the
calls are on two threads of the engine: the request is declined, and everybody stays where they were.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from mediasrv.call.bridge.floor import Floor
from mediasrv.call.bridge.parties import Seat, see_out
from mediasrv.errors import LocalError, StreamClosed
from mediasrv.legs import Ending, Leg, TransferAsked
from mediasrv.media import Dtmf, Listen

if TYPE_CHECKING:
    from mediasrv.call.call import Call

NOBODY_LEFT, NOT_THEIRS, NO_SUCH_CALL, UNJOINABLE = 603, 403, 481, 488


async def join_calls(call: Call, seat: Seat, request: TransferAsked) -> None:
    """Joins who is left in `call` with who is left in the call that is named, or declines."""
    found = _named(call, request)
    status, problem = _why_not(call, seat, found)
    if not status and found is not None:
        status, problem = _why_unheard(_opposite(call, seat), _opposite(*found), found[0].floor)
    call.timeline.note("transfer_asked", to=request.target, attended=True, problem=problem)
    if status or found is None:
        await request.decline(status)
        return
    await request.accept()
    await request.tell(200)
    Joint(call, found[0]).begin((call, seat), found)


def _named(call: Call, request: TransferAsked) -> tuple[Call, Seat] | None:
    for other in call.services.live:
        for seat in other.floor.seats():
            if other is not call and request.names(seat.leg):
                return other, seat
    return None


def _why_not(call: Call, seat: Seat, found: tuple[Call, Seat] | None) -> tuple[int, str]:
    """The status that the request deserves, and why; 0: none."""
    if found is None:
        return NO_SUCH_CALL, "no such call"
    other, named = found
    if not _is_same_party(named.leg, seat.leg):
        return NOT_THEIRS, "that call is another party's"
    if not (call.floor.joined and other.floor.joined):
        return NOBODY_LEFT, "nobody would be left to talk with"
    return 0, ""


def _is_same_party(one: Leg, other: Leg) -> bool:
    """Of one trunk, or at one place: whom we have rung for a call of another trunk is our own user all the same."""
    return one.info.trunk == other.info.trunk or (one.host != "" and one.host == other.host)


def _why_unheard(left: Seat, right: Seat, floor: Floor) -> tuple[int, str]:
    """Tried, because only the engine knows: what is connected and disconnected before a tick was never heard.

    `floor`: the one that `right` is on."""
    try:
        if left.stream.group != right.stream.group:
            floor.move_beside(left.stream)
        left.stream.connect(right.stream, Listen.HEARD)
        left.stream.disconnect(right.stream, Listen.HEARD)
    except (LocalError, StreamClosed) as error:
        return UNJOINABLE, str(error)
    return 0, ""


def _opposite(call: Call, seat: Seat) -> Seat:
    floor = call.floor
    assert floor.callee is not None
    return floor.callee if seat is floor.caller else floor.caller


class Joint:
    """Two calls, in each of which one party is left."""

    def __init__(self, one: Call, other: Call) -> None:
        self._calls = one, other
        self._floor: Floor

    def begin(self, *leaving: tuple[Call, Seat]) -> None:
        for call, seat in leaving:
            _empty(call, seat)
        one, other = self._calls
        self._floor = Floor(one.floor.caller)
        self._floor.callee, self._floor.joined = other.floor.caller, True
        self._floor.music = one.floor.music or other.floor.music
        for call, peer in ((one, other), (other, one)):
            call.floor.beyond = self._floor
            call.timeline.note("joined", with_call=peer.info.id)
            call.nursery.start_soon(self._end_with, peer)
            call.lead_anew(self._lead)
        self._floor.settle()

    async def _end_with(self, peer: Call) -> None:
        """However the one ends, so does the other."""
        try:
            await trio.sleep_forever()
        finally:
            self._floor.clear()
            peer.end(Ending.AGENT_HUNG_UP)

    async def _lead(self, call: Call) -> Ending:
        """Passes the keys on, until one of the calls is over."""
        one, other = self._calls
        peer = other if call is one else one
        while True:
            event = await call.next_event()
            if isinstance(event, Dtmf):
                with suppress(StreamClosed, LocalError):
                    await peer.leg.press(event.digit)


def _empty(call: Call, seat: Seat) -> None:
    """Who sits there leaves; whoever is left sits on the caller's seat."""
    floor, callee = call.floor, call.floor.callee
    assert callee is not None
    assert callee.party is not None
    leaving = floor.caller.take(callee.party) if seat is floor.caller else (callee.leg, callee.party)
    callee.party = None
    floor.clear()
    call.start_for_all(see_out, *leaving)
