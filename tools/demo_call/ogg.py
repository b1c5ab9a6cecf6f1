"""Sound as an Ogg Opus file (RFC 3533, RFC 7845): small, and played by every browser.

Written apart from the engine's own recorder (native/c/recorder), which records streams of a call and nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from mediasrv_native.codecs import OPUS, Encoder

RATE_HZ = 48_000  # in which Opus counts, whatever was encoded
FRAME_SAMPLES = 960  # 20 ms
FRAMES_A_PAGE = 50
PRE_SKIP_SAMPLES = 312  # what the encoder looks ahead; players leave it out
BIT_RATE = 24_000
FIRST_PAGE, LAST_PAGE = 2, 4
SERIAL = 1  # of the only stream in the file
POLYNOMIAL = 0x04C11DB7
HEAD = struct.Struct("<8sBBHIHB")
PAGE = struct.Struct("<4sBBqIIIB")
CHECKSUM_AT = 22


def opus_file(pcm: bytes) -> bytes:
    """Mono at 48 kHz."""
    whole = pcm + bytes(-len(pcm) % (2 * FRAME_SAMPLES))
    encoder = Encoder(OPUS, RATE_HZ, bit_rate=BIT_RATE)
    packets = [
        encoder.encode(whole[at : at + 2 * FRAME_SAMPLES]) for at in range(0, len(whole), 2 * FRAME_SAMPLES)
    ]
    return b"".join(_pages(packets, PRE_SKIP_SAMPLES + len(pcm) // 2))


def _pages(packets: Sequence[bytes], end_sample: int) -> Iterator[bytes]:
    head = HEAD.pack(b"OpusHead", 1, 1, PRE_SKIP_SAMPLES, RATE_HZ, 0, 0)
    tags = b"OpusTags" + struct.pack("<I8sI", 8, b"mediasrv", 0)
    yield _page(0, [head], 0, FIRST_PAGE)
    yield _page(1, [tags], 0)
    for number, at in enumerate(range(0, len(packets), FRAMES_A_PAGE), 2):
        own = packets[at : at + FRAMES_A_PAGE]
        is_last = at + len(own) == len(packets)
        samples = (at + len(own)) * FRAME_SAMPLES
        yield _page(number, own, min(samples, end_sample) if is_last else samples, LAST_PAGE * is_last)


def _page(number: int, packets: Sequence[bytes], granule: int, flags: int = 0) -> bytes:
    lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets)
    head = PAGE.pack(b"OggS", 0, flags, granule, SERIAL, number, 0, len(lacing))
    page = bytearray(head + lacing + b"".join(packets))
    struct.pack_into("<I", page, CHECKSUM_AT, _checksum(page))
    return bytes(page)


def _checksum(data: bytes | bytearray) -> int:
    """RFC 3533 section 6: not reflected, begun with nothing."""
    total = 0
    for octet in data:
        total ^= octet << 24
        for _ in range(8):
            total = (total << 1 ^ (POLYNOMIAL if total & 0x80000000 else 0)) & 0xFFFFFFFF
    return total
