"""What ms_mixer.c does, one sample at a time."""

from __future__ import annotations

from collections.abc import Sequence

FULL_SCALE = 32_767
CEILING = 29_000
RELEASE = 0.05
PIECES = 4


def ramped(pcm: Sequence[int], start: float, target: float, ramp: int) -> list[float]:
    """The samples at a gain that walks from `start` to `target` within `ramp` samples."""
    walk = (start + (target - start) * min(1.0, (k + 1) / ramp) if ramp else target for k in range(len(pcm)))
    return [gain * sample for gain, sample in zip(walk, pcm, strict=True)]


def bent(x: float) -> float:
    if abs(x) <= CEILING:
        return x
    room = FULL_SCALE - CEILING
    over = (abs(x) - CEILING) / room
    return (CEILING + room * over / (1 + over)) * (1 if x > 0 else -1)


class Limiter:
    def __init__(self) -> None:
        self.gain = 1.0

    def process(self, total: Sequence[float]) -> list[float]:
        piece = len(total) // PIECES
        pieces = [total[k * piece : (k + 1) * piece] for k in range(PIECES)]
        bearable = [min(1.0, CEILING / max(CEILING, *(abs(x) for x in samples))) for samples in pieces]
        out = []
        for k, samples in enumerate(pieces):
            following = bearable[min(k + 1, PIECES - 1)]
            to = min(bearable[k], following, self.gain + RELEASE)
            out += [bent(x * (self.gain + (to - self.gain) * (n + 1) / piece)) for n, x in enumerate(samples)]
            self.gain = to
        return out
