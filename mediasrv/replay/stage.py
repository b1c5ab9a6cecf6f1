"""The passes of a call that was, one after the other, and who waits for what they bring.

While the call does what it did it is *in step*: each pass of trio's loop is one that was recorded, at its time and with
what came in it, and nobody is woken by anything else. At the first difference (a line of the timeline, a packet, a
question to a provider that was not asked then) it is *loose*: time goes from one thing that happens to the next, tasks
run as often as they must, and the world answers as well as it can with what it had brought then.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import outcome as trio_outcome
import trio

from mediasrv.clock import NS_PER_S
from mediasrv.media.again import RepeatedEngine
from mediasrv.replay.steps import wall_at
from mediasrv.replay.tape import Outcome, Pass, Tape

LOOSE_FOR_NS = 120 * NS_PER_S  # behind the end of the call that was


class StageClock(trio.abc.Clock):
    """Trio's clock and `mediasrv.clock.Clock` in one; only the stage moves it."""

    def __init__(self, now_ns: int, unix_offset_ns: int) -> None:
        self._now_ns, self._unix_offset_ns = now_ns, unix_offset_ns

    def set(self, now_ns: int) -> None:
        self._now_ns = max(now_ns, self._now_ns)

    def now(self) -> float:
        return self._now_ns / NS_PER_S

    def now_ns(self) -> int:
        return self._now_ns

    def wall(self) -> datetime:
        return wall_at(self._now_ns, self._unix_offset_ns)

    def start_clock(self) -> None:
        """Trio's hook; there is nothing to start."""

    def current_time(self) -> float:
        return self._now_ns / NS_PER_S

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return 0.0  # nobody waits for time that does not pass


@dataclass(slots=True)
class _Waiter:
    task: trio.lowlevel.Task
    session: trio.CancelScope | None
    raise_cancel: Callable[[], Any] | None = None
    is_due: bool = False  # a deadline that expires in this pass cancels it, or nothing does
    overtaken: bool = False  # it had come to its end when, in that very pass, an older task cancelled it


@dataclass(slots=True)
class Found:
    """What became of an operation then; `outcome` None: it was not begun then, or the call is loose."""

    outcome: Outcome | None = None


