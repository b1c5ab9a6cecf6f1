"""Resampling as the textbook has it: stuff zeros, filter at the common rate, keep every so many-th sample."""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import NDArray

TAPS_AT_LOWER_RATE = 44
LANES = 4
CUTOFF = 0.47
KAISER_BETA = 6.5


def resample(pcm: NDArray[np.int16], in_hz: int, out_hz: int) -> NDArray[np.float64]:
    """What the kernel gives for `pcm` from a standing start, before rounding."""
    common = gcd(in_hz, out_hz)
    up, down = out_hz // common, in_hz // common
    stuffed = np.zeros(len(pcm) * up)
    stuffed[::up] = pcm
    taps = prototype(up, down)
    size = 1 << (len(stuffed) + len(taps)).bit_length()  # the convolution, by way of its spectrum
    filtered = np.fft.irfft(np.fft.rfft(stuffed, size) * np.fft.rfft(taps, size), size)
    return np.asarray(filtered[: len(stuffed) : down])


def prototype(up: int, down: int) -> NDArray[np.float64]:
    """A Kaiser-windowed sinc over the common rate; every phase of it sums to one."""
    per_phase = -(-TAPS_AT_LOWER_RATE * max(up, down) // up)
    per_phase = -(-per_phase // LANES) * LANES
    at = np.arange(per_phase * up) - (per_phase * up - 1) / 2
    cutoff = CUTOFF / max(up, down)
    edge = at / (per_phase * up / 2)
    window = np.i0(KAISER_BETA * np.sqrt(1 - edge**2)) / np.i0(KAISER_BETA)
    taps = np.sinc(2 * cutoff * at) * window
    for phase in range(up):
        taps[phase::up] /= taps[phase::up].sum()
    return taps
