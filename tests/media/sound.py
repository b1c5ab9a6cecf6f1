"""Packets and sound for tests of the media plane, with nothing of ours inside."""

from __future__ import annotations

import math
import struct

PCMU_SILENCE = 0xFF


def rtp(sequence: int, timestamp: int, payload: bytes, *, payload_type: int = 0, ssrc: int = 7) -> bytes:
    return (
        struct.pack("!BBHII", 0x80, payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload
    )


def silent_packet(k: int) -> bytes:
    """The k-th 20 ms of a silent caller."""
    return rtp(k, 160 * k, bytes([PCMU_SILENCE]) * 160)


def tone(ms: int, rate_hz: int = 8_000, hz: float = 440, level: float = 8_000) -> bytes:
    samples = rate_hz * ms // 1000
    return struct.pack(
        f"<{samples}h", *(round(level * math.sin(2 * math.pi * hz * k / rate_hz)) for k in range(samples))
    )


def is_silent(packet: bytes) -> bool:
    """Whether an RTP packet of G.711 mu-law carries nothing that can be heard: +-16 of 32768."""
    return all(octet & 0x7F >= 0x7D for octet in packet[12:])
