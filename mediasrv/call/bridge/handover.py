"""A party that wants somebody else in its place (REFER): the one named is dialled, and takes the seat when it answers.

    asked --> may it be dialled? --no--> 603, and nobody was called
                | yes: rings
                v
              accepted (202), 180 --busy, no answer, refused--> told so; everybody stays where they were
                | answers
                v
              sits down; told 200; the one who asked is seen out

From acceptance on the others hear music instead of the one who leaves, whether it has put them on hold before or has
hung up already, as many telephones do as soon as they are told 202. If then nobody takes its place, its having gone
counts as it always does. A call that only an agent leads goes on with the new party: the agent begins anew, because
it greets whom it does not know. Until then an agent's patience rests: whose telephone has hung up says nothing, and is
not asked whether he is there. If he stays after all, it begins anew. The longest call and the operator wait for nobody.

Two may want the same seat at once: a telephone that asked may be replaced by another call of its user's (Replaces)
meanwhile, and that one by a third. Who sits down first has it; the others are overtaken: whom they have dialled is let
go, who came by himself is hung up, and who asked is told 487.

A request is answered once in every case: what is cancelled here is told as 487, and the protocol below refuses what
nobody decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

from mediasrv.call.bridge.joint import join_calls
from mediasrv.call.bridge.parties import Party, Seat, cancel_when, see_out
from mediasrv.call.services import MediaNeeds
from mediasrv.errors import AtCapacity
from mediasrv.legs import CannotDial, Ending, HoldChanged, Leg, LegEnded, TransferAsked

if TYPE_CHECKING:
    from mediasrv.call.call import Call

DIAL_WITHIN_S = 8.0  # the request is refused by itself after 10
RING_S = 60.0

BUSY, UNANSWERED, GIVEN_UP, DECLINED, NO_ROOM = 486, 480, 487, 603, 503
_STATUSES = {Ending.BUSY: BUSY, Ending.NO_ANSWER: UNANSWERED, Ending.REFUSED: DECLINED}


async def attend_requests(call: Call, seat: Seat, needs: MediaNeeds) -> None:
    """Does what the parties on that seat want of the call, as long as they may want anything.

    `needs`: what the stream of somebody who takes the seat must be able to do.
    """
    while True:
        request = await seat.next_request()
        if isinstance(request, HoldChanged):
            seat.holds = request.held
            call.timeline.note("hold" if request.held else "resume", who=_who(call, seat))
            call.floor.settle()
        elif request.is_attended:
            await join_calls(call, seat, request)
        else:
            await _replace(call, seat, request, needs)


async def _replace(call: Call, seat: Seat, request: TransferAsked, needs: MediaNeeds) -> None:
    note, replaced = call.timeline.note, seat.replaced
    note("transfer_asked", who=_who(call, seat), to=request.target)
    try:
        problem = call.services.why_not_follow(seat.leg.info, request.target)
        if problem:
            raise CannotDial(problem)
        with trio.fail_after(DIAL_WITHIN_S):
            party = await Party.dial(call, request.target, needs)
    except CannotDial as refused:
        note("transfer_refused", to=request.target, problem=str(refused))
        await request.decline(DECLINED)
    except (AtCapacity, trio.TooSlowError) as failed:
        note("transfer_refused", to=request.target, problem=str(failed) or "dialling took too long")
        await request.decline(NO_ROOM)
    else:
        with _leaving(call, seat):
            await _try(call, seat, request, party, replaced)


@contextmanager
def _leaving(call: Call, seat: Seat) -> Iterator[None]:
    """The party is on its way out: the others hear music, and its hanging up is not yet the end."""
    try:
        with seat.handing_over(is_heard=False):
            call.floor.settle()
            yield
    finally:
        call.floor.settle()


async def _try(call: Call, seat: Seat, request: TransferAsked, party: Party, replaced: trio.Event) -> None:
    status = GIVEN_UP
    try:
        await request.accept()
        await request.tell(180)
        status = await _unless(replaced, party)
        if status == 200:
            _seat_new(call, seat, party)
    finally:
        if seat.party is not party:
            party.let_go()
        with trio.CancelScope(shield=True):  # tells without waiting for anybody
            await request.tell(status)
    call.timeline.note("transfer_done", to=request.target, status=status)


async def take_over(call: Call, seat: Seat, leg: Leg) -> None:
    """Somebody who has come by himself takes the seat; returns when he has left it. LegEnded: he did not stay.

    One who is overtaken, or whose seat is there no more, is hung up."""
    party, replaced = Party(call, leg), seat.replaced
    with _leaving(call, seat):
        await leg.answer()
        may_sit = not (replaced.is_set() or call.over.is_set()) and seat in call.floor.seats()
        if may_sit:
            _seat_new(call, seat, party)
    if not may_sit:
        with trio.move_on_after(call.settings.hang_up_s):
            await leg.hang_up(Ending.REFUSED)
        return
    call.timeline.note("seat_taken", who=_who(call, seat), by=leg.info.caller)
    await party.wait_let_go()


def _seat_new(call: Call, seat: Seat, party: Party) -> None:
    before = seat.take(party)
    call.start_for_all(see_out, call, *before)
    call.floor.settle()
    if call.floor.callee is None:
        call.lead_anew()


async def _unless(replaced: trio.Event, party: Party) -> int:
    """The status of the call that was made, which is over when somebody else has sat down."""
    status = GIVEN_UP
    async with trio.open_nursery() as beside:
        beside.start_soon(cancel_when, replaced, beside.cancel_scope)
        status = await _answered(party)
        beside.cancel_scope.cancel()
    return GIVEN_UP if replaced.is_set() else status


async def _answered(party: Party) -> int:
    """The status of the call that was made."""
    with trio.move_on_after(RING_S):
        try:
            await party.leg.answer()
        except LegEnded as end:
            return _STATUSES.get(end.why, NO_ROOM)
        return 200
    return UNANSWERED


def _who(call: Call, seat: Seat) -> str:
    return "caller" if seat is call.floor.caller else "callee"
