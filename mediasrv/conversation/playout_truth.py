"""Which words the caller has heard: the samples that were sent, laid against where each word lies in them.

A voice that tells word times is believed; for one that does not, the words of a passage are spread over its sound in
proportion to their length. A word counts as heard when more than half of it was.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from mediasrv.conversation.surrogates import mended
from mediasrv.providers.protocols import WordTime

CHARACTERS_PER_S = 15  # of speech, while a passage without word times is not whole


@dataclass(frozen=True, slots=True)
class PlacedWord:
    """A word, and its samples in the generation."""

    text: str
    start: int
    end: int


@dataclass(slots=True)
class _Passage:
    text: str
    start: int
    end: int
    whole: bool = False  # all its sound was handed over
    timed: list[PlacedWord] = field(default_factory=list)

    def words(self, rate_hz: int) -> list[PlacedWord]:
        if self.timed:
            return self.timed
        guessed = self.start + len(self.text) * rate_hz // CHARACTERS_PER_S
        return _spread(self.text, self.start, self.end if self.whole else max(self.end, guessed))


class PlayoutTruth:
    """One generation's text and sound. `rate_hz` is the stream's."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._passages: list[_Passage] = []
        self.cut_short = False  # of some passage only the beginning was ever made

    @property
    def samples(self) -> int:
        return self._passages[-1].end if self._passages else 0

    def passage(self, text: str) -> int:
        """A new passage begins where the last one ends; returns that sample."""
        self._passages.append(_Passage(text, self.samples, self.samples))
        return self.samples

    def place(self, words: tuple[WordTime, ...]) -> list[PlacedWord]:
        """Where these words of the last passage lie."""
        passage = self._passages[-1]
        placed = [
            PlacedWord(
                mended(w.text), passage.start + self._at(w.start_ms), passage.start + self._at(w.end_ms)
            )
            for w in words
        ]
        passage.timed = sorted([*passage.timed, *placed], key=lambda word: word.start)
        return placed

    def sound(self, until: int) -> None:
        """Sound of the last passage was handed over, up to sample `until`."""
        self._passages[-1].end = max(self._passages[-1].end, until)

    def close(self, *, whole: bool = True) -> None:
        """No more sound of the last passage will come; unless it is `whole`, only the words that sound were said."""
        passage = self._passages[-1]
        if not whole:
            passage.text = self._sounded(passage, passage.end)
            self.cut_short = True
        passage.whole = True
        passage.timed = [word for word in passage.timed if word.start < passage.end]

    def said(self) -> str:
        return " ".join(passage.text for passage in self._passages if passage.text)

    def heard(self, sample: int) -> str:
        """The text up to the word that was sounding at `sample`, as it was written."""
        parts = []
        for passage in self._passages:
            if passage.whole and sample >= passage.end:
                parts.extend([passage.text] if passage.text and passage.end > passage.start else [])
                continue
            sounded = self._sounded(passage, sample)
            parts.extend([sounded] if sounded else [])
            break
        return " ".join(parts)

    def _sounded(self, passage: _Passage, sample: int) -> str:
        """The passage's text up to the word that was sounding at `sample`."""
        count = sum(1 for word in passage.words(self._rate_hz) if sample > (word.start + word.end) / 2)
        return _first_words(passage.text, count)

    def word_start(self, sample: int) -> int | None:
        """Where the word began that sounds at `sample`, of the passage that sounds there; None when nothing knows."""
        n = bisect_right(self._passages, sample, key=lambda passage: passage.start)
        starts = [word.start for word in self._passages[n - 1].timed] if n else []
        k = bisect_right(starts, sample)
        return starts[k - 1] if k else None

    def _at(self, ms: float) -> int:
        return round(ms * self._rate_hz / 1000)


def _spread(text: str, start: int, end: int) -> list[PlacedWord]:
    words = text.split()
    weights = [len(word) + 1 for word in words]
    placed, before, total = [], 0, sum(weights)
    for word, weight in zip(words, weights, strict=True):
        a, b = start + (end - start) * before // total, start + (end - start) * (before + weight) // total
        placed.append(PlacedWord(word, a, b))
        before += weight
    return placed


def _first_words(text: str, count: int) -> str:
    return " ".join(text.split()[:count])
