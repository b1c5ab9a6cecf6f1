"""The plain canceller that every text begins with: normalised least mean squares, in the time domain.

Step 0.1 and 1,024 taps; nothing stops it while the caller talks, and nothing searches for a delay.
"""

from __future__ import annotations

import numpy as np

from mediasrv.bench.quality.material import Samples, to_int16

STEP, TAPS = 0.1, 1_024
REGULARISED = 1e5


def nlms(far: Samples, came: Samples) -> Samples:
    taps = np.zeros(TAPS)
    padded = np.concatenate([np.zeros(TAPS - 1), far.astype(np.float64)])
    left = np.empty(len(came))
    energy = 0.0
    for k in range(len(came)):
        window = padded[k : k + TAPS]
        energy += padded[k + TAPS - 1] ** 2 - (padded[k - 1] ** 2 if k > 0 else 0.0)
        left[k] = came[k] - window @ taps
        taps += STEP * left[k] / (energy + REGULARISED) * window
    return to_int16(left)
