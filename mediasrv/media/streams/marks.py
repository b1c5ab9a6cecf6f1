"""Named places in the voice, told when they are reached, each once.

The engine watches a few at a time; the others wait here, nearest first, and follow as those are reached. So a whole
reply may be marked word by word. When the engine takes no command just now, a mark stays here until the next one
is reached or added: this runs where the engine's news are handed out, and one stream's marks must not stop
what is told to all the others.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from mediasrv.errors import LocalError
from mediasrv.media.events import Generation
from mediasrv_native.errors import QueueFull

WATCHED = 24  # the engine has room for 32: some for those that its news of has not reached us
MOST_WAITING = 4_096
LARGEST_NUMBER = 2**32 - 1


class Marks:
    def __init__(self, watch: Callable[[Generation, int, int], None]) -> None:
        self._watch = watch  # generation, source, number
        self._names: dict[int, str] = {}
        self._watched: dict[int, Generation] = {}
        self._waiting: list[tuple[Generation, int, int]] = []
        self._number = 0

    def add(self, generation: Generation, source: int, name: str) -> None:
        if len(self._waiting) >= MOST_WAITING:
            raise LocalError(f"{MOST_WAITING} marks wait already")
        self._number = self._number % LARGEST_NUMBER + 1
        self._names[self._number] = name
        heapq.heappush(self._waiting, (generation, source, self._number))
        self._advance()

    def reached(self, number: int) -> str:
        """The name that goes with the number."""
        self._watched.pop(number, None)
        self._advance()
        return self._names.pop(number, "")

    def over(self, generation: Generation) -> None:
        """Nothing of this generation or an older one will be reached any more."""
        gone = {number for number, of in self._watched.items() if of <= generation}
        gone |= {number for of, _, number in self._waiting if of <= generation}
        self._watched = {number: of for number, of in self._watched.items() if number not in gone}
        self._waiting = [mark for mark in self._waiting if mark[2] not in gone]
        heapq.heapify(self._waiting)
        for number in gone:
            del self._names[number]
        self._advance()

    def _advance(self) -> None:
        while self._waiting and len(self._watched) < WATCHED:
            generation, source, number = self._waiting[0]
            try:
                self._watch(generation, source, number)
            except QueueFull:
                return
            heapq.heappop(self._waiting)
            self._watched[number] = generation
