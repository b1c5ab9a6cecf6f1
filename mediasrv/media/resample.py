"""Whole sounds at another rate, for whoever makes files; streams resample in the engine's rooms as they go."""

from __future__ import annotations

from mediasrv.audio import BYTES_PER_SAMPLE, samples_in
from mediasrv_native.kernels import Resampler


def resampled(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """The same sound, as long as before; what the filter holds back of its end is asked for."""
    if from_hz == to_hz or not pcm:
        return pcm
    resampler = Resampler(from_hz, to_hz)
    lag_bytes = samples_in(resampler.lag_ms, to_hz) * BYTES_PER_SAMPLE
    silence = bytes(samples_in(resampler.lag_ms + 1, from_hz) * BYTES_PER_SAMPLE)
    length = round(len(pcm) // BYTES_PER_SAMPLE * to_hz / from_hz) * BYTES_PER_SAMPLE
    return resampler.process(pcm + silence)[lag_bytes : lag_bytes + length]
