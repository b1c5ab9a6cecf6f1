"""A server's own capture of a call (`calls.capture`), for peers that do not tell what came to them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE_HEADER, RECORD_HEADER, UDP_OVER_IPV4 = 24, 16, 28
NANOSECONDS = b"\x4d\x3c\xb2\xa1"


@dataclass(frozen=True, slots=True)
class Captured:
    at_s: float
    port: int  # that it goes to
    data: bytes

    @property
    def is_sound(self) -> bool:
        """RTP of version 2, and no RTCP (RFC 5761 section 4)."""
        return self.data[:1] == b"\x80" and not 64 <= self.data[1] & 0x7F < 96


def read(file: Path) -> Iterator[Captured]:
    whole = file.read_bytes()
    unit = 1e9 if whole.startswith(NANOSECONDS) else 1e6
    at = FILE_HEADER
    while at < len(whole):
        seconds, fraction, length, _ = struct.unpack_from("<IIII", whole, at)
        packet = whole[at + RECORD_HEADER : at + RECORD_HEADER + length]
        at += RECORD_HEADER + length
        (port,) = struct.unpack_from(">H", packet, 22)
        yield Captured(seconds + fraction / unit, port, packet[UDP_OVER_IPV4:])


def sound_sent(file: Path) -> list[float]:
    """When each packet of sound went to the caller: to where the first message, its INVITE, wants it."""
    packets = list(read(file))
    (wanted,) = [line for line in packets[0].data.split(b"\r\n") if line.startswith(b"m=audio")]
    return [one.at_s for one in packets if one.is_sound and one.port == int(wanted.split()[1])]
