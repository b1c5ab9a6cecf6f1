"""Ogg pages (RFC 3533) and Opus in them (RFC 7845), read slowly."""

from __future__ import annotations

import ctypes
import ctypes.util
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POLYNOMIAL = 0x04C11DB7
FIRST, LAST = 0x02, 0x04


def checksum(data: bytes) -> int:
    """One bit at a time."""
    register = 0
    for octet in data:
        register ^= octet << 24
        for _ in range(8):
            register = (register << 1) ^ (POLYNOMIAL if register & 0x8000_0000 else 0)
            register &= 0xFFFF_FFFF
    return register


@dataclass(frozen=True)
class Page:
    flags: int
    granule: int
    serial: int
    number: int
    packets: list[bytes]


def pages(data: bytes) -> Iterator[Page]:
    """Every page; one that is cut off, as by a kill, ends the reading."""
    while len(data) >= 27:
        magic, version, flags, granule, serial, number, told, segments = struct.unpack(
            "<4sBBqIIIB", data[:27]
        )
        assert (magic, version) == (b"OggS", 0)
        lacing = data[27 : 27 + segments]
        end = 27 + segments + sum(lacing)
        if len(data) < end:
            return
        assert checksum(data[:22] + bytes(4) + data[26:end]) == told
        yield Page(flags, granule, serial, number, _packets(lacing, data[27 + segments : end]))
        data = data[end:]


def _packets(lacing: bytes, body: bytes) -> list[bytes]:
    """Packets that end in their page; none of ours goes on in the next."""
    assert not lacing or lacing[-1] < 255
    packets, begin, n = [], 0, 0
    for value in lacing:
        n += value
        if value < 255:
            packets.append(body[begin : begin + n])
            begin, n = begin + n, 0
    return packets


def decoded(data: bytes) -> NDArray[np.int16]:
    """Stereo at 48 kHz, as a player would give it: without the pre-skip, and no longer than the granule says."""
    head, _tags, *sound = pages(data)
    channels, pre_skip = struct.unpack("<BH", head.packets[0][9:12])
    library = ctypes.CDLL(ctypes.util.find_library("opus"))
    library.opus_decoder_create.restype = ctypes.c_void_p
    decoder = ctypes.c_void_p(library.opus_decoder_create(48_000, channels, None))
    out = np.zeros((960, channels), np.int16)
    pieces = []
    for packet in (packet for page in sound for packet in page.packets):
        count = library.opus_decode(decoder, packet, len(packet), out.ctypes.data_as(ctypes.c_void_p), 960, 0)
        assert count == 960
        pieces.append(out.copy())
    library.opus_decoder_destroy(decoder)
    whole: NDArray[np.int16] = np.concatenate(pieces)
    return whole[pre_skip : sound[-1].granule] if sound[-1].flags & LAST else whole[pre_skip:]
