"""Which of the expected sentences a caller meant: the nearest, if any is near enough.

Words weigh by how rare they are among the subjects (inverse document frequency: a word that every subject has tells
nothing). Two sentences are as near as the weight that they share, against the weight of both (Dice's coefficient),
pairs of neighbouring words counting beside the words: a recogniser that misheard "the" costs little, one that misheard
"breakfast" costs the match. Below `NEAR_ENOUGH` nothing was understood, and whoever asks says so instead of guessing.

Where a passage is meant, its best sentence is found by Okapi BM25.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

Subject = TypeVar("Subject", bound=Hashable)

NEAR_ENOUGH = 0.5
APART = 0.01  # the nearest subject from the next: else it would be a guess
PAIR_WEIGHT = 0.5  # of two neighbours, against the heavier of them
BM25_K1, BM25_B = 1.2, 0.75
_WORD = re.compile(r"[a-z]+(?:['-][a-z]+)*|\d+")
_ENDINGS = ("ing", "ed", "es", "s")


def words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.lower().replace("’", "'")))


def stem(word: str) -> str:
    """Crude, and the same for both sides: `rooms` and `room`, `served` and `serve` meet."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)].rstrip("e")
    return word.rstrip("e") if len(word) > 3 else word


@dataclass(frozen=True, slots=True)
class Match(Generic[Subject]):
    subject: Subject
    nearness: float  # 0 to 1


class Matcher(Generic[Subject]):
    """Knows the sentences of every subject; asked, names the nearest."""

    def __init__(self, subjects: Mapping[Subject, Iterable[str]]) -> None:
        self._of: list[Subject] = []  # sentence by sentence
        known: list[tuple[str, ...]] = []
        for subject, sentences in subjects.items():
            for features in sorted({_features(sentence) for sentence in sentences}):
                self._of.append(subject)
                known.append(features)
        self._having: dict[str, list[int]] = {}  # which sentences have a feature
        for k, features in enumerate(known):
            for feature in features:
                self._having.setdefault(feature, []).append(k)
        self._rarest = math.log(1 + len(subjects))
        self._weights = {
            feature: math.log(1 + len(subjects) / len({self._of[k] for k in where}))
            * (PAIR_WEIGHT if " " in feature else 1.0)
            for feature, where in self._having.items()
        }
        self._total = [sum(self._weights[feature] for feature in features) for features in known]

    def match(self, text: str) -> Match[Subject] | None:
        """The nearest subject; None when none is near enough, or two are as near."""
        own, shared = 0.0, dict[int, float]()
        for feature in _features(text):
            weight = self._weight(feature)
            own += weight
            for k in self._having.get(feature, ()):
                shared[k] = shared.get(k, 0.0) + weight
        nearest: dict[Subject, float] = {}
        for k, weight in shared.items():
            nearness = 2 * weight / (own + self._total[k])
            nearest[self._of[k]] = max(nearness, nearest.get(self._of[k], 0.0))
        ranked = sorted(nearest.items(), key=lambda found: -found[1])
        if not ranked or ranked[0][1] < NEAR_ENOUGH:
            return None
        if len(ranked) > 1 and ranked[1][1] > ranked[0][1] - APART:
            return None
        return Match(*ranked[0])

    def _weight(self, feature: str) -> float:
        """Of a feature that no subject has: as much as if a single one had it."""
        unknown = self._rarest * (PAIR_WEIGHT if " " in feature else 1.0)
        return self._weights.get(feature, unknown)


def _features(text: str) -> tuple[str, ...]:
    stems = [stem(word) for word in words(text)]
    pairs = [f"{one} {other}" for one, other in pairwise(stems)]
    return tuple(sorted({*stems, *pairs}))


_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def best_sentence(text: str, passage: str) -> str:
    """The sentence of the passage that speaks most of what `text` asks; the first, when all speak as little."""
    sentences = _SENTENCE_END.split(passage)
    scores = bm25([stem(word) for word in words(text)], [[stem(w) for w in words(s)] for s in sentences])
    return sentences[max(range(len(sentences)), key=lambda k: scores[k])]


def bm25(query: Sequence[str], documents: Sequence[Sequence[str]]) -> list[float]:
    """Okapi BM25 of each document (Robertson and Zaragoza, 2009)."""
    count, mean_length = len(documents), sum(map(len, documents)) / max(1, len(documents))
    seen = Counter(word for document in documents for word in set(document))
    scores = []
    for document in documents:
        times = Counter(document)
        norm = BM25_K1 * (1 - BM25_B + BM25_B * len(document) / max(1.0, mean_length))
        scores.append(
            sum(
                math.log(1 + (count - seen[word] + 0.5) / (seen[word] + 0.5))
                * times[word] * (BM25_K1 + 1) / (times[word] + norm)
                for word in sorted(set(query))
            )
        )  # fmt: skip
    return scores
