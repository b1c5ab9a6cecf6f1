"""Which words the caller has heard: the samples that were sent, laid against where each word lies in them.

A voice that tells word times is believed; for one that does not, the words of a passage are spread over its sound in
proportion to their length. A word counts as heard when more than half of it was.

Where one voice fails another goes on, so a passage is made of parts: each begins with a word of the text and with a
sample, and is judged by what its own voice told. A part that was taken over tells nothing past its own sound. The next
one may say its last word again, or more: what was heard once stays heard.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import zip_longest

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
class _Part:
    """What one voice makes of a passage, from a word of its text on."""

    first_word: int
    start: int
    end: int
    timed: list[PlacedWord] = field(default_factory=list)
    cut_off: list[PlacedWord] = field(
        default_factory=list
    )  # where its words stood when a voice without times died

    def end_here(self) -> None:
        """No more of its sound will come, so words that it told of and did not begin are none."""
        self.timed = [word for word in self.timed if word.start < self.end]


@dataclass(slots=True)
class _Passage:
    text: str
    parts: list[_Part]
    whole: bool = False  # all its sound was handed over

    @property
    def start(self) -> int:
        return self.parts[0].start

    @property
    def end(self) -> int:
        return self.parts[-1].end

    def words_heard(self, sample: int, rate_hz: int) -> int:
        """How many words of the text have sounded by `sample`, in whichever voice came furthest."""
        furthest = 0
        for part, following in zip_longest(self.parts, self.parts[1:]):
            if part.start > sample:
                break
            until = sample if following is None else min(sample, part.end)
            words = part.timed or part.cut_off or self._guessed(part, following, rate_hz)
            sounded = sum(1 for word in words if until > (word.start + word.end) / 2)
            furthest = max(furthest, part.first_word + sounded)
        return furthest

    def _guessed(self, part: _Part, following: _Part | None, rate_hz: int) -> list[PlacedWord]:
        """The words up to where the next voice begins; of the last voice's, all that are left."""
        words = self.text.split()[part.first_word : following.first_word if following else None]
        if following is not None or self.whole:
            return _spread(words, part.start, part.end)
        guessed = part.start + sum(len(word) + 1 for word in words) * rate_hz // CHARACTERS_PER_S
        return _spread(words, part.start, max(part.end, guessed))

    def cut_off(self, rate_hz: int) -> None:
        """Its voice died: what it would have said is not spread over the sound that it made."""
        part = self.parts[-1]
        part.cut_off = self._guessed(part, None, rate_hz)


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
        self._passages.append(_Passage(text, [_Part(0, self.samples, self.samples)]))
        return self.samples

    def take_over(self, first_word: int) -> None:
        """Another voice goes on with the last passage, from this word of it, where the sound is now."""
        parts, at = self._passages[-1].parts, self.samples
        parts[-1].end_here()
        parts.append(_Part(first_word, at, at))

    def place(self, words: tuple[WordTime, ...]) -> list[PlacedWord]:
        """Where these words of the last passage lie."""
        passage = self._passages[-1]
        placed = [
            PlacedWord(
                mended(w.text), passage.start + self._at(w.start_ms), passage.start + self._at(w.end_ms)
            )
            for w in words
        ]
        part = passage.parts[-1]
        part.timed = sorted([*part.timed, *placed], key=lambda word: word.start)
        return placed

    def sound(self, until: int) -> None:
        """Sound of the last passage was handed over, up to sample `until`."""
        part = self._passages[-1].parts[-1]
        part.end = max(part.end, until)

    def close(self, *, whole: bool = True) -> None:
        """No more sound of the last passage will come; unless it is `whole`, only the words that sound were said."""
        passage = self._passages[-1]
        if not whole:
            passage.cut_off(self._rate_hz)
            passage.text = self._sounded(passage, passage.end)
            self.cut_short = True
        passage.whole = True
        passage.parts[-1].end_here()

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
        return _first_words(passage.text, passage.words_heard(sample, self._rate_hz))

    def word_start(self, sample: int) -> int | None:
        """Where the word began that sounds at `sample`, of the part that sounds there; None when nothing knows."""
        parts = [part for passage in self._passages for part in passage.parts]
        n = bisect_right(parts, sample, key=lambda part: part.start)
        starts = [word.start for word in parts[n - 1].timed] if n else []
        k = bisect_right(starts, sample)
        return starts[k - 1] if k else None

    def _at(self, ms: float) -> int:
        return round(ms * self._rate_hz / 1000)


def _spread(words: list[str], start: int, end: int) -> list[PlacedWord]:
    weights = [len(word) + 1 for word in words]
    placed, before, total = [], 0, sum(weights)
    for word, weight in zip(words, weights, strict=True):
        a, b = start + (end - start) * before // total, start + (end - start) * (before + weight) // total
        placed.append(PlacedWord(word, a, b))
        before += weight
    return placed


def _first_words(text: str, count: int) -> str:
    return " ".join(text.split()[:count])