@dataclass(eq=False)
class Stage(trio.abc.Instrument):
    tape: Tape
    clock: StageClock
    late: frozenset[tuple[int, int]] = (
        frozenset()
    )  # doubted reaches, by pass and place, that came behind the moment
    engine: RepeatedEngine | None = None
    loosened: str = ""  # why
    loosened_ns: int = 0
    operations: int = 0
    give_up: Callable[[], None] = lambda: None  # on a call that does not end
    _index: int = -1
    _playing: bool = False
    _current: Pass | None = None
    _reached: deque[list[int]] = field(default_factory=deque)
    _reaches: int = 0
    _waiting: dict[int, _Waiter] = field(default_factory=dict)
    _due: dict[str, _Waiter] = field(default_factory=dict)
    _driver: trio.lowlevel.Task | None = None
    _beginner: trio.lowlevel.Task | None = None
    _over: dict[int, tuple[int, Outcome]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for index, each in enumerate(self.tape.passes):
            self._over.update({outcome.operation: (index, outcome) for outcome in each.over})

    # ---- passes
    def play(self) -> None:
        self._playing = True

    def stop(self) -> None:
        self._playing = False

    def after_io_wait(self, timeout: float) -> None:
        if not self._playing:
            return
        if self.loosened:
            self._go_on()
        elif self._index + 1 < len(self.tape.passes):
            self._in_step()
        else:
            self.loosen("it goes on when it was over then")

    def _in_step(self) -> None:
        if self._reached:
            self.loosen("less was asked of the engine")
            return
        if self._due:
            self.loosen(f"{next(iter(self._due))} is not cancelled")
            return
        self._index += 1
        self._current = current = self.tape.passes[self._index]
        self.clock.set(current.at_ns)
        self._reached, self._reaches = deque([list(each) for each in current.reached]), 0
        for outcome in current.over:
            waiter = self._waiting.pop(outcome.operation, None)
            if waiter is not None:
                self._wake(waiter, outcome)
        if current.came or current.asked_to_end:
            self._wake_driver()
        if current.begins and self._beginner is not None:
            trio.lowlevel.reschedule(self._beginner)

    def _wake(self, waiter: _Waiter, outcome: Outcome) -> None:
        if outcome.how != "cancelled":
            trio.lowlevel.reschedule(waiter.task)
            return
        expires = trio.lowlevel.current_statistics().seconds_to_next_deadline <= 0
        if waiter.raise_cancel is None and waiter.session is not None and not expires:
            waiter.session.cancel()
        if waiter.raise_cancel is not None:
            trio.lowlevel.reschedule(waiter.task, trio_outcome.capture(waiter.raise_cancel))
            return
        if not expires:
            waiter.overtaken = True
            trio.lowlevel.reschedule(waiter.task)
            return
        waiter.is_due = True  # trio looks at its deadlines when the instruments have looked at the pass
        self._waiting[outcome.operation] = self._due[outcome.name] = waiter

    def _go_on(self) -> None:
        """Loose: to the next thing that happens, once nobody has anything to do any more."""
        statistics = trio.lowlevel.current_statistics()
        if statistics.tasks_runnable or self.engine is None:
            return
        happens = [self.engine.next_ns()]
        if self._index + 1 < len(self.tape.passes):
            happens.append(self.tape.passes[self._index + 1].at_ns)
        if not math.isinf(statistics.seconds_to_next_deadline):
            wakes_s = max(0.0, statistics.seconds_to_next_deadline)
            happens.append(self.clock.now_ns() + math.ceil(wakes_s * NS_PER_S) + 1)
        self.clock.set(min(happens))
        if self.clock.now_ns() > self.tape.passes[-1].at_ns + LOOSE_FOR_NS:
            self.give_up()
        self._wake_driver()

    # ---- the driver: what comes from outside
    async def drive(self, bring: Callable[[Pass], None], tell: Callable[[], None]) -> None:
        """`bring`: what came in a pass; `tell`: what the engine has to say, when it is loose."""
        while True:
            self._driver = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._driver_aborted)
            if not self.loosened:
                assert self._current is not None
                bring(self._current)
                continue
            while self._index + 1 < len(self.tape.passes) and self._is_past(self._index + 1):
                self._index += 1
                bring(self.tape.passes[self._index])
            tell()

    def _is_past(self, index: int) -> bool:
        return self.tape.passes[index].at_ns <= self.clock.now_ns()

    def _driver_aborted(self, _: object) -> trio.lowlevel.Abort:
        self._driver = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _wake_driver(self) -> None:
        if self._driver is not None:
            task, self._driver = self._driver, None
            trio.lowlevel.reschedule(task)

    # ---- who waits
    async def wait_over(self, name: str, asked: Any = None, session: trio.CancelScope | None = None) -> Found:
        """What became then of the operation that begins here, when it did."""
        if self.loosened:
            return Found()
        number = self.operations
        self.operations += 1
        index, then = self._over.get(number, (-1, None))
        if then is None or then.name != name or (then.asked is not None and then.asked != asked):
            self.loosen(f"{name}{'' if asked is None else f' {asked}'}: that was not asked then")
            return Found()
        if index > self._index:
            waiter = self._waiting[number] = _Waiter(trio.lowlevel.current_task(), session)

            def aborted(raise_cancel: Callable[[], Any]) -> trio.lowlevel.Abort:
                waiter.raise_cancel = raise_cancel
                if not self.loosened and not waiter.is_due:
                    return trio.lowlevel.Abort.FAILED
                self._waiting.pop(number, None)
                self._due.pop(name, None)
                return trio.lowlevel.Abort.SUCCEEDED

            await trio.lowlevel.wait_task_rescheduled(aborted)
            if waiter.overtaken and not self.loosened:
                if trio.current_effective_deadline() > -math.inf:
                    self.loosen(f"{name} is not cancelled")
                else:  # as trio does, but not a pass later
                    raise trio.Cancelled._create()
        return Found() if self.loosened else Found(then)

    def at_once(self, name: str) -> Any:
        """What an operation had found that nobody waits for; None when the call is loose, or becomes so by it."""
        if self.loosened:
            return None
        _, then = self._over.get(self.stream_number(), (-1, None))
        if then is None or then.name != name:
            self.loosen(f"{name}: that was not asked then")
            return None
        return then.value

    def first(self, name: str) -> dict[str, str]:
        """What the first of that name had brought."""
        brought = (outcome.value for _, outcome in self._over.values() if outcome.name == name)
        return dict(next(brought, {}))

    async def wait_begins(self) -> None:
        """Until the pass in which the call itself began."""
        self._beginner = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED)

    def stream_number(self) -> int:
        """A stream of pieces begins."""
        number = self.operations
        self.operations += 1
        return number

    def reached(self) -> int | None:
        """How many moments were over at the reach that comes now."""
        if self.loosened:
            return None
        if not self._reached:
            self.loosen("more was asked of the engine")
            return None
        number, left = self._reached[0]
        number += (self._index, self._reaches) in self.late
        self._reaches += 1
        if left == 1:
            self._reached.popleft()
        else:
            self._reached[0][1] = left - 1
        return number

    def loosen(self, why: str) -> None:
        if self.loosened:
            return
        self.loosened, self.loosened_ns = why, self.clock.now_ns()
        if self.engine is not None:
            self.engine.loosen()
        waiting, self._waiting = self._waiting, {}
        for waiter in waiting.values():
            if waiter.raise_cancel is not None:
                trio.lowlevel.reschedule(waiter.task, trio_outcome.capture(waiter.raise_cancel))
            else:
                trio.lowlevel.reschedule(waiter.task)
