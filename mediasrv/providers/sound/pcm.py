"""Sound as it comes over a wire, in pieces that know nothing of samples.

A piece may end in the middle of a sample, whose other half then comes with the next one. Some services put a WAV header
in front, with a length that they did not know yet; some do so although they were asked for bare samples.
"""

from __future__ import annotations

import struct

from mediasrv.audio import BYTES_PER_SAMPLE

HEADER_BYTES_MAX = 4_096  # before `data`: more is no WAV file of a voice
PCM, EXTENSIBLE = 1, 0xFFFE


class NotSound(ValueError):
    """A header that says that this cannot be played."""


class PcmPieces:
    """Cuts at samples; `rate_hz` is what was asked for, and after the header what is there."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._rest = b""
        self._begun = False

    def feed(self, piece: bytes) -> bytes:
        """Whole samples, all that there are; ValueError when it is a file of another kind."""
        self._rest += piece
        if not self._begun and not self._begin():
            return b""
        whole = len(self._rest) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE
        pcm, self._rest = self._rest[:whole], self._rest[whole:]
        return pcm

    def _begin(self) -> bool:
        """Whether it is known where the samples begin."""
        if len(self._rest) < 4 and b"RIFF".startswith(self._rest[:4]):
            return False
        if self._rest.startswith((b"ID3", b"OggS", b"fLaC")):
            raise NotSound("a compressed file where samples were asked for")
        if self._rest.startswith(b"RIFF"):
            start = self._data_start()
            if start is None:
                return False
            self._rest = self._rest[start:]
        self._begun = True
        return True

    def _data_start(self) -> int | None:
        """Walks the chunks of the header up to `data`; None: more of it is to come."""
        at = 12
        while at + 8 <= len(self._rest):
            name, length = self._rest[at : at + 4], struct.unpack_from("<I", self._rest, at + 4)[0]
            if name == b"data":
                return at + 8
            if name == b"fmt " and at + 24 <= len(self._rest):
                self._read_format(at + 8)
            at += 8 + length + length % 2
            if at > HEADER_BYTES_MAX:
                raise NotSound("a WAV file without sound")
        if len(self._rest) > HEADER_BYTES_MAX:
            raise NotSound("a WAV file without sound")
        return None

    def _read_format(self, at: int) -> None:
        kind, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", self._rest, at)
        if kind not in (PCM, EXTENSIBLE) or channels != 1 or bits != 8 * BYTES_PER_SAMPLE:
            raise NotSound(f"WAV of format {kind}, {channels} channels, {bits} bits")
        self.rate_hz = rate_hz
