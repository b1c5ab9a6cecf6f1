"""A telephone that hears itself: what a caller sends when our voice comes back through a room or a line.

The caller's device samples with its own clock (`skew_ppm` fast or slow against ours), packs 20 ms, and the network
delivers them late and unevenly. Everything lies on our clock, in ms since the first sample of the far end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tests.reference import sounds
from tests.reference.sounds import Pcm, Samples

FRAME = 160
RATE_HZ = 8_000


def room(delay_ms: float = 30, decay_ms: float = 20, loss_db: float = 10, seed: int = 1) -> Samples:
    """Exponentially decaying noise after a pause; the whole returns `loss_db` below what was said."""
    count = round(decay_ms * 4 * RATE_HZ / 1000)
    rng = np.random.default_rng(seed)
    tail = rng.standard_normal(count) * np.exp(-np.arange(count) / (decay_ms * RATE_HZ / 2000))
    return _with_loss(delay_ms, tail, loss_db)


def line(delay_ms: float = 10, loss_db: float = 12) -> Samples:
    """A hybrid's three taps."""
    return _with_loss(delay_ms, np.array([1, 0, 0, -0.6, 0, 0, 0, 0.3]), loss_db)


def _with_loss(delay_ms: float, tail: Samples, loss_db: float) -> Samples:
    scaled = tail / np.sqrt(np.sum(tail**2)) * 10 ** (-loss_db / 20)
    return np.concatenate([np.zeros(round(delay_ms * RATE_HZ / 1000)), scaled])


def sampled_at(signal: Samples, positions: Samples, reach: int = 32) -> Samples:
    """Band-limited interpolation, slow and good."""
    whole = np.floor(positions).astype(int)
    padded = np.concatenate([np.zeros(reach), signal, np.zeros(reach + 1)])
    total = np.zeros(len(positions))
    for k in range(-reach + 1, reach + 1):
        away = k - (positions - whole)
        window = 0.5 + 0.5 * np.cos(np.pi * away / (reach + 1))
        total += padded[np.clip(whole + k + reach, 0, len(padded) - 1)] * np.sinc(away) * window
    return total


@dataclass(frozen=True)
class Caller:
    far: Samples
    path: Samples = field(default_factory=room)
    near: Samples | None = None
    skew_ppm: float = 0  # our seconds per caller's second, less one
    phase_ms: float = 7  # of the caller's frames against ours
    network_ms: float = 20
    jitter_ms: float = 0  # mean of an exponential
    noise_dbfs: float = -75
    seed: int = 1

    @property
    def frames(self) -> int:
        return len(self.far) // FRAME - 3

    def microphone(self) -> Pcm:
        at_ms = self.phase_ms + np.arange(self.frames * FRAME) / RATE_HZ * 1000 * (1 + self.skew_ppm * 1e-6)
        echo = np.convolve(self.far, self.path)[: len(self.far)]
        heard = sampled_at(echo, at_ms * RATE_HZ / 1000)
        heard += sounds.white(len(heard) / RATE_HZ, self.noise_dbfs, self.seed)
        if self.near is not None:
            heard[: len(self.near)] += self.near[: len(heard)]
        return sounds.to_pcm(heard)

    def arrivals_ms(self) -> Iterator[float]:
        rng, latest = np.random.default_rng(self.seed), 0.0
        for k in range(self.frames):
            sent_ms = self.phase_ms + (k + 1) * 20 * (1 + self.skew_ppm * 1e-6)
            late_ms = rng.exponential(self.jitter_ms) if self.jitter_ms else 0.0
            latest = max(latest, sent_ms + self.network_ms + late_ms)
            yield latest
