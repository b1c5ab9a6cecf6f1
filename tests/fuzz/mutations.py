"""Seeded damage: bytes flipped, cut out, doubled, moved, and bits of grammar thrown in where they do not belong."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence


class Mutator:
    """The same seed gives the same damage."""

    def __init__(self, seed: int, spices: Sequence[bytes]) -> None:
        self.random = random.Random(seed)
        self._spices = spices
        self._ways: tuple[Callable[[bytearray], None], ...] = (
            self._flip, self._cut, self._double, self._spice, self._truncate, self._shuffle_lines,
        )  # fmt: skip

    def mutate(self, data: bytes) -> bytes:
        damaged = bytearray(data)
        for _ in range(self.random.choice((0, 1, 1, 2, 3, 8))):
            self.random.choice(self._ways)(damaged)
        return bytes(damaged)

    def _place(self, data: bytearray) -> int:
        return self.random.randint(0, len(data))

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self.random.randrange(len(data))] = self.random.randrange(256)

    def _cut(self, data: bytearray) -> None:
        start = self._place(data)
        del data[start : start + self.random.randint(1, 20)]

    def _double(self, data: bytearray) -> None:
        start = self._place(data)
        data[start:start] = data[start : start + self.random.randint(1, 60)] * self.random.choice(
            (1, 1, 2, 50)
        )

    def _spice(self, data: bytearray) -> None:
        start = self._place(data)
        data[start:start] = self.random.choice(self._spices) * self.random.choice((1, 1, 1, 30))

    def _truncate(self, data: bytearray) -> None:
        del data[self._place(data) :]

    def _shuffle_lines(self, data: bytearray) -> None:
        lines = bytes(data).split(b"\r\n")
        self.random.shuffle(lines)
        data[:] = b"\r\n".join(lines)
