"""Time and the order of tasks, made so that both can be written down and had again.

Trio runs in passes: it waits for the world, wakes whom something has happened to, and runs each of those one step.
Three things decide what a call does, beside what comes in: which passes there were, what time it was, and in which
order the tasks of a pass ran. Here the order is that in which the tasks were made, which is the same for a call whether
others run between its tasks or not; and the time stands still within a pass, so that one number says what every look at
the clock has found. A call is then repeated by its passes alone.

The order is fixed through two names that are private to trio; where they are missing nothing is recorded.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import trio

from mediasrv.clock import NS_PER_S
from mediasrv.errors import LocalError

BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
DATED_EVERY_NS = 60 * NS_PER_S


def wall_at(now_ns: int, unix_offset_ns: int) -> datetime:
    return BEFORE_ALL + timedelta(microseconds=(now_ns + unix_offset_ns) // 1_000)


class _ByAge(random.Random):
    """What trio shuffles a pass with, youngest last: it takes from the end."""

    def shuffle(self, x: Any) -> None:
        x.reverse()


def run_by_age() -> Callable[[], None]:
    """From now on the tasks of a pass run in the order in which they were made; returns what undoes it."""
    scheduler: Any = trio._core._run
    names = "_ALLOW_DETERMINISTIC_SCHEDULING", "_r"
    if any(not hasattr(scheduler, name) for name in names):
        raise LocalError(
            f"trio {trio.__version__} lets nobody fix the order of tasks: calls cannot be recorded"
        )
    before = {name: getattr(scheduler, name) for name in names}
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r = True, _ByAge()

    def undo() -> None:
        for name, value in before.items():
            setattr(scheduler, name, value)

    return undo


class SteadyClock(trio.abc.Clock):
    """The time at which the pass began: trio's clock and `mediasrv.clock.Clock` in one."""

    def __init__(self) -> None:
        self._now_ns = self._dated_ns = time.monotonic_ns()
        self.unix_offset_ns = time.time_ns() - self._now_ns

    def look(self) -> None:
        """A pass begins."""
        self._now_ns = time.monotonic_ns()
        if self._now_ns - self._dated_ns > DATED_EVERY_NS:
            self._dated_ns = self._now_ns
            self.unix_offset_ns = time.time_ns() - self._now_ns

    def now(self) -> float:
        return self._now_ns / NS_PER_S

    def now_ns(self) -> int:
        return self._now_ns

    def wall(self) -> datetime:
        return wall_at(self._now_ns, self.unix_offset_ns)

    def start_clock(self) -> None:
        self.look()

    def current_time(self) -> float:
        return self._now_ns / NS_PER_S

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return deadline - time.monotonic_ns() / NS_PER_S


class Passes(trio.abc.Instrument):
    """Counts them, and tells whose tasks run in each: `step` is called before every step of every task."""

    def __init__(self, clock: SteadyClock, step: Callable[[trio.lowlevel.Task], None]) -> None:
        self._clock, self._step = clock, step
        self.number = 0

    def after_io_wait(self, timeout: float) -> None:
        self._clock.look()
        self.number += 1

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._step(task)
