"""The same seed, the same run: virtual time, and an order of tasks that a seed decides.

Trio runs the tasks of one batch in random order, on purpose. Here the order is still arbitrary, but drawn
from the seed, so a thousand seeds try a thousand orders and each can be had again.

Time belongs to the *agenda*: a heap of moments at which something outside the program happens (a datagram
arrives, the engine's clock ticks). When every task is blocked, the clock jumps to the next moment or the
next deadline of a task, whichever comes first. Most moments wake no task at all; these cost a heap operation
each, and no turn of trio's scheduler, which is what makes the simulation fast.

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


class OutOfTime(Exception):
    """The simulated time is up, or nothing will ever happen again, and the program has not ended."""


class VirtualClock(trio.abc.Clock):
    """Whole nanoseconds that pass only when told to: trio's clock and `mediasrv.clock.Clock` in one."""

    def __init__(self) -> None:
        self._now_ns = BEGINNING_NS

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

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return 0.0 if deadline <= self.current_time() else 1e9  # only the agenda lets time pass


class Agenda:
    """What will happen, and when: actions in the order of their time, then of their entry."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self._entries: list[tuple[int, int, Action]] = []
        self._numbers = itertools.count()

    def at(self, at_ns: int, action: Action) -> None:
        """Runs `action` at `at_ns`, or as soon as may be when that has passed."""
        heapq.heappush(self._entries, (max(at_ns, self.clock.now_ns()), next(self._numbers), action))

    def after(self, delay_ms: float, action: Action) -> None:
        self.at(self.clock.now_ns() + round(delay_ms * 1_000_000), action)

    async def drive(self, until_ns: int) -> None:
        """Lets time pass until cancelled; raises OutOfTime when the program lives longer than it may."""
        while True:
            await trio.testing.wait_all_tasks_blocked()
            while not await self._next(until_ns):
                pass

    async def _next(self, until_ns: int) -> bool:
        """Jumps to the next moment and lets it happen; true when tasks may have something to do now."""
        statistics = trio.lowlevel.current_statistics()
        if statistics.tasks_runnable:
            return True
        wakes_ns = self._deadline_ns(statistics.seconds_to_next_deadline)
        happens_ns = self._entries[0][0] if self._entries else None
        if happens_ns is None and wakes_ns is None:
            raise OutOfTime("every task is blocked, and nothing is going to happen")
        if wakes_ns is not None and (happens_ns is None or wakes_ns <= happens_ns):
            self._jump(wakes_ns, until_ns)
            return True
        assert happens_ns is not None
        self._jump(happens_ns, until_ns)
        _, _, action = heapq.heappop(self._entries)
        waiting = action()
        if waiting is not None:
            await waiting
        return False

    def _deadline_ns(self, seconds: float) -> int | None:
        """The moment of any task's next deadline: at least a nanosecond on, lest rounding stop the time."""
        if math.isinf(seconds):
            return None
        return self.clock.now_ns() + max(0 if seconds <= 0 else 1, math.ceil(seconds * NS_PER_S))

    def _jump(self, at_ns: int, until_ns: int) -> None:
        if at_ns > until_ns:
            raise OutOfTime(f"still running after {(until_ns - BEGINNING_NS) / NS_PER_S:g} simulated seconds")
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
            nursery.start_soon(agenda.drive, BEGINNING_NS + round(limit_s * NS_PER_S))
            result = await main(agenda)
            nursery.cancel_scope.cancel()
        return result

    try:
        return trio.run(drive_main, clock=clock)
    except BaseExceptionGroup as group:  # of our own nursery, which is not part of what was asked
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
