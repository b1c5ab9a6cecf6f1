"""The recognisers of a trial: one that is scripted, and the one that is built in.

Both are asked after every 20 ms that the core has heard. The scripted one goes by the clock: it gives each word a while
after its end, the final transcript 300 ms after the last word, and nothing for what is no word. The built-in one hears
what the core has heard, with the demonstration's questions for all that it expects: it has never been told of "okay",
nor of what the interruptions say. Its search takes no time here; in a call it takes some (`bench stt`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from mediasrv.audio import EarsChunk
from mediasrv.bench.interruptions.sounds import Sound
from mediasrv.call.demo import CONFIRM_WORDS, HOTEL, expected_of
from mediasrv.call.turn_events import Words
from mediasrv.providers.knowledge import KnowledgeModel, read_book
from mediasrv.providers.pocketsphinx.expectation import Expectation, expect
from mediasrv.providers.pocketsphinx.recogniser import PocketSphinx, concluded, supposed
from mediasrv.providers.pocketsphinx.utterances import Segmenter, Utterance
from mediasrv.providers.pocketsphinx.worker import Recogniser

FINAL_AFTER_MS = 300


class TrialEars(Protocol):
    words_after_ms: float
    confirm_words: int

    def hear(self, chunk: EarsChunk | None, sounding_ms: float) -> Iterator[Words]:
        """What has been understood, `sounding_ms` after the sound began."""


@dataclass(slots=True)
class ScriptedEars:
    sound: Sound
    words_after_ms: float
    confirm_words: int = 1
    _told: str = ""
    _final: bool = False

    def hear(self, chunk: EarsChunk | None, sounding_ms: float) -> Iterator[Words]:
        words = self.sound.said_by(sounding_ms - self.words_after_ms)
        if words and words != self._told:
            self._told = words
            yield Words(words, final=False)
        elif words and not self._final and sounding_ms >= self.sound.words_end_ms[-1] + FINAL_AFTER_MS:
            self._final = True
            yield Words(words, final=True)


@dataclass(slots=True)
class EmbeddedEars:
    expectation: Expectation
    recogniser: Recogniser
    words_after_ms: float = PocketSphinx.words_after_ms
    confirm_words: int = CONFIRM_WORDS
    _segmenter: Segmenter = field(default_factory=Segmenter)
    _utterance: Utterance | None = None
    _heard: int = 0  # pieces of it

    def hear(self, chunk: EarsChunk | None, sounding_ms: float) -> Iterator[Words]:
        for utterance in self._segmenter.hear(chunk) if chunk else ():
            yield from self._follow()
            self.recogniser.begin()
            self._utterance, self._heard = utterance, 0
        yield from self._follow()

    def _follow(self) -> Iterator[Words]:
        utterance = self._utterance
        if utterance is None:
            return
        pieces = utterance.pieces[self._heard :]
        self._heard += len(pieces)
        for piece in pieces:
            found = self.recogniser.hear(piece)
            if found and (partial := supposed(self.expectation, utterance, found)):
                yield Words(partial.text, final=False, confidence=partial.confidence)
        if utterance.ended:
            self._utterance = None
            final = concluded(self.expectation, utterance, self.recogniser.end())
            if final.text:
                yield Words(final.text, final=True, confidence=final.confidence)


def scripted(after_ms: float) -> Callable[[Sound], TrialEars]:
    return lambda sound: ScriptedEars(sound, after_ms)


def embedded(sound: Sound) -> TrialEars:
    """As at the beginning of a call: used to no line yet."""
    expectation = _expectation()
    return EmbeddedEars(expectation, Recogniser(json.loads(expectation.setup())))


@cache
def _expectation() -> Expectation:
    book = read_book(HOTEL)
    return expect(expected_of(KnowledgeModel(book)), book.sounds)
