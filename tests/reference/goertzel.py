"""Keys in band, by way of a Fourier transform of each block and the rules of ms_goertzel.h, all blocks at once.

A measure that lies on a limit may fall on either side of it in another arithmetic. `strictness` moves all the limits
together: what is heard with them a little wider and a little narrower alike, everybody must hear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.reference.sounds import Pcm, Samples

LOW_HZ, HIGH_HZ = (697, 770, 852, 941), (1_209, 1_336, 1_477, 1_633)
KEYPAD = ("123A", "456B", "789C", "*0#D")
CODES = {symbol: code for code, symbol in enumerate("0123456789*#ABCD")}  # RFC 4733 3.2
BLOCK_S = 0.01275
MOST_HZ = 16_000  # more is thinned to a third first
HITS, MISSES = 4, 5
LEAST_DBFS = -42.0
SHARE, ABOVE_GROUP, HIGH_ABOVE, LOW_ABOVE, HARMONIC = 0.65, 4.0, 2.82, 8.9, 0.1
CLEAR_HZ = 150


@dataclass(frozen=True)
class Heard:
    code: int
    duration_ms: int


def keys(pcm: Pcm, rate_hz: int, strictness: float = 1.0) -> list[Heard]:
    """Those that have begun and ended."""
    samples = pcm.astype(np.float64)
    if rate_hz > MOST_HZ:
        samples, rate_hz = samples[: len(samples) // 3 * 3].reshape(-1, 3).mean(axis=1), rate_hz // 3
    size = int(rate_hz * BLOCK_S)
    blocks = [samples[at : at + size] for at in range(0, len(samples) - size + 1, size // 2)]
    verdicts = [key_of(block, rate_hz, strictness) for block in blocks]
    return [
        Heard(code, ((last - first) * (size // 2) + size) * 1_000 // rate_hz)
        for code, first, last in runs(verdicts)
    ]


def are_certain(pcm: Pcm, rate_hz: int, margin: float = 0.01) -> bool:
    return keys(pcm, rate_hz, 1 - margin) == keys(pcm, rate_hz) == keys(pcm, rate_hz, 1 + margin)


def power_at(block: Samples, hz: float, rate_hz: int) -> float:
    """In the measure of the sum of squares: of a sine that fills the block, its own."""
    turns = np.exp(-2j * np.pi * hz / rate_hz * np.arange(len(block)))
    return float(2 * np.abs(block @ turns) ** 2 / len(block))


def key_of(block: Samples, rate_hz: int, strictness: float = 1.0) -> int | None:
    total = float(block @ block)
    low, high = ([power_at(block, hz, rate_hz) for hz in group] for group in (LOW_HZ, HIGH_HZ))
    row, column = int(np.argmax(low)), int(np.argmax(high))
    of_low, of_high = low[row], high[column]
    holds = (
        total >= strictness * len(block) * 32_768.0**2 * 10 ** (LEAST_DBFS / 10),
        of_low + of_high >= SHARE * strictness * total,
        all(of_low >= ABOVE_GROUP * strictness * other for k, other in enumerate(low) if k != row),
        all(of_high >= ABOVE_GROUP * strictness * other for k, other in enumerate(high) if k != column),
        of_high * strictness <= HIGH_ABOVE * of_low,
        of_low * strictness <= LOW_ABOVE * of_high,
        power_at(block, 2 * HIGH_HZ[column], rate_hz) * strictness <= HARMONIC * of_high,
        abs(2 * LOW_HZ[row] - HIGH_HZ[column]) <= CLEAR_HZ
        or power_at(block, 2 * LOW_HZ[row], rate_hz) * strictness <= HARMONIC * of_low,
    )
    return CODES[KEYPAD[row][column]] if all(holds) else None


def runs(verdicts: Sequence[int | None]) -> list[tuple[int, int, int]]:
    """Code, first and last block of each key: it begins with HITS on end, and ends with MISSES or with another key."""
    found, at = [], 0
    while at < len(verdicts):
        code = verdicts[at]
        proven = at + HITS
        if code is None or list(verdicts[at:proven]) != [code] * HITS:
            at += 1
            continue
        last = over = at + HITS - 1
        while over + 1 < len(verdicts) and verdicts[over + 1] in (code, None) and over - last < MISSES:
            over += 1
            last = over if verdicts[over] == code else last
        is_over = over - last == MISSES or over + 1 < len(verdicts)
        found += [(code, at, last)] if is_over else []
        at = over + 1
    return found
