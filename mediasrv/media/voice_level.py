"""Voices at one loudness: a caller who is passed from one voice to another should not reach for the volume.

Each voice has its own slow gain, learnt from its speech and kept over the calls of an agent: only the first seconds
that a voice ever speaks are at a loudness of their own. Pauses are not learnt from, and peaks are limited.
"""

from __future__ import annotations

from mediasrv.audio import BYTES_PER_SAMPLE, samples_in
from mediasrv_native.echo import GainControl

TARGET_DBFS = -20.0
PIECE_MS = 60  # the kernel's longest
SPEECH_PEAK = 520  # -36 dBFS: what is softer at its loudest is a pause


class VoiceLevels:
    """The gains of one agent's voices."""

    def __init__(self, target_dbfs: float = TARGET_DBFS) -> None:
        self._target_dbfs = target_dbfs
        self._gains: dict[tuple[str, int], GainControl] = {}

    def level(self, voice: str, pcm: bytes, rate_hz: int) -> bytes:
        """The same sound at the loudness of all."""
        gain = self._gains.get((voice, rate_hz))
        if gain is None:
            gain = self._gains[voice, rate_hz] = GainControl(rate_hz, self._target_dbfs)
        step = samples_in(PIECE_MS, rate_hz) * BYTES_PER_SAMPLE
        pieces = (pcm[at : at + step] for at in range(0, len(pcm), step))
        return b"".join(gain.process(piece, _is_speech(piece)) for piece in pieces)


def _is_speech(piece: bytes) -> bool:
    samples = memoryview(piece).cast("h")
    return max(samples) > SPEECH_PEAK or min(samples) < -SPEECH_PEAK
