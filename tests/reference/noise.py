"""The suppressor that nobody can be: Wiener's, told which part is speech and which is noise.

What a real one makes of the sum can come near it and never be better; how near is what there is to measure.
"""

from __future__ import annotations

import numpy as np

from tests.reference.sounds import Samples, power_db


def suppressed(said: Samples, noise: Samples, rate_hz: int, floor_db: float) -> Samples:
    """The sum of the two, each bin of 40 ms turned down to the share that is speech, by `floor_db` at most."""
    step = rate_hz // 50
    window = np.sin(np.pi * (np.arange(2 * step) + 0.5) / (2 * step))
    out = np.zeros(len(said))
    for at in range(0, len(said) - 2 * step + 1, step):
        part = slice(at, at + 2 * step)
        speech, rest = np.fft.rfft(said[part] * window), np.fft.rfft(noise[part] * window)
        share = np.abs(speech) ** 2 / (np.abs(speech) ** 2 + np.abs(rest) ** 2 + 1e-9)
        out[part] += np.fft.irfft((speech + rest) * np.maximum(share, 10 ** (floor_db / 20))) * window
    return out


def snr_db(said: Samples, heard: Samples) -> float:
    """Everything that was not said is noise, whatever became of the voice included."""
    return power_db(said) - power_db(heard - said)
