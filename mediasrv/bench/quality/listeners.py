"""PLCMOS v2: a network that gives the marks listeners gave, each seen as a point among the raters it was taught by.

The package draws new raters for every recording, so that two recordings differ by who heard them (0.07 of a mark from
rater to rater) as much as by how they sound. Here the same few hear everything: between contenders on the same losses
they differ by 0.01 only, so five of them say more than fifteen strangers do, in a third of the time, and the same each
time.
"""

from __future__ import annotations

import functools

import numpy as np
import onnxruntime
from speechmos import plcmos

from mediasrv.bench.quality.material import Samples
from mediasrv_native.kernels import Resampler

PLCMOS_HZ = 16_000
RATERS, RATER_SIZE = 5, 64
RATERS_SEED = 1  # not the plan's: material changes with that, who listens does not


class Listeners:
    def __init__(self) -> None:
        self._published = plcmos.PLCMOS()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # the other cores have other cases
        self._session = onnxruntime.InferenceSession(self._published.model_path, options)
        drawn = np.random.default_rng(RATERS_SEED).standard_normal((RATERS, 1, RATER_SIZE))
        self._raters = drawn.astype(np.float32)

    def mark(self, pcm: Samples) -> float:
        """Between 1 and 5, of 16 kHz."""
        spectrum = self._published.stft_transform(pcm.astype(np.float64) / 32_768)
        heard = np.asarray(spectrum, np.float32)[np.newaxis, np.newaxis]
        marks = [
            self._session.run(None, {"degraded_audio": heard, "rater_embed": rater})[0]
            for rater in self._raters
        ]
        return float(np.mean(marks))


@functools.cache
def _listeners() -> Listeners:
    return Listeners()


def plcmos_of(pcm: Samples, rate_hz: int) -> float:
    if rate_hz != PLCMOS_HZ:
        pcm = np.frombuffer(Resampler(rate_hz, PLCMOS_HZ).process(pcm.tobytes()), np.int16)
    return _listeners().mark(pcm)
