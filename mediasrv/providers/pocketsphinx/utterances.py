"""Where utterances begin and end, by what the engine's gate calls speech; pure state.

The gate opens after the first sound of a word, so an utterance takes a little of what came before it. It closes 200 ms
after the last sound; a little more is waited for here, because a caller who breathes between two words asks one
question and not two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from mediasrv.audio import BYTES_PER_SAMPLE, EARS_RATE_HZ, EarsChunk, duration_ms

LEAD_MS = 300  # before the gate opened
QUIET_MS = 120  # after it closed
LONGEST_MS = 15_000  # an utterance without a pause is cut here: what is kept of it is bounded


@dataclass(slots=True, eq=False)
class Utterance:
    """Sound from one caller's breath to the next; grows until it has ended."""

    start_ms: float
    pieces: list[bytes] = field(default_factory=list)
    length_ms: float = 0.0
    speech_ms: float = 0.0
    ended: bool = False

    @property
    def end_ms(self) -> float:
        return self.start_ms + self.length_ms

    def take(self, pcm: bytes, *, speech: bool) -> None:
        self.pieces.append(pcm)
        piece_ms = duration_ms(pcm, EARS_RATE_HZ)
        self.length_ms += piece_ms
        self.speech_ms += piece_ms if speech else 0.0


class Segmenter:
    """Chunks in, as they are heard; each utterance out once, when it begins."""

    def __init__(self) -> None:
        self._now_ms = 0.0
        self._lead: deque[bytes] = deque()
        self._lead_ms = 0.0
        self._open: Utterance | None = None
        self._quiet_ms = 0.0

    def hear(self, chunk: EarsChunk) -> Iterator[Utterance]:
        at = 0
        for span in chunk.spans:
            size = span.samples * BYTES_PER_SAMPLE
            yield from self._take(chunk.pcm[at : at + size], speech=span.speech)
            at += size

    def _take(self, pcm: bytes, *, speech: bool) -> Iterator[Utterance]:
        piece_ms = duration_ms(pcm, EARS_RATE_HZ)
        self._now_ms += piece_ms
        if self._open is None and not speech:
            self._keep(pcm, piece_ms)
            return
        if self._open is None:
            self._open = Utterance(self._now_ms - piece_ms - self._lead_ms)
            for kept in self._lead:
                self._open.take(kept, speech=False)
            self._lead.clear()
            self._lead_ms = 0.0
            yield self._open
        self._open.take(pcm, speech=speech)
        self._quiet_ms = 0.0 if speech else self._quiet_ms + piece_ms
        if self._quiet_ms >= QUIET_MS or self._open.length_ms >= LONGEST_MS:
            self._open.ended, self._open, self._quiet_ms = True, None, 0.0

    def _keep(self, pcm: bytes, piece_ms: float) -> None:
        self._lead.append(pcm)
        self._lead_ms += piece_ms
        while self._lead and self._lead_ms - (first := duration_ms(self._lead[0], EARS_RATE_HZ)) >= LEAD_MS:
            self._lead.popleft()
            self._lead_ms -= first
