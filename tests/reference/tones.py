"""A tone with its cadence in closed form: sines over all time, and how loud they are at each sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.reference.sounds import Samples

EDGE_MS = 4
PEAK = 32_767


@dataclass(frozen=True)
class Tone:
    rate_hz: int
    hz: tuple[float, float]
    dbfs: tuple[float, float]
    on_ms: int
    off_ms: int = 0
    total_ms: int = 0  # 0: for ever


def made(tone: Tone, n: int) -> Samples:
    at = np.arange(n)
    sines = [
        PEAK * 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * at / tone.rate_hz)
        for hz, dbfs in zip(tone.hz, tone.dbfs, strict=True)
        if hz
    ]
    return np.asarray(np.sum(sines, axis=0) * loudness(tone, at))


def loudness(tone: Tone, at: Samples) -> Samples:
    """Of each sample, 0 to 1: by how far it is from the nearest edge of its burst."""
    edge, per_ms = EDGE_MS * tone.rate_hz / 1_000, tone.rate_hz // 1_000
    into, on = at, np.inf
    if tone.off_ms:
        into, on = at % ((tone.on_ms + tone.off_ms) * per_ms), tone.on_ms * per_ms
    left = tone.total_ms * per_ms - at if tone.total_ms else np.inf
    return np.asarray(np.clip(np.minimum(np.minimum(into + 1, on - into), left) / edge, 0, 1))
