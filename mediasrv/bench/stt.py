"""How well the embedded recogniser hears the demonstration's questions, and what it costs.

Every voice asks one question of each subject, and says sentences that are about nothing the agent knows. Each goes down
three lines: wide band (16 kHz), a telephone line (8 kHz, mu-law), and that line with pink noise 20 dB below the speech.
The recogniser is the worker's own, in this process; a voice is a call, so it may get used to its line.

`wer` is over the questions, whether believed or not. A question is `understood` when it is believed and about the right
subject, `mistaken` when it is believed and about another, and else asked for again. `strangers_answered` are the
sentences about something else that were taken for a question.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from mediasrv.audio import EARS_RATE_HZ, duration_ms
from mediasrv.bench.quality.material import (
    SENTENCES,
    SPEECH_DBFS,
    Samples,
    at_level,
    mixed,
    pink,
    said,
    voices,
)
from mediasrv.call.demo import HOTEL
from mediasrv.providers.knowledge import KnowledgeModel, read_book
from mediasrv.providers.pocketsphinx.expectation import Expectation, expect
from mediasrv.providers.pocketsphinx.worker import Recogniser
from mediasrv_native.kernels import Resampler, g711_decode_u, g711_encode_u

TELEPHONE_HZ = 8_000
SNR_DB = 20.0
SILENCE_S = 0.3
PIECE_BYTES = 1_280
LINES = ("wide", "telephone", "telephone_20_db")
VOICES = ("flite:slt", "flite:rms", "flite:awb", "espeak:en-gb", "espeak:en-us+f3")


@dataclass(frozen=True, slots=True)
class Plan:
    brief: bool = False
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Question:
    subject: str
    text: str


@dataclass(slots=True)
class Score:
    """Of one line, or one voice on it."""

    questions: int = 0
    words: int = 0
    wrong_words: int = 0
    understood: int = 0
    mistaken: int = 0
    strangers: int = 0
    strangers_answered: int = 0
    cpu_s: float = 0.0
    sound_s: float = 0.0
    confidences: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, object]:
        return {
            "wer_percent": round(100 * self.wrong_words / max(1, self.words), 1),
            "understood_percent": round(100 * self.understood / max(1, self.questions), 1),
            "mistaken_percent": round(100 * self.mistaken / max(1, self.questions), 1),
            "strangers_answered_percent": round(100 * self.strangers_answered / max(1, self.strangers), 1),
            "cpu_ms_per_second_of_speech": round(1000 * self.cpu_s / max(1e-9, self.sound_s), 1),
        }


def run(plan: Plan) -> dict[str, object]:
    model = KnowledgeModel(read_book(HOTEL))
    expectation = expect([*model.expected.values()], {})
    asked = [*questions(model, plan)]
    strangers = SENTENCES[:: 3 if plan.brief else 1]
    speakers = [voice for voice in VOICES if voice in voices()][: 2 if plan.brief else None] or [*voices()]
    report: dict[str, object] = {"bench": "stt", "questions": len(asked), "voices": len(speakers)}
    for line in LINES:
        total, by_voice = Score(), {}
        for voice in speakers:
            own = Score()
            hearing = Hearing(expectation, model, [own, total])
            for question in asked:
                hearing.question(question, spoken(voice, question.text, line, plan.seed))
            for stranger in strangers:
                hearing.stranger(spoken(voice, stranger, line, plan.seed))
            by_voice[voice.replace(":", "_")] = own.figures()["wer_percent"]
        report[line] = {**total.figures(), "wer_percent_of": by_voice}
    return report


def questions(model: KnowledgeModel, plan: Plan) -> Iterator[Question]:
    """One of each subject; in a brief run of every third."""
    chance = random.Random(plan.seed)
    for subject, sentences in [*model.expected.items()][:: 3 if plan.brief else 1]:
        yield Question(subject, chance.choice(sentences))


def spoken(voice: str, text: str, line: str, seed: int) -> bytes:
    """As the recogniser hears it, at 16 kHz."""
    rate_hz = EARS_RATE_HZ if line == "wide" else TELEPHONE_HZ
    quiet = np.zeros(round(SILENCE_S * rate_hz), np.int16)
    sound: Samples = np.concatenate(
        [quiet, at_level(said(voice, text, rate_hz), rate_hz, SPEECH_DBFS), quiet]
    )
    if line == "telephone_20_db":
        sound = mixed(sound, pink(rate_hz, 5, seed), SNR_DB, rate_hz)
    if line == "wide":
        return sound.tobytes()
    return Resampler(TELEPHONE_HZ, EARS_RATE_HZ).process(g711_decode_u(g711_encode_u(sound.tobytes())))


class Hearing:
    """One voice's call: every utterance counts in all the scores."""

    def __init__(self, expectation: Expectation, model: KnowledgeModel, scores: Sequence[Score]) -> None:
        self._expectation, self._model, self._scores = expectation, model, scores
        self._recogniser = Recogniser(json.loads(expectation.setup()))

    def question(self, question: Question, pcm: bytes) -> None:
        text, believed = self._hear(pcm)
        subject = self._model.subject_of(text) if believed else None
        for score in self._scores:
            score.questions += 1
            score.words += len(question.text.split())
            score.wrong_words += distance(question.text.split(), text.split())
            score.understood += subject == question.subject
            score.mistaken += subject not in (None, question.subject)

    def stranger(self, pcm: bytes) -> None:
        text, believed = self._hear(pcm)
        for score in self._scores:
            score.strangers += 1
            score.strangers_answered += believed and self._model.subject_of(text) is not None

    def _hear(self, pcm: bytes) -> tuple[str, bool]:
        began_s = time.process_time()
        self._recogniser.begin()
        for at in range(0, len(pcm), PIECE_BYTES):
            self._recogniser.hear(pcm[at : at + PIECE_BYTES])
        final = self._recogniser.end()
        text, behind = str(final["text"]), float(str(final["behind"]))
        for score in self._scores:
            score.cpu_s += time.process_time() - began_s
            score.sound_s += duration_ms(pcm, EARS_RATE_HZ) / 1000
        return text, self._expectation.confidence(text, behind) >= self._expectation.unclear_below


def distance(said: Sequence[str], heard: Sequence[str]) -> int:
    """Words to be changed, added or taken away (Levenshtein)."""
    row: list[int] = [*range(len(heard) + 1)]
    for k, word in enumerate(said, 1):
        diagonal, row[0] = row[0], k
        for j, other in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]
