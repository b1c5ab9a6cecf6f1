"""How a stream and its worker talk: frames over two pipes, each a kind (1 octet), a length (4, big-endian) and a body.

To the worker: SETUP once, then for each utterance BEGIN, AUDIO as it comes, and END. From it:
READY once, PARTIAL whenever the words have changed, FINAL once for each END. Bodies are JSON, but for AUDIO, which is
16 kHz PCM. Both sides are ours, and still each checks what it reads: a worker that was killed in the middle of a frame
must not leave half of one behind as a transcript.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

HEADER_BYTES = 5
MOST_BYTES = 1 << 22  # of a body: a dictionary and a language model are the longest


class Kind(IntEnum):
    SETUP = 1
    BEGIN = 2
    AUDIO = 3
    END = 4
    READY = 16
    PARTIAL = 17
    FINAL = 18


class FrameError(ValueError):
    """What came is no frame."""


def frame(kind: Kind, body: bytes = b"") -> bytes:
    return bytes((kind,)) + len(body).to_bytes(4, "big") + body


def parse_header(header: bytes) -> tuple[Kind, int]:
    """The kind of a frame and the length of its body."""
    length = int.from_bytes(header[1:HEADER_BYTES], "big")
    try:
        kind = Kind(header[0])
    except ValueError as error:
        raise FrameError(f"no kind of frame: {header[0]}") from error
    if length > MOST_BYTES:
        raise FrameError(f"a frame of {length} octets")
    return kind, length


class FrameReader:
    """Octets in, as they come; whole frames out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes | bytearray) -> Iterator[tuple[Kind, bytes]]:
        self._buffer += data
        while len(self._buffer) >= HEADER_BYTES:
            kind, length = parse_header(bytes(self._buffer[:HEADER_BYTES]))
            if len(self._buffer) < HEADER_BYTES + length:
                return
            body = bytes(self._buffer[HEADER_BYTES : HEADER_BYTES + length])
            del self._buffer[: HEADER_BYTES + length]
            yield kind, body
