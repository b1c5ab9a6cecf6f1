"""How late an echo comes, by looking at both sounds as a whole: the lag at which their samples are most alike.

It hears to a sample what the kernel hears to ten milliseconds, but it must have everything before it answers, and a
caller who talks confuses it sooner.
"""

from __future__ import annotations

import numpy as np

from tests.reference.sounds import Samples

LONGEST_MS = 600


def delay_ms(far: Samples, near: Samples, rate_hz: int) -> float:
    size = 1 << (len(far) + len(near)).bit_length()
    across = np.fft.irfft(np.fft.rfft(near, size) * np.conj(np.fft.rfft(far, size)), size)
    return float(np.argmax(np.abs(across[: LONGEST_MS * rate_hz // 1_000]))) * 1_000 / rate_hz
