from __future__ import annotations

import pytest

from mediasrv.providers.pocketsphinx.expectation import Expectation
from mediasrv.providers.pocketsphinx.recogniser import COUGH_MS, concluded
from mediasrv.providers.pocketsphinx.utterances import Utterance
from mediasrv.providers.protocols import UNCLEAR

PAIRS = frozenset({("<s>", "good"), ("good", "day"), ("day", "</s>")})
EXPECTED = Expectation("", "", "", PAIRS, frozenset({"good day"}))


def utterance(speech_ms: float) -> Utterance:
    return Utterance(100.0, length_ms=speech_ms + 400.0, speech_ms=speech_ms)


@pytest.mark.parametrize(
    ("text", "speech_ms", "told"),
    [
        ("good day", 900.0, "good day"),
        ("good day", COUGH_MS - 20, "good day"),
        ("", COUGH_MS, UNCLEAR),
        ("", COUGH_MS - 20, ""),
        ("day good", COUGH_MS - 20, ""),
    ],
)
def test_every_utterance_is_answered_a_cough_without_words(text: str, speech_ms: float, told: str) -> None:
    final = concluded(EXPECTED, utterance(speech_ms), {"text": text, "behind": 0.0})
    assert (final.text, final.final) == (told, True)
    assert (final.start_ms, final.end_ms) == (100.0, speech_ms + 500.0)
