"""Rates that change: a trace of (seconds, bits/s), which begins again when it has ended.

Two questions are asked of it, each the other's inverse: how many bits may have passed until a moment, and when a
number of bits will have. A rate of 0 is a moment in which nothing passes.
"""

from __future__ import annotations

import itertools
import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

STEP_S = 0.1
MEMORY = 0.9  # of the radio's quality from step to step: half of it is gone after 0.7 s


@dataclass(frozen=True, slots=True)
class Rates:
    steps: tuple[tuple[float, float], ...]  # (seconds, bits/s), one after the other
    _ends_s: Sequence[float] = field(init=False, repr=False, compare=False)
    _ends_bits: Sequence[float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.steps or any(seconds <= 0 or rate < 0 for seconds, rate in self.steps):
            raise ValueError("a trace needs steps that last, at rates of 0 or more")
        ends_s = tuple(itertools.accumulate(seconds for seconds, _ in self.steps))
        ends_bits = tuple(itertools.accumulate(seconds * rate for seconds, rate in self.steps))
        if ends_bits[-1] <= 0:
            raise ValueError("a trace must let something through")
        object.__setattr__(self, "_ends_s", ends_s)
        object.__setattr__(self, "_ends_bits", ends_bits)

    @property
    def seconds(self) -> float:
        return self._ends_s[-1]

    def bits_until(self, at_s: float) -> float:
        """From the beginning of the trace, all its rounds together."""
        rounds, within_s = divmod(at_s, self.seconds)
        k = min(bisect_right(self._ends_s, within_s), len(self.steps) - 1)
        left_bits = (self._ends_s[k] - within_s) * self.steps[k][1]
        return rounds * self._ends_bits[-1] + self._ends_bits[k] - left_bits

    def reach(self, bits: float) -> float:
        """When so many have passed, at the earliest."""
        if bits <= 0.0:
            return 0.0
        rounds = math.ceil(bits / self._ends_bits[-1]) - 1  # that are over, and were not enough
        within_bits = min(bits - rounds * self._ends_bits[-1], self._ends_bits[-1])
        k = bisect_left(self._ends_bits, within_bits)
        left_s = (self._ends_bits[k] - within_bits) / self.steps[k][1] if self.steps[k][1] else 0.0
        return rounds * self.seconds + self._ends_s[k] - left_s


def lte_like(
    seed: int,
    *,
    typical_bits_per_s: float,
    swing: float,
    handover_every_s: float = 0.0,
    seconds: float = 120.0,
) -> Rates:
    """What a cell leaves to one telephone: quality that wanders, and hand-overs in which nothing passes.

    The rate is log-normal about the typical one, `swing` being its deviation in nepers.
    """
    source, quality = random.Random(f"{seed}/rates"), 0.0
    steps: list[tuple[float, float]] = []
    for _ in range(round(seconds / STEP_S)):
        quality = MEMORY * quality + math.sqrt(1.0 - MEMORY**2) * source.gauss()
        steps.append((STEP_S, typical_bits_per_s * math.exp(swing * quality)))
        if handover_every_s and source.random() < STEP_S / handover_every_s:
            steps.append((source.uniform(0.04, 0.3), 0.0))
    return Rates(tuple(steps))
