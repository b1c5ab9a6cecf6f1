"""RFC 3389 comfort noise, slowly: payloads by its formulas, noise by a direct-form filter, shapes by long spectra."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

FULL_SCALE = 32_767.0


def payload(level_dbov: int, reflections: Sequence[float] = ()) -> bytes:
    """Section 3: k = 258 (N - 127) / 32768."""
    return bytes([-level_dbov, *(round(k * 32_768 / 258) + 127 for k in reflections)])


def power_of(level_dbov: float) -> float:
    return float(FULL_SCALE**2 * 10 ** (level_dbov / 10))


def predictor(reflections: Sequence[float]) -> Signal:
    """A(z) by the step-up recursion; the first coefficient is 1."""
    a = np.ones(1)
    for k in reflections:
        longer = np.append(a, 0.0)
        a = longer + k * longer[::-1]
    return a


def reflections_of(signal: Signal, order: int = 8) -> list[float]:
    """By solving the normal equations of every order: the last coefficient of each is a reflection."""
    r = np.array([signal[: len(signal) - k] @ signal[k:] for k in range(order + 1)])
    r[0] *= 1.001
    matrix = np.array([[r[abs(i - j)] for j in range(order)] for i in range(order)])
    return [float(np.linalg.solve(matrix[:m, :m], -r[1 : m + 1])[-1]) for m in range(1, order + 1)]


def even_chances(n: int, seed: int) -> Signal:
    """xorshift32, as numbers between -1 and 1."""
    state, out = seed, []
    for _ in range(n):
        state ^= state << 13 & 0xFFFF_FFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFF_FFFF
        out.append((state - 2**32 if state >= 2**31 else state) / 2**31)
    return np.array(out)


def noise(power: float, reflections: Sequence[float], n: int, seed: int) -> Signal:
    gain = np.sqrt(3 * power * np.prod(1 - np.square(np.array(reflections))))
    back = predictor(reflections)[1:]
    out = np.concatenate([np.zeros(len(back)), gain * even_chances(n, seed)])
    for at in range(len(back), len(out)):
        out[at] -= back @ out[at - len(back) : at][::-1]
    return out[len(back) :]


def band_power(power: float, reflections: Sequence[float], rate_hz: int, up_to_hz: float) -> float:
    """Of the part of such a noise that lies below a frequency."""
    a, hz = predictor(reflections), np.arange(8_192) * rate_hz / 16_384
    delays = np.exp(-2j * np.pi * np.outer(hz / rate_hz, np.arange(len(a))))
    spectrum = 1 / np.abs(delays @ a) ** 2
    return float(power * spectrum[hz < up_to_hz].sum() / spectrum.sum())
