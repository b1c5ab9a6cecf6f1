"""Two parties of one call, joined: dialled, heard ringing, talking, and apart again.

    dial --refused--> REFUSED
      | rings: the caller hears it in his own telephone, or, if he is answered already, the ringback tone; then what the
      |        other side sends before it answers, answered or not
      +--busy, no answer in time, refused--> BUSY, NO_ANSWER, REFUSED
      +--the caller's chord--> TAKEN_BACK
      | answered: the caller is picked up, too; both hear each other, keys are passed on
      +--the caller's side has taken our place there (REFER with Replaces)--> HANDED_OVER
      +--the other side hangs up--> HUNG_UP     its sound fails--> LOST     the caller's chord--> TAKEN_BACK

The caller's own end is the call's end: it cancels everything here, as it does everywhere. The other side's end is
only the bridge's, and the agent says what comes then. Each wait has its bound: ringing by the plan, talking by the
engine's media timeout on either leg.

What the caller presses comes through the agent, which listens to the caller's stream in any case; what the other side
presses is read here.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from mediasrv.call.bridge.chords import Chords, Meant
from mediasrv.call.bridge.handover import DIAL_WITHIN_S, attend_requests
from mediasrv.call.bridge.parties import PEOPLE, Party, Seat
from mediasrv.errors import AtCapacity, LocalError, StreamClosed, leaves
from mediasrv.legs import CannotDial, CannotTransfer, Ending, LegEnded
from mediasrv.media import (
    Clip,
    Dtmf,
    MediaEvent,
    MediaFault,
    MediaTimeout,
    RecordingFailed,
    SourceLocked,
    StreamFace,
)

if TYPE_CHECKING:
    from mediasrv.call.call import Call


HAND_OVER_WITHIN_S = 32.0  # both are on the line: what is not done by then is refused, whatever is said later


class Outcome(Enum):
    """Why a bridge is over; the values are what the timeline says."""

    HUNG_UP = "hung_up"
    TAKEN_BACK = "taken_back"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"
    LOST = "lost"
    HANDED_OVER = "handed_over"


_NOT_ANSWERED = {Ending.BUSY: Outcome.BUSY, Ending.NO_ANSWER: Outcome.NO_ANSWER}


class Command(Enum):
    TAKE_BACK = auto()


@dataclass(frozen=True, slots=True)
class BridgePlan:
    """Whom to dial, and what is heard meanwhile."""

    target: str
    ring_s: float = 30.0
    ringback: Clip | None = None
    music: Clip | None = None  # for who is put on hold by the other
    take_back: str = "*0"  # keys by which the caller leaves the other side; empty: none
    hand_over: bool = False  # once it has answered, the caller's side is asked to take our place there
    recording: Path | None = None  # a new file: the caller left, the other side right


class Bridge:
    """One attempt at joining the caller with somebody; `next_key` gives what the caller presses."""

    def __init__(self, call: Call, plan: BridgePlan, next_key: Callable[[], Awaitable[str]]) -> None:
        self._call, self._plan, self._next_key = call, plan, next_key
        self._chords = Chords({plan.take_back: Command.TAKE_BACK} if plan.take_back else {})
        self._outcome: Outcome | None = None
        self._over = trio.Event()
        self.asked = False  # somebody was rung

    async def run(self) -> Outcome:
        call, plan = self._call, self._plan
        call.timeline.note("bridge_dialling", to=plan.target)
        try:
            with trio.fail_after(DIAL_WITHIN_S):
                party = await Party.dial(call, plan.target)
        except (CannotDial, AtCapacity, trio.TooSlowError) as refused:
            return self._ended(Outcome.REFUSED, str(refused) or "dialling took too long")
        self.asked = True
        seat = call.floor.callee = Seat(party.leg, party)
        call.floor.music = plan.music
        outcome, problem = Outcome.LOST, ""
        try:
            outcome = await self._join(seat)
        except* LocalError as problems:  # the two cannot hear each other: a leg that nobody made for that
            problem = "; ".join(str(error) for error in leaves(problems))
        finally:
            if seat.party is not None:
                seat.party.let_go()
            call.floor.clear()
        return self._ended(outcome, problem)

    async def _join(self, seat: Seat) -> Outcome:
        call = self._call
        call.floor.settle()
        await call.ring()
        outcome = await self._ring(seat)
        if outcome is None and await call.pick_up():
            outcome = await self._talk(seat)
        return outcome or Outcome.LOST

    def _ended(self, outcome: Outcome, problem: str = "") -> Outcome:
        self._call.timeline.note("bridge_ended", to=self._plan.target, why=outcome.value, problem=problem)
        return outcome

    def _end(self, outcome: Outcome) -> None:
        self._outcome = self._outcome or outcome
        self._over.set()

    # ---- ringing -----------------------------------------------------------------------------------------------

    async def _ring(self, seat: Seat) -> Outcome | None:
        """Why nobody talks; None: it was answered."""
        answered = False
        async with trio.open_nursery() as beside:
            beside.start_soon(self._sound_ringback, seat)
            beside.start_soon(self._watch_for_giving_up)
            beside.start_soon(self._cancel_when_over, beside.cancel_scope)
            with trio.move_on_after(self._plan.ring_s) as patience:
                try:
                    await seat.leg.answer()
                except LegEnded as end:
                    self._end(_NOT_ANSWERED.get(end.why, Outcome.REFUSED))
                else:
                    answered = True
            if patience.cancelled_caught:
                self._end(Outcome.NO_ANSWER)
            beside.cancel_scope.cancel()
        return None if answered and self._outcome is None else self._outcome

    async def _sound_ringback(self, seat: Seat) -> None:
        """Until the other side's network sounds something itself."""
        caller = self._call.stream
        with _behind(caller, self._plan.ringback):
            while not isinstance(await _event(seat), SourceLocked):
                pass
        self._call.timeline.note("early_media")
        # the call's task: an answer must not cut it off, what it has begun is the answer's, too
        self._call.start_soon(self._call.speak_early)
        while True:
            await _event(seat)

    async def _watch_for_giving_up(self) -> None:
        """Nobody is there yet to pass keys to."""
        while True:
            await self._obey(await self._next_meant())

    async def _cancel_when_over(self, scope: trio.CancelScope) -> None:
        await self._over.wait()
        scope.cancel()

    # ---- talking -----------------------------------------------------------------------------------------------

    async def _talk(self, seat: Seat) -> Outcome:
        floor = self._call.floor
        floor.joined = True
        floor.settle()
        self._call.timeline.note("bridged", to=self._plan.target)
        async with trio.open_nursery() as beside:
            beside.start_soon(self._pass_callers_keys, seat)
            beside.start_soon(self._listen_to_callee, seat)
            beside.start_soon(self._watch_callee, seat)
            beside.start_soon(attend_requests, self._call, seat, PEOPLE)
            beside.start_soon(self._record)
            if self._plan.hand_over:
                beside.start_soon(self._hand_over, seat)
            await self._over.wait()
            beside.cancel_scope.cancel()
        assert self._outcome is not None
        return self._outcome

    async def _pass_callers_keys(self, seat: Seat) -> None:
        while True:
            meant = await self._next_meant()
            if meant.passed:
                await self._press(seat, meant.passed, "callee")
            await self._obey(meant)

    async def _listen_to_callee(self, seat: Seat) -> None:
        while True:
            event = await _event(seat)
            match event:
                case Dtmf(digit=digit):
                    await self._press(self._call.floor.caller, digit, "caller")
                case MediaTimeout() if not seat.held:
                    self._end(Outcome.LOST)
                case MediaFault():
                    self._end(Outcome.LOST)

    async def _watch_callee(self, seat: Seat) -> None:
        await seat.wait_empty()
        self._end(Outcome.HUNG_UP)

    async def _hand_over(self, seat: Seat) -> None:
        """Both go on talking here until it is done; the other side's going is then a part of it."""
        try:
            with seat.handing_over(is_heard=True), trio.fail_after(HAND_OVER_WITHIN_S):
                await self._call.leg.transfer(self._plan.target, instead_of=seat.leg)
        except (CannotTransfer, trio.TooSlowError) as problem:
            self._call.timeline.note(
                "not_transferred", to=self._plan.target, problem=str(problem) or "no answer"
            )
        else:
            self._end(Outcome.HANDED_OVER)

    async def _press(self, seat: Seat, keys: str, who: str) -> None:
        """A key that the engine has no room for is lost: whoever holds one down all day gets no queue for it."""
        with suppress(StreamClosed, LocalError):
            await seat.leg.press(keys)
            self._call.timeline.note("key_passed", keys=keys, to=who)

    async def _obey(self, meant: Meant[Command]) -> None:
        if meant.command is Command.TAKE_BACK:
            self._end(Outcome.TAKEN_BACK)
            await trio.sleep_forever()

    async def _next_meant(self) -> Meant[Command]:
        """The next key of the caller's, as the bridge understands it."""
        while True:
            left_s = self._chords.deadline - self._call.now()
            with trio.move_on_after(max(0.0, left_s) if left_s < math.inf else math.inf):
                return self._chords.press(await self._next_key(), self._call.now())
            return self._chords.lapse()

    # ---- recording ---------------------------------------------------------------------------------------------

    async def _record(self) -> None:
        """A file for each caller: who takes another's place is on another stream."""
        path, seat, count = self._plan.recording, self._call.floor.caller, 1
        while path is not None:
            replaced = seat.replaced
            name = path if count == 1 else path.with_stem(f"{path.stem}-{count}")
            try:
                async with seat.stream.record(name) as recording:
                    self._call.timeline.note("bridge_recorded", file=name.name)
                    with self._call.secrecy.masks(recording):
                        await replaced.wait()
            except (RecordingFailed, LocalError, OSError) as problem:
                self._call.timeline.note("not_recorded", problem=str(problem))
                return
            count += 1


async def _event(seat: Seat) -> MediaEvent:
    """The next event of the party's stream; one that is closed tells no more, and its leg says why."""
    try:
        return await seat.next_event()
    except StreamClosed:
        return await trio.sleep_forever()


@contextmanager
def _behind(stream: StreamFace, clip: Clip | None) -> Iterator[None]:
    if clip is not None:
        stream.background(clip)
    try:
        yield
    finally:
        with suppress(StreamClosed):
            stream.background(None)
