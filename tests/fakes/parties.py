"""People whom a call dials, and what they and the caller want of it: legs that behave as a plan says."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from mediasrv.call import MediaNeeds
from mediasrv.errors import AtCapacity
from mediasrv.ids import CallId
from mediasrv.legs import CallInfo, CannotDial, CannotTransfer, Ending, Leg, LegEnded, LegRequest
from mediasrv.media import MediaEvent
from tests.fakes.stream import FakeStream


@dataclass
class Guest:
    """How one behaves who is dialled; times count from the first ring, and from the answer."""

    answers_after_s: float = 2.0
    refuses: Ending | None = None  # in place of the answer
    stays_s: float | None = 20.0  # None: for ever
    takes_over: bool = False  # a transfer of ours
    wants: Sequence[tuple[float, LegRequest]] = ()
    events: Sequence[tuple[float, MediaEvent]] = ()


class FakeParty:
    """A leg that was dialled, or a caller's that wants something."""

    def __init__(self, guest: Guest, info: CallInfo, stream: FakeStream | None = None) -> None:
        self.stream, self.info = stream or FakeStream(events=guest.events), info
        self.host = ""
        self.hung_up: list[Ending] = []
        self.transfers: list[str] = []
        self.closed = False
        self._guest = guest
        self._wants = list(guest.wants)
        self._over = trio.Event()
        self._why = Ending.CALLER_HUNG_UP
        self._answered, self._answered_at = trio.Event(), 0.0

    async def ring(self) -> None:
        await trio.lowlevel.checkpoint()

    async def speak_early(self) -> bool:
        await trio.lowlevel.checkpoint()
        return False

    async def answer(self) -> None:
        await trio.sleep(self._guest.answers_after_s)
        if self._guest.refuses is not None:
            self.leave(self._guest.refuses)
            raise LegEnded(self._guest.refuses)
        self._answered_at = trio.current_time()
        self._answered.set()

    def leave(self, why: Ending = Ending.CALLER_HUNG_UP) -> None:
        self._why = why
        self._over.set()
        self._answered.set()

    async def wait_ended(self) -> Ending:
        await self._answered.wait()
        stays_s = math.inf if self._guest.stays_s is None else self._guest.stays_s
        with trio.move_on_at(self._answered_at + stays_s):
            await self._over.wait()
        self._over.set()
        return self._why

    async def next_request(self) -> LegRequest:
        await self._answered.wait()
        if not self._wants:
            await trio.sleep_forever()
        await trio.sleep_until(self._answered_at + self._wants[0][0])
        return self._wants.pop(0)[1]

    async def press(self, keys: str) -> bool:
        await trio.lowlevel.checkpoint()
        self.stream.send_dtmf(keys)
        return True

    async def transfer(self, target: str, instead_of: Leg | None = None) -> None:
        self.transfers.append(target)
        await trio.sleep(1.0)
        if not self._guest.takes_over:
            raise CannotTransfer("603")

    def silence(self) -> None:
        self.stream.set_direction(sending=False, hearing=False)

    async def hang_up(self, why: Ending) -> None:
        await trio.sleep(0.005)
        if not self._over.is_set():
            self.hung_up.append(why)
            self.leave(Ending.AGENT_HUNG_UP)


@dataclass
class FakeDialler:
    """Fulfils `Dial`: finds guests by the target."""

    nursery: trio.Nursery
    guests: dict[str, Guest] = field(default_factory=dict)
    full: bool = False
    open_stream: Callable[[], Awaitable[FakeStream | None]] | None = None  # in place of a fake one
    dialled: list[FakeParty] = field(default_factory=list)
    needed: list[MediaNeeds] = field(default_factory=list)

    def party(self, target: str) -> FakeParty:
        """The one who was dialled there last."""
        return next(party for party in reversed(self.dialled) if party.info.called == target)

    @asynccontextmanager
    async def dial(
        self, by: CallInfo, target: str, *, needs: MediaNeeds, beside: Leg | None = None
    ) -> AsyncIterator[Leg]:
        await trio.sleep(0.01)
        if self.full:
            raise AtCapacity("no room")
        if target not in self.guests:
            raise CannotDial("the rules forbid it")
        info = CallInfo(CallId(f"to-{target}"), by.caller, target, by.trunk)
        stream = await self.open_stream() if self.open_stream else None
        party = FakeParty(self.guests[target], info, stream)
        self.dialled.append(party)
        self.needed.append(needs)
        if stream is None:
            self.nursery.start_soon(party.stream.run)
        try:
            yield party
        finally:
            with trio.CancelScope(shield=True):
                await party.hang_up(Ending.AGENT_HUNG_UP)
                await party.stream.aclose()
            party.closed = True


@dataclass
class FakeTransfer:
    """A party asks to be replaced, and remembers what it was told."""

    target: str
    names_leg: object = None
    told: list[int] = field(default_factory=list)

    @property
    def is_attended(self) -> bool:
        return self.names_leg is not None

    def names(self, leg: Leg) -> bool:
        return leg is self.names_leg

    async def accept(self) -> None:
        self.told.append(202)

    async def tell(self, status: int) -> None:
        self.told.append(status)

    async def decline(self, status: int) -> None:
        self.told.append(status)
