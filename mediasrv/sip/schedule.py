"""Deadlines: who wants to be woken when, in one heap.

A deadline that was moved or cleared stays in the heap as a dead entry until its time comes, or until the dead
outnumber the living; so setting and clearing are cheap, and the heap stays in proportion to what lives. An entry is a
time and a number: the dead keep nobody alive, though most deadlines of a call are half a minute away when it ends.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Protocol

_REBUILD_ABOVE = 1_024


class Timed(Hashable, Protocol):
    def fire(self, name: Hashable, now: float) -> None:
        """The deadline of that name has come; it is not set any more."""


class Schedule:
    """At most one deadline for each (owner, name)."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._live: dict[int, tuple[Timed, Hashable]] = {}
        self._numbers: dict[tuple[Timed, Hashable], int] = {}  # of the same
        self._last = 0

    def __len__(self) -> int:
        return len(self._live)

    def set(self, owner: Timed, name: Hashable, at: float) -> None:
        whose = owner, name
        self._last += 1  # equal times fire in the order in which they were set
        self._live.pop(self._numbers.get(whose, 0), None)
        self._numbers[whose], self._live[self._last] = self._last, whose
        heapq.heappush(self._heap, (at, self._last))
        if len(self._heap) > _REBUILD_ABOVE and len(self._heap) > 2 * len(self._live):
            self._heap = [entry for entry in self._heap if entry[1] in self._live]
            heapq.heapify(self._heap)

    def clear(self, owner: Timed, name: Hashable) -> None:
        number = self._numbers.pop((owner, name), None)
        if number is not None:
            del self._live[number]

    def is_set(self, owner: Timed, name: Hashable) -> bool:
        return (owner, name) in self._numbers

    def next(self) -> float | None:
        while self._heap and self._heap[0][1] not in self._live:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def fire_due(self, now: float) -> None:
        """Fires all that is due, earliest first, what becomes due on the way included."""
        while (at := self.next()) is not None and at <= now:
            _, number = heapq.heappop(self._heap)
            whose = owner, name = self._live.pop(number)
            del self._numbers[whose]
            owner.fire(name, now)
