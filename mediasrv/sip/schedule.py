"""Deadlines: who wants to be woken when, in one heap.

A deadline that was moved or cleared stays in the heap as a dead entry until its time comes, or until the dead
outnumber the living; so setting and clearing are cheap, and the heap stays in proportion to what lives.
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
        self._heap: list[tuple[float, int, Timed, Hashable]] = []
        self._live: dict[tuple[Timed, Hashable], int] = {}
        self._serial = 0

    def __len__(self) -> int:
        return len(self._live)

    def set(self, owner: Timed, name: Hashable, at: float) -> None:
        self._serial += 1  # equal times fire in the order in which they were set
        self._live[owner, name] = self._serial
        heapq.heappush(self._heap, (at, self._serial, owner, name))
        if len(self._heap) > _REBUILD_ABOVE and len(self._heap) > 2 * len(self._live):
            self._heap = [entry for entry in self._heap if self._lives(entry)]
            heapq.heapify(self._heap)

    def clear(self, owner: Timed, name: Hashable) -> None:
        self._live.pop((owner, name), None)

    def is_set(self, owner: Timed, name: Hashable) -> bool:
        return (owner, name) in self._live

    def next(self) -> float | None:
        while self._heap and not self._lives(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def fire_due(self, now: float) -> None:
        """Fires all that is due, earliest first, what becomes due on the way included."""
        while (at := self.next()) is not None and at <= now:
            _, _, owner, name = heapq.heappop(self._heap)
            del self._live[owner, name]
            owner.fire(name, now)

    def _lives(self, entry: tuple[float, int, Timed, Hashable]) -> bool:
        return self._live.get((entry[2], entry[3])) == entry[1]
