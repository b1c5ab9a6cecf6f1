"""What a recogniser expects to hear, and how sure it may be that it heard it.

Two things speak for the words that a search has found. Their sounds: words that were said explain the sound nearly as
well as free phones do (worker.py measures by how much worse). And their order: a search that was forced to make an
agent's words of something else puts words beside each other that no question does. Neither tells enough alone; the
confidence is their product, and `mediasrv bench stt` says what it lets through (docs/bench.md). A whole question, from
its first word to its last, is hardly ever found in something else, so its sounds may fit less well: a voice that the
acoustic model does not know, in its first sentence, before anything is known of the line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mediasrv.errors import ConfigError
from mediasrv.providers.pocketsphinx.language import BEGIN, END, Language
from mediasrv.providers.pocketsphinx.lexicon import dictionary, model_directory

LANGUAGE_WEIGHT = 12.0  # of the trigrams, against the sounds
PHONE_WEIGHT = 2.0  # of the phones' own trigrams
SURE_BEHIND = 2.5  # natural logarithm for each 10 ms: up to here nothing of the confidence is lost,
UNSURE_BEHIND = 5.5  # and from here on all of it
UNSURE_BEHIND_WHOLE = 7.0  # the same of a whole expected sentence
WHOLE_WORDS_MIN = 3  # in such a one: two words are soon found in anything
UNSURE_ORDER = 0.6  # of the pairs of words are in some question: no confidence is left
UNCLEAR_BELOW = 0.3  # of the confidence: what was said is not guessed


@dataclass(frozen=True, slots=True)
class Expectation:
    """Ready to be sent to workers."""

    language: str  # ARPA
    dictionary: str
    model: str  # the directory of the acoustic model
    pairs: frozenset[tuple[str, str]]  # of words that stand beside each other in some expected sentence
    sentences: frozenset[str]
    unclear_below: float = UNCLEAR_BELOW

    def setup(self) -> bytes:
        """What a worker is told first."""
        told = {
            "language": self.language, "dictionary": self.dictionary, "model": self.model,
            "language_weight": LANGUAGE_WEIGHT, "phone_weight": PHONE_WEIGHT,
        }  # fmt: skip
        return json.dumps(told).encode()

    def confidence(self, text: str, behind: float, *, final: bool = True) -> float:
        """Between 0 and 1, for words that explain each 10 ms by so much worse than free phones."""
        line = [BEGIN, *text.split(), *([END] if final else [])]
        if len(line) < 2 + final:
            return 0.0
        known = sum(pair in self.pairs for pair in pairwise(line)) / (len(line) - 1)
        order = (known - UNSURE_ORDER) / (1 - UNSURE_ORDER)
        whole = len(text.split()) >= WHOLE_WORDS_MIN and text in self.sentences
        unsure = UNSURE_BEHIND_WHOLE if whole else UNSURE_BEHIND
        sound = (unsure - behind) / (unsure - SURE_BEHIND)
        return round(min(1.0, max(0.0, sound)) * max(0.0, order), 3)


def expect(subjects: Sequence[Sequence[str]], sounds: Mapping[str, str]) -> Expectation:
    """To hear one of these sentences, subject by subject; `sounds`: words that no dictionary has, as phones."""
    directory = model_directory()
    if directory is None:
        raise ConfigError("stt", "the extra `local` is not installed: there is no PocketSphinx")
    language = Language(subjects)
    lines = [(BEGIN, *sentence.split(), END) for sentences in subjects for sentence in sentences]
    pairs = frozenset(pair for line in lines for pair in pairwise(line))
    sentences = frozenset(sentence for own in subjects for sentence in own)
    return Expectation(language.arpa(), dictionary(language.words, sounds), str(directory), pairs, sentences)
