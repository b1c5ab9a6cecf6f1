"""Voices at one loudness: a caller who is passed from one voice to another should not reach for the volume.

Each voice has its own slow gain, learnt from its speech and kept over the calls of an agent: only the first seconds
that a voice ever speaks are at a loudness of their own. Pauses are not learnt from, and peaks are limited.
"""

from __future__ import annotations

from mediasrv_native.echo import GainControl

TARGET_DBFS = -20.0
PAUSE_PEAK = 520  # -36 dBFS: what is no louder than this is a pause


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
        return gain.level(pcm, PAUSE_PEAK)
