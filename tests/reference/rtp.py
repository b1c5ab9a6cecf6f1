"""RTP as RFC 3550 draws it, slowly and clearly: a builder, a parser, and the extension of wrapping numbers."""

from __future__ import annotations

import struct
from dataclasses import dataclass

VERSION = 2


@dataclass(frozen=True, slots=True)
class RtpPacket:
    payload: bytes
    sequence: int = 0
    timestamp: int = 0
    ssrc: int = 0x5EED
    payload_type: int = 0
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extension: bytes | None = None
    padding: int = 0

    def encode(self) -> bytes:
        first = VERSION << 6 | (self.padding > 0) << 5 | (self.extension is not None) << 4 | len(self.csrcs)
        head = struct.pack(
            "!BBHII",
            first,
            self.marker << 7 | self.payload_type,
            self.sequence & 0xFFFF,
            self.timestamp & 0xFFFFFFFF,
            self.ssrc,
        )
        csrcs = b"".join(struct.pack("!I", csrc) for csrc in self.csrcs)
        extension = b""
        if self.extension is not None:
            assert len(self.extension) % 4 == 0
            extension = struct.pack("!HH", 0xBEDE, len(self.extension) // 4) + self.extension
        padding = bytes(self.padding - 1) + bytes([self.padding]) if self.padding else b""
        return head + csrcs + extension + self.payload + padding


def parse(data: bytes) -> RtpPacket | None:
    """The packet, or None when RFC 3550 A.1 would not have it."""
    if (
        len(data) < 12 or data[0] >> 6 != VERSION or 72 <= data[1] & 0x7F <= 76 or 192 <= data[1] <= 223
    ):  # RFC 5761, 4
        return None
    at = 12 + 4 * (data[0] & 0x0F)
    csrcs = tuple(struct.unpack_from("!I", data, k)[0] for k in range(12, at, 4) if k + 4 <= len(data))
    extension = None
    if data[0] & 0x10:
        if at + 4 > len(data):
            return None
        words = struct.unpack_from("!H", data, at + 2)[0]
        extension = data[at + 4 : at + 4 + 4 * words]
        at += 4 + 4 * words
    padding = data[-1] if data[0] & 0x20 else 0
    if at > len(data) or (data[0] & 0x20 and not 0 < padding <= len(data) - at):
        return None
    sequence, timestamp, ssrc = struct.unpack_from("!HII", data, 2)
    return RtpPacket(
        payload=data[at : len(data) - padding],
        sequence=sequence,
        timestamp=timestamp,
        ssrc=ssrc,
        payload_type=data[1] & 0x7F,
        marker=bool(data[1] >> 7),
        csrcs=csrcs,
        extension=extension,
        padding=padding,
    )


def telephone_event(key: int, duration: int, *, end: bool = False, volume: int = 10) -> bytes:
    """RFC 4733 2.3."""
    return struct.pack("!BBH", key, end << 7 | volume, duration)
