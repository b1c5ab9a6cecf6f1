from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.conversation.playout_truth import PlayoutTruth
from mediasrv.providers.protocols import WordTime

RATE = 8_000


def timed(text: str, word_ms: int = 200) -> tuple[WordTime, ...]:
    return tuple(WordTime(w, k * word_ms, (k + 1) * word_ms) for k, w in enumerate(text.split()))


def spoken(*texts: str, times: bool = True) -> PlayoutTruth:
    truth = PlayoutTruth(RATE)
    for text in texts:
        start = truth.passage(text)
        if times:
            truth.place(timed(text))
        truth.sound(start + len(text.split()) * 1_600)
        truth.close()
    return truth


def test_a_word_is_heard_when_more_than_half_of_it_was() -> None:
    truth = spoken("one two three")
    assert truth.heard(800) == ""
    assert truth.heard(801) == "one"
    assert truth.heard(1_600 + 801) == "one two"
    assert truth.heard(4_800) == "one two three"


def test_passages_follow_each_other() -> None:
    truth = spoken("one two", "three four")
    assert truth.heard(3_200 + 1_600) == "one two three"
    assert truth.said() == "one two three four"


def test_without_word_times_the_words_are_spread_over_the_sound() -> None:
    truth = spoken("aaaa bbbb cccc dddd", times=False)
    assert truth.heard(3_200) == "aaaa bbbb"


def test_a_passage_whose_sound_is_not_all_there_is_not_taken_for_heard() -> None:
    truth = PlayoutTruth(RATE)
    truth.passage("a rather long passage of several words")
    truth.sound(1_600)
    assert len(truth.heard(1_600).split()) < 3


@pytest.mark.parametrize("times", [True, False])
def test_of_a_passage_that_was_cut_short_the_rest_was_not_heard(times: bool) -> None:
    truth = PlayoutTruth(RATE)
    truth.passage("one two three four")
    if times:
        truth.place(timed("one two three four"))
    truth.sound(3_200)
    truth.close(whole=False)
    truth.passage("five six")
    truth.sound(6_400)
    truth.close()
    assert truth.cut_short
    beginning = truth.heard(3_200)
    assert beginning == "one two"
    assert truth.heard(6_400) == truth.said() == f"{beginning} five six".strip()


def test_the_voice_goes_back_to_the_beginning_of_the_word() -> None:
    truth = spoken("one two three")
    assert truth.word_start(2_000) == 1_600
    assert truth.word_start(1_600) == 1_600
    assert PlayoutTruth(RATE).word_start(100) is None


@pytest.mark.parametrize("text", ["three four five six", ""])  # "": an aside
def test_in_a_passage_without_word_times_the_voice_never_goes_back_into_an_earlier_one(text: str) -> None:
    truth = spoken("one two")
    truth.passage(text)
    truth.sound(9_600)
    assert truth.word_start(8_000) is None
    assert truth.word_start(3_200) is None, "the first sample of the second passage"
    assert truth.word_start(3_199) == 1_600, "the last of the first"


def test_before_the_first_word_of_a_passage_the_voice_goes_on_where_it_is() -> None:
    truth = spoken("one two")
    truth.passage("three")
    truth.place((WordTime("three", 100, 400),))
    truth.sound(8_000)
    assert truth.word_start(3_200 + 400) is None
    assert truth.word_start(3_200 + 800) == 3_200 + 800


@given(st.integers(0, 20_000), st.integers(0, 20_000), st.booleans())
def test_more_sound_never_means_fewer_words(a: int, b: int, times: bool) -> None:
    truth = spoken("one two three", "four five six seven", times=times)
    less, more = sorted((a, b))
    assert truth.heard(more).startswith(truth.heard(less))
