"""Something happens at the nth checkpoint of a turn, whatever that checkpoint is.

A turn's tasks are those that descend from the task which runs the turn. Trio calls an instrument at every
step of every task; counting the steps of those gives each await of a turn a number, and the same seed gives
the same await the same number. So: run once to learn how many there are, then once for each.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

Task = trio.lowlevel.Task


class Checkpoints(trio.abc.Instrument):
    """Counts the steps of tasks that `belongs` picks; at step `nth` (from 1) runs `act` with that task."""

    def __init__(
        self, belongs: Callable[[Task], bool], *, nth: int = 0, act: Callable[[Task], None] | None = None
    ) -> None:
        self.steps = 0
        self.acted = False
        self._belongs, self._nth, self._act = belongs, nth, act
        self._known: dict[Task, bool] = {}  # the ended ones, too: they are stepped past once more

    def after_task_step(self, task: Task) -> None:
        """The task has just come to a checkpoint, and waits there or will go on in the next batch."""
        inside = self._known.get(task)
        if inside is None:
            inside = self._known[task] = self._belongs(task)
        if not inside:
            return
        self.steps += 1
        if self.steps == self._nth and self._act is not None:
            self.acted = True
            self._act(task)


def inside_nursery_of(is_owner: Callable[[Task], bool]) -> Callable[[Task], bool]:
    """Picks the tasks that descend from a task that `is_owner` knows."""

    def belongs(task: Task) -> bool:
        ancestor: Task | None = task
        while ancestor is not None:
            if is_owner(ancestor):
                return True
            nursery = ancestor.parent_nursery
            ancestor = nursery.parent_task if nursery is not None else None
        return False

    return belongs
