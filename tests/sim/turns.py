"""The turns of a run, as objects: to count their checkpoints, to cancel one at a checkpoint, to read their history."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import CoroutineType
from weakref import WeakKeyDictionary

import trio

from mediasrv.call.record import TurnEnding
from mediasrv.call.turn import Turn
from mediasrv.conversation.history import History
from mediasrv.providers.protocols import Message
from tests.sim.checkpoints import Checkpoints, Task


class TurnWatch:
    """Sees every task that runs inside a turn; cancels the turn at its `cancel_at`th checkpoint (0: never)."""

    def __init__(self, cancel_at: int = 0) -> None:
        self.turns: list[Turn] = []
        self._of_task: WeakKeyDictionary[Task, Turn] = WeakKeyDictionary()
        self._checkpoints = Checkpoints(self._belongs, nth=cancel_at, act=self._cancel)

    @property
    def steps(self) -> int:
        return self._checkpoints.steps

    @property
    def cancelled(self) -> bool:
        return self._checkpoints.acted

    @contextmanager
    def watching(self) -> Iterator[None]:
        trio.lowlevel.add_instrument(self._checkpoints)
        try:
            yield
        finally:
            trio.lowlevel.remove_instrument(self._checkpoints)

    def histories(self) -> list[list[Message]]:
        """Each call's history as a language model would be told it now."""
        histories: list[History] = []
        for turn in self.turns:
            if not any(turn.tools.history is history for history in histories):
                histories.append(turn.tools.history)
        return [history.messages() for history in histories]

    def _belongs(self, task: Task) -> bool:
        turn = turn_of(task)
        if turn is None:
            return False
        self._of_task[task] = turn  # remembered, because a task that has just ended has no frame to be asked
        if turn not in self.turns:
            self.turns.append(turn)
        return True

    def _cancel(self, task: Task) -> None:
        self._of_task[task].cancel(TurnEnding.MANUAL)


def turn_of(task: Task) -> Turn | None:
    """The turn that `task`, or a task it descends from, runs: read from the frame of `Turn.run`."""
    ancestor: Task | None = task
    while ancestor is not None:
        turn = _running(ancestor)
        if turn is not None:
            return turn
        nursery = ancestor.parent_nursery
        ancestor = nursery.parent_task if nursery is not None else None
    return None


def _running(task: Task) -> Turn | None:
    coroutine: object = task.coro
    while isinstance(coroutine, CoroutineType):
        frame = coroutine.cr_frame
        if frame is not None and frame.f_code is Turn.run.__code__:
            turn = frame.f_locals["self"]
            assert isinstance(turn, Turn)
            return turn
        coroutine = coroutine.cr_await
    return None
