"""High-pass and gain, in float64 and as their definitions have them."""

from __future__ import annotations

import numpy as np

from tests.reference.sounds import FULL_SCALE, Pcm, Samples

CORNER_HZ = 90
AUDIBLE = 33  # -60 dBFS
KEEPS_S, FIRST_S, RELEASE_S = 1.0, 0.3, 0.1
LEAST_DB, MOST_DB = -18.0, 30.0
UP_DB_PER_S, DOWN_DB_PER_S = 6.0, 20.0
CEILING = 29_204  # -1 dBFS


class HighPass:
    """Two poles at 90 Hz, Butterworth, by the bilinear transform, in direct form."""

    def __init__(self, rate_hz: int) -> None:
        w = np.tan(np.pi * CORNER_HZ / rate_hz)
        self.b = np.array([1.0, -2.0, 1.0]) / (1 + np.sqrt(2) * w + w**2)
        self.a = np.array([2 * (w**2 - 1), 1 - np.sqrt(2) * w + w**2]) / (1 + np.sqrt(2) * w + w**2)

    def process(self, pcm: Pcm) -> Samples:
        out = np.zeros(len(pcm) + 2)
        padded = np.concatenate([[0.0, 0.0], pcm])
        for k in range(len(pcm)):
            past = self.a[0] * out[k + 1] + self.a[1] * out[k]
            out[k + 2] = self.b @ padded[k : k + 3][::-1] - past
        return out[2:]


class GainControl:
    """Speech is measured, the gain walks to what it needs, and a limiter catches what is too loud."""

    def __init__(self, rate_hz: int, target_dbfs: float) -> None:
        self.rate_hz, self.target_dbfs = rate_hz, target_dbfs
        self.power = self.gain_db = 0.0
        self.heard = 0  # samples
        self.last_gain = self.limit = 1.0

    def process(self, pcm: Pcm, speech: bool) -> Samples:
        samples = pcm.astype(np.float64)
        power = float(np.mean(samples**2))
        if speech and power > AUDIBLE**2:
            self._learn(power, len(pcm))
        gain = 10 ** (self.gain_db / 20)
        loud = samples * np.linspace(self.last_gain, gain, len(pcm) + 1)[1:]
        self.last_gain = gain
        return np.clip(loud * self._limits(loud), -32_768, 32_767)

    def _learn(self, power: float, n: int) -> None:
        """A mean of what was heard, of the last second once so much was heard."""
        seconds, self.heard = n / self.rate_hz, min(self.heard + n, round(KEEPS_S * self.rate_hz))
        self.power += n / max(self.heard, n) * (power - self.power)
        if self.heard < round(FIRST_S * self.rate_hz):
            return
        level_dbfs = 10 * np.log10(self.power / FULL_SCALE**2)
        wanted_db = np.clip(self.target_dbfs - level_dbfs, LEAST_DB, MOST_DB)
        steps_db = (-DOWN_DB_PER_S * seconds, UP_DB_PER_S * seconds)
        self.gain_db += float(np.clip(wanted_db - self.gain_db, *steps_db))

    def _limits(self, loud: Samples) -> Samples:
        """Back to one within RELEASE_S, and at once down to what the ceiling bears."""
        limits, release = np.empty(len(loud)), 1 / (RELEASE_S * self.rate_hz)
        for k, peak in enumerate(np.abs(loud)):
            self.limit += release * (1 - self.limit)
            if peak * self.limit > CEILING:
                self.limit = CEILING / peak
            limits[k] = self.limit
        return limits
