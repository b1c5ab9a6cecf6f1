"""The jitter buffer's parts as a definition has them: everything remembered, everything searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

LEAST_BLOCKS, LEAST_BLOCK_S = 8, 1.0
WORST_BLOCK_MS = 333
FORGET = 0.985
START_MS = 30.0
LONGER_MS, LONGER_THAN_JITTER, PATH_BLOCKS = 4.0, 3.0, 6


@dataclass
class DelayEstimate:
    """The quantile that the histogram approximates: of all the worst delays there ever were, weighted by their age."""

    rate_hz: int
    quantile: float
    worst_ms: list[float] = field(default_factory=lambda: [START_MS])
    _blocks: list[tuple[int, list[int]]] = field(default_factory=list)  # began, lags
    _worst_ends: int = 0
    _in_block_ms: float = 0.0
    _jitter_ms: float = 0.0
    _last_lag: int | None = None
    _near: list[bool] = field(default_factory=list)  # of each second: whether it came near the least delay

    def arrival(self, rtp: int, arrival_samples: int) -> None:
        """Both in samples of the same origin; the first of them begins the clock."""
        block, lag, before = round(LEAST_BLOCK_S * self.rate_hz), arrival_samples - rtp, self._least_or(0)
        step = 0 if self._last_lag is None else abs(lag - self._last_lag)
        self._jitter_ms += (step * 1000 / self.rate_hz - self._jitter_ms) / 16
        self._last_lag = lag
        if not self._blocks:
            self._worst_ends = arrival_samples + self.rate_hz * WORST_BLOCK_MS // 1000
        if not self._blocks or arrival_samples >= self._blocks[-1][0] + block:
            if self._blocks:
                above = min(self._blocks[-1][1]) - self.least()
                self._near.append(above * 1000 / self.rate_hz < LONGER_MS)
            self._blocks.append((arrival_samples, []))
        self._blocks[-1][1].append(lag)
        self._path_may_be_longer((self.least() - before) * 1000 / self.rate_hz)
        delay = arrival_samples - rtp - self.least()
        self._in_block_ms = max(self._in_block_ms, delay * 1000 / self.rate_hz)
        if arrival_samples >= self._worst_ends:
            self.worst_ms.append(self._in_block_ms)
            self._in_block_ms, self._worst_ends = 0.0, arrival_samples + self.rate_hz * WORST_BLOCK_MS // 1000

    def _least_or(self, none: int) -> int:
        return self.least() if self._blocks else none

    @property
    def _near_run(self) -> int:
        """How many seconds on end came near the least, when one last did."""
        runs = "".join("y" if near else " " for near in self._near).split()
        return len(runs[-1]) if runs else 0

    def _path_may_be_longer(self, rise_ms: float) -> None:
        """What was more than the rise was measured on the longer path, against the least of the shorter one."""
        if rise_ms < max(LONGER_MS, LONGER_THAN_JITTER * self._jitter_ms) or self._near_run < PATH_BLOCKS:
            return
        self.worst_ms = [ms - rise_ms if ms >= rise_ms else ms for ms in self.worst_ms]
        self._in_block_ms = max(0.0, self._in_block_ms - rise_ms)

    def least(self) -> int:
        return min(min(lags) for _, lags in self._blocks[-LEAST_BLOCKS:])

    def quantile_ms(self) -> float:
        weights = FORGET ** np.arange(len(self.worst_ms))[::-1]
        order = np.argsort(self.worst_ms, kind="stable")
        reached = np.cumsum(weights[order]) / weights.sum()
        return float(np.array(self.worst_ms)[order][np.searchsorted(reached, self.quantile - 1e-9)])


def likeness(pcm: NDArray[np.int16], at: int, length: int, shift: int) -> float:
    """Normalised cross-correlation of what stands at `at` and `shift` further."""
    here, there = pcm[at : at + length].astype(float), pcm[at + shift : at + shift + length].astype(float)
    return float(here @ there / np.sqrt((here @ here + 64 * length) * (there @ there + 64 * length)))


def best_shift(pcm: NDArray[np.int16], at: int, length: int, shifts: Sequence[int]) -> int:
    return max(shifts, key=lambda shift: likeness(pcm, at, length, shift))


def blended(pcm: NDArray[np.int16], at: int, length: int, shift: int, samples: int) -> NDArray[np.float64]:
    """From here into there over `length`, as a straight line."""
    there = np.minimum(np.arange(samples) / length, 1.0)
    here = pcm[at : at + samples].astype(float)
    return np.asarray(here * (1 - there) + pcm[at + shift : at + shift + samples] * there)
