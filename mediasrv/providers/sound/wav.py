"""Heard sound as a WAV file, for services that take files."""

from __future__ import annotations

import struct

from mediasrv.audio import BYTES_PER_SAMPLE, EARS_RATE_HZ


def wav_file(pcm: bytes) -> bytes:
    """16 kHz, 16 bits, one channel."""
    rate = EARS_RATE_HZ * BYTES_PER_SAMPLE
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, EARS_RATE_HZ, rate, BYTES_PER_SAMPLE, 16)
    sound = struct.pack("<4sI", b"data", len(pcm)) + pcm
    return struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(sound), b"WAVE") + form + sound
