"""The canceller's filter and what stands behind it, written once more in float64, slow and as the papers have it."""

from __future__ import annotations

import numpy as np

from tests.reference.sounds import Pcm, Samples

BLOCK_MS = 10
PRE_EMPHASIS, UNKNOWN, KEEPS, UNSURE, OVERLAP, SHOWN = 0.9, 0.006, 0.999**2, 1e-4, 0.5, 0.3
PSI_KEEPS, FLOOR = 0.85, 75.0
CONSTRAIN_EVERY = 4


class AdaptiveFilter:
    """Partitioned block Kalman filter with a diagonal covariance (Enzner, Vary 2006; Kuech, Mabande, Enzner 2014)."""

    def __init__(self, rate_hz: int, tail_ms: int) -> None:
        self.block = rate_hz * BLOCK_MS // 1000
        self.partitions = -(-tail_ms // BLOCK_MS)
        shape = (self.partitions, self.block + 1)
        self.far = np.zeros(shape, complex)  # by age
        self.path = np.zeros(shape, complex)
        self.unsure = np.full(shape, UNKNOWN)
        self.psi = np.zeros(self.block + 1)
        self.before = np.zeros(self.block)
        self.far_last = self.near_last = self.left_last = 0.0
        self.turn = 0

    def process(self, far: Pcm, near: Pcm) -> Samples:
        block = self.block
        emphasised = _emphasised(far, self.far_last)
        self.far_last = float(far[-1])
        self.far = np.vstack([np.fft.rfft(np.concatenate([self.before, emphasised])), self.far[:-1]])
        self.before = emphasised
        self.unsure = KEEPS * self.unsure + (1 - KEEPS) * (UNSURE + np.abs(self.path) ** 2)
        echo = np.fft.irfft(np.sum(self.far * self.path, axis=0))[block:]
        error = _emphasised(near, self.near_last) - echo
        self.near_last = float(near[-1])
        self._learn(np.fft.rfft(np.concatenate([np.zeros(block), error])))
        left = np.empty(block)
        for k in range(block):
            left[k] = self.left_last = error[k] + PRE_EMPHASIS * self.left_last
        return left

    def _learn(self, error: np.ndarray) -> None:
        power = np.abs(self.far) ** 2
        self.psi = PSI_KEEPS * self.psi + (1 - PSI_KEEPS) * np.abs(error) ** 2
        disturbance = np.maximum(self.psi, _leaked(self.psi))
        wrong = OVERLAP * np.sum(power * self.unsure, axis=0)
        step = self.unsure / (wrong + disturbance + FLOOR * self.block)
        self.path = self.path + step * np.conj(self.far) * error
        self.unsure = self.unsure * (1 - SHOWN * step * power)
        for age in range(self.turn, self.partitions, CONSTRAIN_EVERY):
            taps = np.fft.irfft(self.path[age])
            taps[self.block :] = 0
            self.path[age] = np.fft.rfft(taps)
        self.turn = (self.turn + 1) % CONSTRAIN_EVERY


def _emphasised(pcm: Pcm, last: float) -> Samples:
    samples = pcm.astype(np.float64)
    return samples - PRE_EMPHASIS * np.concatenate([[last], samples[:-1]])


def _leaked(psi: Samples) -> Samples:
    """What a bin's neighbours spill into it; at the ends, where some are missing, its own stands for them."""
    last = len(psi) - 1
    out = np.empty_like(psi)
    for k in range(last + 1):
        beside = (psi[k - 1] + psi[k + 1]) / 2 if 0 < k < last else psi[k]
        beyond = (psi[k - 2] + psi[k + 2]) / 2 if 1 < k < last - 1 else beside
        out[k] = beside + beyond / 2
    return out


def jump_between(came: Samples, expected: Samples, reach: int) -> int:
    """The shift, in samples, at which what came is most like what was expected."""
    whole = np.correlate(came, expected, "full")
    middle = len(expected) - 1
    return int(np.argmax(whole[middle - reach : middle + reach + 1])) - reach
