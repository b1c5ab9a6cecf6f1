"""All callers together: one after the other until they are as many as were asked for, then as long as was asked for.

Each says his watermark without a pause and listens for it. A call that fails or ends is followed by another while there
is time, so that the load stays what it is. What callers do out of the ordinary (hold, keys, hanging up early) is drawn
from one seed: who does what is the same in every run, when it happens to the others is not.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio

from mediasrv.endpoints import CallGone, ChangeRefused, SipEndpoint
from mediasrv.errors import AtCapacity
from mediasrv.media import Arming, EngineFace
from mediasrv.media.statistics import StreamStatistics
from tools.load.ears import Listener
from tools.load.line import Dialled, Line, NotTaken, calling
from tools.load.verdict import Verdict
from tools.load.watermark import CALLS_MAX, SPEAKS_RATE_HZ, turn_of

PIECE_TURNS = 3  # of the clock, said at a time: a second and a half
LISTEN_MS = 500  # are read at a time
HOLD_S = 1.0
KEY_MS = 100
SETTLE_MS = 1_500  # of sound, until what a hold or a key has torn is over in both directions
RETRY_S = 1.0
DEAF = Arming(on_onset="ignore")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Seconds between a caller's doings, in the mean; 0: never."""

    holds_s: float = 0.0
    keys_s: float = 0.0
    hangs_up_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    calls: int
    per_second: float  # how fast they come
    seconds: float  # that all are up
    behaviour: Behaviour = field(default_factory=Behaviour)
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.calls <= CALLS_MAX:
            raise ValueError(f"1 to {CALLS_MAX} calls can be told apart")

    @property
    def ramp_s(self) -> float:
        return self.calls / self.per_second


@dataclass(frozen=True, slots=True)
class Outcome:
    """One call that was answered, and is over."""

    setup_ms: float
    first_sound_ms: float | None  # from the answer to the first own sound; None: there was none
    lasted_s: float
    verdict: Verdict
    line: StreamStatistics
    dropped: str = ""  # it ended before we hung up, and why


@dataclass(slots=True)
class Crowd:
    """Runs a plan; `outcomes` and `refusals` grow while it does."""

    endpoint: SipEndpoint
    engine: EngineFace
    dialled: Dialled
    plan: Plan
    outcomes: list[Outcome] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    up: int = 0

    async def run(self) -> None:
        began = trio.current_time()
        until = began + self.plan.ramp_s + self.plan.seconds
        async with trio.open_nursery() as callers:
            for number in range(self.plan.calls):
                callers.start_soon(self._caller, number, until)
                await trio.sleep_until(began + (number + 1) / self.plan.per_second)

    async def _caller(self, number: int, until: float) -> None:
        chance = random.Random(f"{self.plan.seed}/{number}")
        while trio.current_time() < until:
            try:
                await self._call(number, chance, until)
            except (NotTaken, AtCapacity) as problem:
                self.refusals.append(str(problem))
                await trio.sleep(RETRY_S)

    async def _call(self, number: int, chance: random.Random, until: float) -> None:
        ends = min(until, trio.current_time() + _after(chance, self.plan.behaviour.hangs_up_s))
        async with calling(self.endpoint, self.engine, self.dialled, number) as line:
            call = _Call(line, number, chance, self.plan.behaviour)
            self.up += 1
            try:
                await call.talk(ends)
            finally:
                self.up -= 1
                self.outcomes.append(call.outcome())


class _Call:
    def __init__(self, line: Line, number: int, chance: random.Random, behaviour: Behaviour) -> None:
        self._line, self._chance, self._behaviour = line, chance, behaviour
        self._sound = turn_of(number) * PIECE_TURNS
        self._listener = Listener(Verdict(number))
        self._began = trio.current_time()
        self._first_sound: float | None = None
        self._dropped = ""

    async def talk(self, until: float) -> None:
        async with trio.open_nursery() as doing:
            doing.start_soon(self._say)
            doing.start_soon(self._listen)
            doing.start_soon(self._now_and_then, self._behaviour.holds_s, self._hold)
            doing.start_soon(self._now_and_then, self._behaviour.keys_s, self._press)
            with trio.move_on_at(until):
                self._dropped = str(await self._line.call.wait_ended())
            doing.cancel_scope.cancel()

    def outcome(self) -> Outcome:
        self._listener.verdict.finish()
        first_ms = None if self._first_sound is None else (self._first_sound - self._began) * 1000
        lasted_s = trio.current_time() - self._began
        return Outcome(
            self._line.setup_ms, first_ms, lasted_s, self._listener.verdict, self._line.stream.statistics(),
            self._dropped,
        )  # fmt: skip

    async def _say(self) -> None:
        generation = self._line.stream.begin()
        while True:
            await self._line.stream.play(self._sound, SPEAKS_RATE_HZ, generation, DEAF)

    async def _listen(self) -> None:
        verdict = self._listener.verdict
        while True:
            # Until the first sound is there it is listened for closely, for its time is a figure of its own.
            self._listener.hear(await self._line.stream.read(LISTEN_MS if verdict.began else 20))
            if verdict.began and self._first_sound is None:
                self._first_sound = trio.current_time()

    async def _now_and_then(self, every_s: float, deed: Callable[[], Awaitable[None]]) -> None:
        while every_s:
            await trio.sleep(_after(self._chance, every_s))
            try:
                await deed()
            except (ChangeRefused, CallGone) as problem:
                self._dropped = self._dropped or str(problem)
                return

    async def _hold(self) -> None:
        self._listener.verdict.pardon(LISTEN_MS + round(1000 * HOLD_S) + SETTLE_MS)
        await self._line.change("sendonly")
        await trio.sleep(HOLD_S)
        await self._line.change("sendrecv")
        self._listener.verdict.pardon(LISTEN_MS + SETTLE_MS)

    async def _press(self) -> None:
        self._listener.verdict.pardon(LISTEN_MS + KEY_MS + SETTLE_MS)
        self._line.stream.send_dtmf(self._chance.choice("0123456789*#"), KEY_MS)


def _after(chance: random.Random, mean_s: float) -> float:
    """Waits of no memory; for ever when it never happens."""
    return chance.expovariate(1 / mean_s) if mean_s else float("inf")
