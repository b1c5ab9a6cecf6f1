"""Sound that a recogniser owes the words of: what the next one is given when it dies.

Kept from shortly before somebody spoke until a final transcript has covered it. Silence is no debt, so a caller who
listens costs no memory; and sound that came to no words for too long, a cough, is forgiven. The rest is bounded: of an
utterance without end the oldest goes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

from mediasrv.audio import EARS_RATE_HZ, EarsChunk, duration_ms

MOST_MS = 30_000.0
LEAD_MS = 400.0  # before the gate saw that somebody speaks


class OwedSound:
    """Times are those of the recogniser that listens: milliseconds since it began, as its transcripts tell them."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, EarsChunk]] = deque()  # with where it begins
        self._end_ms = 0.0
        self._spoken = 0  # chunks of them with speech
        self._given = 0  # of them, to the recogniser that listens

    def begin(self) -> None:
        """Another recogniser begins; all that is kept is for it to hear."""
        chunks, self._end_ms, self._given = [chunk for _, chunk in self._kept], 0.0, 0
        self._kept.clear()
        for chunk in chunks:
            self._append(chunk)

    def add(self, chunk: EarsChunk) -> None:
        """It was heard, whether or not anybody listens."""
        self._append(chunk)
        self._spoken += chunk.speech
        most_ms = MOST_MS if self._spoken else LEAD_MS
        while self._end_ms - self._kept[0][0] > most_ms and len(self._kept) > 1:
            self._drop()

    def to_give(self) -> Iterator[EarsChunk]:
        """What the recogniser has not had yet, of what is still owed when its turn comes."""
        while self._given < len(self._kept):
            self._given += 1
            yield self._kept[self._given - 1][1]

    def cover(self, until_ms: float) -> None:
        """A final transcript goes so far; one that does not say how far is of all that the recogniser was given."""
        known = math.isfinite(until_ms) and until_ms > 0
        while self._given and (not known or self._end_of_first() <= until_ms):
            self._drop()

    def forgive(self) -> None:
        """No words will come of what was given."""
        while self._given:
            self._drop()

    def _append(self, chunk: EarsChunk) -> None:
        self._kept.append((self._end_ms, chunk))
        self._end_ms += duration_ms(chunk.pcm, EARS_RATE_HZ)

    def _end_of_first(self) -> float:
        return self._kept[1][0] if len(self._kept) > 1 else self._end_ms

    def _drop(self) -> None:
        _, chunk = self._kept.popleft()
        self._spoken -= chunk.speech
        self._given = max(0, self._given - 1)
