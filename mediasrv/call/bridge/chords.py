"""Keys that are meant for the bridge, among those that are meant for the other side: pure, `now` is an argument.

A chord is a row of keys, as in `*0`. A key that may begin one is kept back until the next one says what it was, or
until nobody goes on for a while: then it is passed on, late but in order. Everything else is passed on at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

PATIENCE_S = 1.5

Command = TypeVar("Command")


@dataclass(frozen=True, slots=True)
class Meant(Generic[Command]):
    """What the keys so far were: first those to pass on, then what the bridge is to do."""

    passed: str = ""
    command: Command | None = None


class Chords(Generic[Command]):
    def __init__(self, commands: Mapping[str, Command], patience_s: float = PATIENCE_S) -> None:
        self._commands, self._patience_s = dict(commands), patience_s
        self._kept = ""
        self.deadline = math.inf  # when `lapse` is due

    def press(self, key: str, now: float) -> Meant[Command]:
        row = self._kept + key
        passed = ""
        while row and not any(chord.startswith(row) for chord in self._commands):
            passed, row = passed + row[0], row[1:]
        if row in self._commands:
            self._keep("", math.inf)
            return Meant(passed, self._commands[row])
        self._keep(row, now + self._patience_s if row else math.inf)
        return Meant(passed)

    def lapse(self) -> Meant[Command]:
        """Nobody went on: what was kept back meant the other side."""
        kept = self._kept
        self._keep("", math.inf)
        return Meant(kept)

    def _keep(self, row: str, until: float) -> None:
        self._kept, self.deadline = row, until
