"""Parties of a call: legs that were dialled for it, and the seats that they sit on.

Whoever sits on a seat may be replaced (the other side asks to be transferred), so nobody keeps hold of a leg: who
wants to hear what the party there does asks the seat, and goes on with the next one without noticing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from mediasrv.call.services import MediaNeeds
from mediasrv.errors import StreamClosed
from mediasrv.legs import Ending, Leg, LegRequest
from mediasrv.media import MediaEvent, StreamFace

if TYPE_CHECKING:
    from mediasrv.call.call import Call

PEOPLE = MediaNeeds(aec=False, ns=False, vad=False, bridge=True)  # who is heard by people, and by no machine
LEAVE_S = 3.0  # for who was replaced, to hang up by itself


class Party:
    """Who came into a call that went on already, until it is let go or the call is over.

    A leg that we dialled is kept open by a task of the call's; one that came by itself, by whoever let it in.
    """

    def __init__(self, call: Call, leg: Leg | None = None) -> None:
        self.leg: Leg
        if leg is not None:
            self.leg = leg
        self._call = call
        self._let_go = trio.Event()

    @classmethod
    async def dial(cls, call: Call, target: str, needs: MediaNeeds = PEOPLE) -> Party:
        """Rings there; `leg.answer` waits for the answer. Raises CannotDial or AtCapacity."""
        party = cls(call)
        await call.nursery.start(party._keep, target, needs)
        return party

    def let_go(self) -> None:
        """Hangs up, or stops ringing."""
        self._let_go.set()

    async def wait_let_go(self) -> None:
        async with trio.open_nursery() as either:
            for event in (self._let_go, self._call.over):
                either.start_soon(_cancel_when, event, either.cancel_scope)

    async def _keep(
        self, target: str, needs: MediaNeeds, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        call, is_open = self._call, False
        try:
            async with call.services.dial(call.info, target, needs=needs, beside=call.leg) as self.leg:
                is_open = True
                task_status.started()
                await self._let_go.wait()
        except Exception as fault:
            if not is_open:
                raise
            call.timeline.note("party_fault", to=target, error=f"{type(fault).__name__}: {fault}")


@dataclass(slots=True, eq=False)
class Seat:
    """One party's place in a call."""

    leg: Leg
    party: Party | None = None  # None: the leg belongs to whoever opened the call
    held: bool = False  # it listens to nobody
    replaced: trio.Event = field(
        default_factory=trio.Event
    )  # set when somebody else sits here, and made anew
    handover: trio.Event | None = None  # it wants to leave, and it is being tried; set when that is decided
    _hearing: trio.CancelScope = field(default_factory=trio.CancelScope)
    _asking: trio.CancelScope = field(default_factory=trio.CancelScope)

    @property
    def stream(self) -> StreamFace:
        return self.leg.stream

    def take(self, party: Party) -> tuple[Leg, Party | None]:
        """Somebody else sits down; returns who sat here."""
        before = self.leg, self.party
        self.leg, self.party, self.held = party.leg, party, False
        self._hearing.cancel()
        self._asking.cancel()
        self.replaced.set()
        self.replaced = trio.Event()
        return before

    async def next_event(self) -> MediaEvent:
        """What the stream of whoever sits here tells next."""
        while True:
            stream = self.stream
            with trio.CancelScope() as self._hearing:
                try:
                    return await stream.next_event()
                except StreamClosed:
                    if self.stream is stream:
                        raise

    async def next_request(self) -> LegRequest:
        """What whoever sits here wants next; a request of one who has been replaced is nobody's."""
        while True:
            with trio.CancelScope() as self._asking:
                return await self.leg.next_request()

    async def wait_empty(self) -> Ending:
        """Returns when the party has gone, and nobody takes its place."""
        while True:
            leg = self.leg
            why = await leg.wait_ended()
            if self.handover is not None:
                await self.handover.wait()
            if self.leg is leg:
                return why


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


async def see_out(call: Call, leg: Leg, party: Party | None) -> None:
    """Who was replaced may hang up by itself; after a while we do, whatever has gone wrong before that.

    Its stream may stay open until the call is over: at that address somebody else may be long before."""
    try:
        with _noted(call, leg), trio.move_on_after(LEAVE_S):
            await leg.wait_ended()
        with _noted(call, leg), suppress(StreamClosed):
            leg.silence()
        with _noted(call, leg), trio.move_on_after(call.settings.hang_up_s):
            await leg.hang_up(Ending.TRANSFERRED)
    finally:
        if party is not None:
            party.let_go()


@contextmanager
def _noted(call: Call, leg: Leg) -> Iterator[None]:
    """What goes wrong with one who leaves is written down, and no matter of the others."""
    try:
        yield
    except Exception as fault:
        call.timeline.note("party_fault", to=leg.info.called, error=f"{type(fault).__name__}: {fault}")
