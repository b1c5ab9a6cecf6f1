from __future__ import annotations

from mediasrv.audio import EarsChunk, Span
from mediasrv.providers.sound.unanswered import SILENT_LINE_S, Unanswered

SPEECH = EarsChunk(bytes(640), (Span(0, 0, 320, speech=True),))
SILENCE = EarsChunk(bytes(640), (Span(0, 0, 320),))


def given(unanswered: Unanswered, chunk: EarsChunk, since_s: float, until_s: float) -> None:
    for k in range(round(since_s * 50), round(until_s * 50) + 1):
        unanswered.hear(chunk, k / 50)


def test_what_tells_words_is_waited_for_from_the_first_of_the_speech() -> None:
    unanswered = Unanswered()
    given(unanswered, SILENCE, 0.0, 1.0)
    assert unanswered.waited_s(1.0) == 0
    given(unanswered, SPEECH, 2.0, 4.0)
    assert unanswered.waited_s(4.0) == 2.0
    assert unanswered.speech_ms == 101 * 20


def test_what_tells_sentences_is_waited_for_from_the_last_of_the_speech() -> None:
    unanswered = Unanswered(tells_sentences=True)
    given(unanswered, SPEECH, 2.0, 4.0)
    given(unanswered, SILENCE, 4.0, 5.5)
    assert unanswered.waited_s(5.5) == 1.5


def test_an_answer_ends_the_wait_until_there_is_speech_again() -> None:
    unanswered = Unanswered()
    given(unanswered, SPEECH, 2.0, 4.0)
    unanswered.answered()
    given(unanswered, SILENCE, 4.0, 9.0)
    assert (unanswered.waited_s(9.0), unanswered.speech_ms) == (0, 0)


def test_time_in_which_the_line_was_dead_does_not_count() -> None:
    unanswered = Unanswered()
    given(unanswered, SPEECH, 2.0, 3.0)
    assert unanswered.waited_s(60.0) == 1.0 + SILENT_LINE_S
    given(unanswered, SILENCE, 60.0, 61.0)
    assert unanswered.waited_s(61.0) == 1.0 + SILENT_LINE_S + 1.0


def test_who_is_given_the_same_sound_has_time_from_then_on_also_while_the_line_is_dead() -> None:
    unanswered = Unanswered()
    given(unanswered, SPEECH, 2.0, 3.0)
    unanswered.given_anew(10.0, tells_sentences=False)
    assert unanswered.waited_s(10.5) == 0.5
    assert unanswered.waited_s(60.0) == SILENT_LINE_S
    given(unanswered, SILENCE, 60.0, 60.5)
    assert unanswered.waited_s(60.5) == SILENT_LINE_S + 0.5
