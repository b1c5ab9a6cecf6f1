from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.errors import ConfigError
from mediasrv.providers.pocketsphinx.expectation import expect
from mediasrv.providers.pocketsphinx.language import BEGIN, END, Language
from mediasrv.providers.pocketsphinx.lexicon import dictionary, model_directory

SUBJECTS = [["when is breakfast", "is breakfast free"], ["when is dinner"]]
needs_wheel = pytest.mark.skipif(model_directory() is None, reason="the extra `local` is not installed")
SENTENCE = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4).map(" ".join)


@given(st.lists(st.lists(SENTENCE, min_size=1, max_size=4), min_size=1, max_size=3), st.integers(0, 2**32))
def test_after_any_history_the_probabilities_of_all_words_sum_to_one(
    subjects: list[list[str]], seed: int
) -> None:
    language = Language(subjects)
    vocabulary = [*language.words, END]
    chance = random.Random(seed)
    for history in ((), (BEGIN,), (chance.choice("abcd"),), (chance.choice("abcd"), chance.choice("abcd"))):
        assert sum(language.probability((*history, word)) for word in vocabulary) == pytest.approx(1.0)


def test_a_subject_weighs_the_same_however_many_ways_there_are_of_asking() -> None:
    once, often = [["a"], ["b"]], [["a"], ["b", "b c", "b d", "b e"]]
    assert Language(once).probability((BEGIN, "a")) == pytest.approx(Language(once).probability((BEGIN, "b")))
    assert Language(often).probability((BEGIN, "b")) < 1.6 * Language(often).probability((BEGIN, "a"))


def test_the_text_says_what_the_model_computes() -> None:
    """Read back as ARPA is: the longest n-gram that is there, else what the history leaves to a shorter one."""
    language = Language(SUBJECTS)
    table: dict[tuple[str, ...], tuple[float, float]] = {}
    for line in language.arpa().split("\n"):
        parts = line.split()
        if line and line[0] == "-":
            has_rest = len(parts) > 2 and parts[-1].lstrip("-").replace(".", "").isdigit()
            gram = tuple(parts[1:-1] if has_rest else parts[1:])
            table[gram] = float(parts[0]), float(parts[-1]) if has_rest else 0.0

    def logarithm(gram: tuple[str, ...]) -> float:
        if gram in table:
            return table[gram][0]
        return table.get(gram[:-1], (0.0, 0.0))[1] + logarithm(gram[1:])

    for first in (BEGIN, *language.words):
        for second in language.words:
            for third in (*language.words, END):
                gram = (first, second, third)
                assert logarithm(gram) == pytest.approx(math.log10(language.probability(gram)), abs=1e-3)


@needs_wheel
def test_words_bring_all_their_pronunciations_and_may_be_told() -> None:
    found = dictionary(["the", "aurora"], {"aurora": "ER AO R AH"}).split("\n")
    assert "aurora ER AO R AH" in found
    assert {line.split()[0] for line in found if line} >= {"the", "the(2)", "aurora"}


@needs_wheel
def test_a_word_that_nobody_can_say_is_refused() -> None:
    with pytest.raises(ConfigError, match="xyzzyx"):
        dictionary(["the", "xyzzyx"], {})


@needs_wheel
def test_confidence_falls_with_the_sound_and_with_the_order() -> None:
    expectation = expect(SUBJECTS, {})
    good = expectation.confidence("when is breakfast", 1.0)
    assert good == 1.0
    assert (
        good
        > expectation.confidence("when is breakfast", 4.0)
        > expectation.confidence("when is breakfast", 9.0)
    )
    assert expectation.confidence("breakfast when free is", 1.0) == 0.0
    assert expectation.confidence("", 0.0) == 0.0
    assert expectation.confidence("when is", 1.0, final=False) > expectation.confidence("when is", 1.0)


@needs_wheel
def test_a_whole_question_is_believed_of_sounds_that_fit_less_well() -> None:
    expectation = expect([["when is breakfast served", "is parking free"], ["yes please"]], {})
    whole, part = "when is breakfast served", "is breakfast served"
    assert expectation.confidence(whole, 6.0) > 0.0
    assert expectation.confidence(part, 6.0) == 0.0
    assert expectation.confidence("yes please", 6.0) == 0.0, "two words are soon found in anything"
    assert expectation.confidence(whole, 9.0) == 0.0
