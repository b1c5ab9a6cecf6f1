"""Where the caller speaks, cut out of what is heard: for recognisers that take a piece of speech and give its words.

The gate's verdict stands on the spans. It comes a little late, so each piece begins a little earlier; it already
waits out short pauses, so its end is the piece's end. A piece that becomes too long is cut where it is: its words are
settled like those of any other, and what follows is a piece of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from mediasrv.audio import BYTES_PER_SAMPLE, EARS_RATE_HZ, EarsChunk, duration_ms, samples_in

BEFORE_MS = 300.0
LONGEST_MS = 28_000.0  # Whisper hears 30 s at a time


@dataclass(frozen=True, slots=True)
class Utterance:
    """Times from the beginning of the stream; `whole`: nothing more will come to it."""

    pcm: bytes
    start_ms: float
    end_ms: float
    whole: bool


class UtteranceCutter:
    def __init__(self, before_ms: float = BEFORE_MS, longest_ms: float = LONGEST_MS) -> None:
        self._before_bytes = samples_in(before_ms, EARS_RATE_HZ) * BYTES_PER_SAMPLE
        self._longest_ms = longest_ms
        self._pcm = bytearray()  # of the piece, or what came just before one
        self._end_ms = 0.0  # of all that was heard
        self.speaking = False

    def feed(self, chunk: EarsChunk) -> Utterance | None:
        """The piece that has ended with this chunk."""
        self._pcm += chunk.pcm
        self._end_ms += duration_ms(chunk.pcm, EARS_RATE_HZ)
        was_speaking, self.speaking = self.speaking, chunk.speech
        if self.speaking:
            return self._cut() if self._length_ms() >= self._longest_ms else None
        if was_speaking:
            return self._cut()
        del self._pcm[: max(0, len(self._pcm) - self._before_bytes)]
        return None

    def so_far(self) -> Utterance | None:
        """The piece that goes on; None: nobody speaks."""
        if not self.speaking:
            return None
        return Utterance(bytes(self._pcm), self._end_ms - self._length_ms(), self._end_ms, whole=False)

    def _length_ms(self) -> float:
        return len(self._pcm) / BYTES_PER_SAMPLE * 1000 / EARS_RATE_HZ

    def _cut(self) -> Utterance:
        piece = Utterance(bytes(self._pcm), self._end_ms - self._length_ms(), self._end_ms, whole=True)
        self._pcm.clear()
        return piece
