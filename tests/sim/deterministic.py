"""The same seed, the same run: virtual time, and an order of tasks that a seed decides.

Trio runs the tasks of one batch in random order, on purpose. Here the order is still arbitrary, but drawn
from the seed, so a thousand seeds try a thousand orders and each can be had again.

Time belongs to the *agenda*: a heap of moments at which something outside the program happens (a datagram
arrives, the engine's clock ticks). When every task is blocked, trio asks its clock how long to sleep; that is
when the clock jumps to the next moment or the next deadline of a task, whichever comes first. Most moments wake
no task at all; these cost a heap operation each, and no turn of trio's scheduler, which is what makes the
simulation fast. A task of the agenda's own only sees to what cannot be done there: to await, and to fail.

Nothing here may wait for the real world: a task blocked on a thread or a socket is, to the agenda, just
blocked.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import trio
import trio.testing

from mediasrv.clock import NS_PER_S

T = TypeVar("T")
Action = Callable[[], Awaitable[None] | None]

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
BEGINNING_NS = 1_000 * NS_PER_S  # not zero: a time stamp that was forgotten should look wrong


STEPS_AT_ONE_MOMENT_MAX = 100_000
UNWINDING_NS = 120 * NS_PER_S  # of virtual time, for a program that was cancelled


class OutOfTime(Exception):
    """The simulated time is up, or nothing will ever happen again, and the program has not ended."""


class VirtualClock(trio.abc.Clock):
    """Whole nanoseconds that pass only when told to: trio's clock and `mediasrv.clock.Clock` in one."""

    def __init__(self) -> None:
        self._now_ns = BEGINNING_NS
        self._stopped: Exception | None = None
        self.idle: Callable[[], bool] = lambda: False  # lets time pass; false when it must not

    def now(self) -> float:
        return self._now_ns / NS_PER_S

    def now_ns(self) -> int:
        return self._now_ns

    def wall(self) -> datetime:
        return EPOCH + timedelta(microseconds=(self._now_ns - BEGINNING_NS) // 1_000)

    def jump_to(self, at_ns: int) -> None:
        assert at_ns >= self._now_ns, "time cannot go backwards"
        self._now_ns = at_ns

    def start_clock(self) -> None:
        """Trio's hook; there is nothing to start."""

    def current_time(self) -> float:
        return self._now_ns / NS_PER_S

    def stop(self, why: Exception) -> None:
        """Makes the next look at the clock fail, which ends trio's run whatever its tasks do."""
        self._stopped = why

    def deadline_to_sleep_time(self, deadline: float) -> float:
        if self._stopped is not None:
            raise self._stopped
        passes = deadline <= self.current_time() or self.idle()
        return 0.0 if passes else 1e9  # only the agenda lets time pass


class Standstill(trio.abc.Instrument):
    """Notices tasks that run and run while no time passes: in life a busy loop, here the end of all progress."""

    def __init__(self, clock: VirtualClock, program: trio.CancelScope) -> None:
        self.told: OutOfTime | None = None
        self._clock, self._program = clock, program
        self._steps, self._at_ns = 0, 0

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        now_ns = self._clock.now_ns()
        if now_ns != self._at_ns:
            self._steps, self._at_ns = 0, now_ns
        self._steps += 1
        if self._steps == STEPS_AT_ONE_MOMENT_MAX:
            self.told = OutOfTime(f"time stands still at {self._clock.now():.6f} s, in {task.name}")
            self._program.cancel()
        elif self._steps == 2 * STEPS_AT_ONE_MOMENT_MAX and self.told is not None:
            self._clock.stop(self.told)


class Agenda:
    """What will happen, and when: actions in the order of their time, then of their entry."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.told: Exception | None = None
        self._entries: list[tuple[int, int, Action]] = []
        self._numbers = itertools.count()
        self._until_ns = BEGINNING_NS
        self._driven = False
        self._waiting: Awaitable[None] | None = None  # what the last action left to be awaited
        self._failed: Exception | None = None
        clock.idle = self._let_pass

    def at(self, at_ns: int, action: Action) -> None:
        """Runs `action` at `at_ns`, or as soon as may be when that has passed."""
        heapq.heappush(self._entries, (max(at_ns, self.clock.now_ns()), next(self._numbers), action))

    def after(self, delay_ms: float, action: Action) -> None:
        self.at(self.clock.now_ns() + round(delay_ms * 1_000_000), action)

    def suspend(self, for_ns: int) -> None:
        """Time passes, and nothing happens in it: what was due meanwhile happens afterwards, all at once."""
        self.clock.jump_to(self.clock.now_ns() + for_ns)

    def has_woken(self) -> bool:
        """Whether some task has something to do."""
        return bool(self._runner().runq)

    def quiet_until_ns(self) -> int:
        """Before this nothing happens and no deadline passes; now, if a task has something to do."""
        runner = self._runner()
        if runner.runq:
            return self.clock.now_ns()
        wakes_ns = self._deadline_ns(runner.deadlines.next_deadline())
        happens_ns = self._entries[0][0] if self._entries else None
        return min(at_ns for at_ns in (wakes_ns, happens_ns, self._until_ns) if at_ns is not None)

    async def drive(self, until_ns: int) -> None:
        """Lets time pass until cancelled; raises OutOfTime when the program lives longer than it may."""
        self._until_ns, self._driven = until_ns, True
        try:
            while True:
                await trio.testing.wait_all_tasks_blocked()
                waiting, self._waiting = self._waiting, None
                failed, self._failed = self._failed, None
                if waiting is not None:
                    await waiting
                if failed is not None:
                    raise failed
        finally:
            self._driven = False

    def _let_pass(self) -> bool:
        """Within trio's loop, while every task is blocked: true when some of them may have something to do now."""
        if not self._driven:
            return False
        try:
            while not self._next():
                pass
        except Exception as error:
            self._failed = error
        return self._waiting is None and self._failed is None

    async def drive_to_the_end(self, until_ns: int, program: trio.CancelScope) -> None:
        """The same; but when that fails, the program is cancelled, and time passes on until it has unwound."""
        try:
            await self.drive(until_ns)
        except Exception as error:
            self.told = error
        program.cancel()
        try:
            await self.drive(until_ns + UNWINDING_NS)
        except Exception as error:
            self.clock.stop(error)  # tasks that cannot be woken, not even to be cancelled: only trio can end

    def _next(self) -> bool:
        """Jumps to the next moment and lets it happen; true when tasks may have something to do now."""
        runner = self._runner()
        if runner.runq:
            return True
        wakes_ns = self._deadline_ns(runner.deadlines.next_deadline())
        happens_ns = max(self._entries[0][0], self.clock.now_ns()) if self._entries else None
        if happens_ns is None and wakes_ns is None:
            raise OutOfTime("every task is blocked, and nothing is going to happen")
        if wakes_ns is not None and (happens_ns is None or wakes_ns <= happens_ns):
            self._jump(wakes_ns)
            return True
        assert happens_ns is not None
        self._jump(happens_ns)
        _, _, action = heapq.heappop(self._entries)
        self._waiting = action()
        return self._waiting is not None

    def _runner(self) -> trio._core._run.Runner:
        """Trio's own; its public statistics say the same, and to ask for them took a tenth of every run."""
        runner: trio._core._run.Runner = trio._core._run.GLOBAL_RUN_CONTEXT.runner
        return runner

    def _deadline_ns(self, at_s: float) -> int | None:
        """The moment of a deadline, the same whenever it is asked for; but never one that rounding has left behind."""
        if math.isinf(at_s):
            return None
        at_ns, now_ns = math.ceil(at_s * NS_PER_S), self.clock.now_ns()
        if at_ns > now_ns:
            return at_ns
        return now_ns if at_s <= self.clock.current_time() else now_ns + 1

    def _jump(self, at_ns: int) -> None:
        if at_ns > self._until_ns:
            lived_s = (self._until_ns - BEGINNING_NS) / NS_PER_S
            raise OutOfTime(f"still running after {lived_s:g} simulated seconds")
        self.clock.jump_to(at_ns)


def seed_scheduler(seed: int) -> None:
    """Makes trio draw the order of its tasks from `seed`; both names are private to trio, hence the check."""
    scheduler = trio._core._run
    if not (
        hasattr(scheduler, "_ALLOW_DETERMINISTIC_SCHEDULING")
        and isinstance(getattr(scheduler, "_r", None), random.Random)
    ):
        raise RuntimeError(
            f"trio {trio.__version__} has no _ALLOW_DETERMINISTIC_SCHEDULING and _r in trio._core._run: "
            "the simulation cannot fix the order of tasks; look there for what took their place"
        )
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    scheduler._r.seed(seed)


def run(seed: int, main: Callable[[Agenda], Awaitable[T]], *, limit_s: float = 600.0) -> T:
    """Runs `main` in virtual time, in the order `seed` decides; what it returns or raises is the result."""
    seed_scheduler(seed)
    random.seed(seed)
    clock = VirtualClock()
    agenda = Agenda(clock)

    async def drive_main() -> T:
        async with trio.open_nursery() as nursery:
            driving, program = trio.CancelScope(shield=True), trio.CancelScope()
            standstill = Standstill(clock, program)
            trio.lowlevel.add_instrument(standstill)
            nursery.start_soon(drive, driving, program)
            try:
                with program:
                    return await main(agenda)
            finally:
                driving.cancel()
        raise standstill.told or agenda.told or AssertionError("cancelled by nobody")

    async def drive(driving: trio.CancelScope, program: trio.CancelScope) -> None:
        with driving:  # shielded: a program that unwinds needs the time to pass, too
            await agenda.drive_to_the_end(BEGINNING_NS + round(limit_s * NS_PER_S), program)

    try:
        return trio.run(drive_main, clock=clock)
    except BaseExceptionGroup as group:  # of our own nursery, which is not part of what was asked
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
