"""A trigram model of what callers are expected to say, as the ARPA text that PocketSphinx reads.

The model that comes with PocketSphinx knows English; a telephone line leaves too little of the sound for it to find a
question among all that English can say. An agent knows what it is asked. A grammar of these sentences recognises them
best, and nothing else at all; the trigrams of the same sentences recognise them as well, and also a question that takes
its beginning from one and its end from another.

Smoothing is Witten and Bell's, interpolated: a history that went on in T ways in c sightings gives T / (c + T) of its
probability to the shorter history. What is written for a word that was seen holds that share already, so that the sum
over all words is one, whatever the history. Each subject weighs the same, however many ways there are of asking.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

BEGIN, END = "<s>", "</s>"
ORDER = 3
SUBJECT_WEIGHT = 20.0  # sightings of a subject, over all its sentences
IMPOSSIBLE = -99.0  # log10: what begins a sentence never follows anything

Gram = tuple[str, ...]


class Language:
    """Counts first, then asked for probabilities."""

    def __init__(self, subjects: Iterable[Sequence[str]]) -> None:
        self._count: dict[Gram, float] = defaultdict(float)  # of n-grams
        self._after: dict[Gram, float] = defaultdict(float)  # of histories, the empty one among them
        self._ways: dict[Gram, int] = defaultdict(int)  # in which a history went on
        for sentences in subjects:
            for sentence in sentences:
                self._learn(sentence.split(), SUBJECT_WEIGHT / len(sentences))
        self.words = sorted({gram[-1] for gram in self._count} - {END})

    def _learn(self, words: Sequence[str], weight: float) -> None:
        line = (BEGIN, *words, END)
        for end in range(2, len(line) + 1):
            for length in range(1, min(ORDER, end) + 1):
                gram = line[end - length : end]
                self._ways[gram[:-1]] += gram not in self._count
                self._count[gram] += weight
                self._after[gram[:-1]] += weight

    def probability(self, gram: Gram) -> float:
        """Of its last word, after the others."""
        history = gram[:-1]
        shorter = self.probability(gram[1:]) if history else 1 / (len(self.words) + 1)
        ways = self._ways.get(history, 0)
        if not ways:
            return shorter
        return (self._count.get(gram, 0.0) + ways * shorter) / (self._after[history] + ways)

    def share_of_shorter(self, history: Gram) -> float:
        """What a word that was not seen after `history` gets of its probability without the first of it."""
        ways = self._ways[history]
        return ways / (self._after[history] + ways)

    def arpa(self) -> str:
        """The whole model as text."""
        grams = {n: sorted(gram for gram in self._count if len(gram) == n) for n in range(1, ORDER + 1)}
        lines = ["\\data\\", f"ngram 1={len(grams[1]) + 1}"]
        lines += [f"ngram {n}={len(grams[n])}" for n in range(2, ORDER + 1)]
        for n in range(1, ORDER + 1):
            lines += ["", f"\\{n}-grams:"]
            if n == 1:
                lines.append(f"{IMPOSSIBLE:.4f} {BEGIN} {math.log10(self.share_of_shorter((BEGIN,))):.4f}")
            lines += self._entries(grams[n])
        return "\n".join([*lines, "", "\\end\\", ""])

    def _entries(self, grams: Iterable[Gram]) -> Iterator[str]:
        for gram in grams:
            entry = f"{math.log10(self.probability(gram)):.4f} {' '.join(gram)}"
            if gram in self._ways:
                entry += f" {math.log10(self.share_of_shorter(gram)):.4f}"
            yield entry
