"""Sound as a WAV file: for services that take files, and for people."""

from __future__ import annotations

import struct

from mediasrv.audio import BYTES_PER_SAMPLE, EARS_RATE_HZ


def wav_file(pcm: bytes, rate_hz: int = EARS_RATE_HZ) -> bytes:
    """16 bits, one channel; at the rate of what is heard, unless told otherwise."""
    bytes_a_second = rate_hz * BYTES_PER_SAMPLE
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, bytes_a_second, BYTES_PER_SAMPLE, 16)
    sound = struct.pack("<4sI", b"data", len(pcm)) + pcm
    return struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(sound), b"WAVE") + form + sound
