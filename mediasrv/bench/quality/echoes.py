"""Calls that hear themselves: what comes back of what was said, through rooms, lines, other clocks, paths that jump.

Levels are as telephones have them; the path gives back `loss_db` less than was said. All of it is float64 in the scale
of int16, and the same for the same seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mediasrv.bench.quality.material import Samples, at_level, speech, to_int16

Sound = NDArray[np.float64]

NOISE_DBFS = -75.0
SKEWED_TAPS = 32


def convolved(sound: Sound, path: Sound) -> Sound:
    n = 1 << (len(sound) + len(path) - 1).bit_length()
    spectrum = np.fft.rfft(sound, n) * np.fft.rfft(path, n)
    return np.fft.irfft(spectrum, n)[: len(sound)]


def room(
    rate_hz: int, rt60_s: float = 0.15, delay_ms: float = 20, loss_db: float = 10, seed: int = 1
) -> Sound:
    """Noise that falls by 60 dB in `rt60_s`: late reverberation with no direct sound, the hardest of its length."""
    n = round(2 * rt60_s * rate_hz)
    tail = np.random.default_rng(seed).standard_normal(n) * 10 ** (-3 * np.arange(n) / rate_hz / rt60_s)
    return _path(rate_hz, tail, delay_ms, loss_db)


def line(rate_hz: int, delay_ms: float, loss_db: float = 12, seed: int = 2) -> Sound:
    """A hybrid's dispersion of some milliseconds, after the trunk's delay."""
    n = round(0.008 * rate_hz)
    response = np.random.default_rng(seed).standard_normal(n) * np.exp(-np.arange(n) / (0.0015 * rate_hz))
    return _path(rate_hz, response, delay_ms, loss_db)


def _path(rate_hz: int, response: Sound, delay_ms: float, loss_db: float) -> Sound:
    scaled = response / np.sqrt(np.sum(response**2)) * 10 ** (-loss_db / 20)
    return np.concatenate([np.zeros(round(delay_ms * rate_hz / 1000)), scaled])


def sampled_at(sound: Sound, positions: Sound) -> Sound:
    """Band-limited interpolation: what another clock samples."""
    whole, total = np.floor(positions).astype(int), np.zeros(len(positions))
    padded = np.concatenate([np.zeros(SKEWED_TAPS), sound, np.zeros(SKEWED_TAPS + 1)])
    for k in range(-SKEWED_TAPS + 1, SKEWED_TAPS + 1):
        away = k - (positions - whole)
        window = 0.5 + 0.5 * np.cos(np.pi * away / (SKEWED_TAPS + 1))
        total += padded[np.clip(whole + k + SKEWED_TAPS, 0, len(padded) - 1)] * np.sinc(away) * window
    return total


def soft_clipped(sound: Sound) -> Sound:
    """A small loudspeaker, driven hard: peaks are bent at half of the loudest."""
    knee = np.abs(sound).max() / 2
    return np.asarray(knee * np.tanh(sound / knee))


@dataclass(frozen=True, slots=True)
class Call:
    """What was said, what came in, and what of that was the caller's own voice."""

    rate_hz: int
    far: Samples
    came: Samples
    near: Samples  # the caller alone
    skew_ppm: float = 0.0
    jumps_at_s: float = 0.0  # 0: never
    talks_from_s: float = 0.0  # the caller; 0: never


@dataclass(frozen=True, slots=True)
class Situation:
    """A call to be made: a voice is said into a path, from the beginning to the end."""

    name: str
    rate_hz: int
    path: Callable[[int], Sound]
    after: Callable[[int], Sound] | None = None  # the path from the middle on
    seconds: float = 12.0
    skew_ppm: float = 0.0
    bends: bool = False
    double_talk: bool = False
    voices: tuple[str, str] = field(default=("flite:slt", "flite:rms"))  # ours, the caller's

    def call(self, seed: int, seconds: float) -> Call:
        rate_hz, middle_s = self.rate_hz, round(seconds / 2)
        said = speech(self.voices[0], rate_hz, seconds, seed)
        far = soft_clipped(said.astype(np.float64)) if self.bends else said.astype(np.float64)
        back = convolved(far, self.path(rate_hz))
        if self.after is not None:
            later = convolved(far, self.after(rate_hz))
            back = np.where(np.arange(len(back)) < middle_s * rate_hz, back, later)
        if self.skew_ppm:
            back = sampled_at(back, np.arange(len(back), dtype=np.float64) * (1 + self.skew_ppm * 1e-6))
        noise = np.random.default_rng(seed + 1).standard_normal(len(back)) * 32_768 * 10 ** (NOISE_DBFS / 20)
        near = np.zeros(len(back), np.int16)
        if self.double_talk:
            own = at_level(speech(self.voices[1], rate_hz, seconds, seed + 2), rate_hz, -24)
            near[middle_s * rate_hz :] = own[: len(near) - middle_s * rate_hz]
        return Call(
            rate_hz,
            said,
            to_int16(back + noise + near),
            near,
            self.skew_ppm,
            middle_s if self.after is not None else 0.0,
            middle_s if self.double_talk else 0.0,
        )
