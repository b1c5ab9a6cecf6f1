from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.errors import ConfigError
from mediasrv.providers.knowledge.phrases import MOST_SENTENCES, sentences

LISTS = {"day": ["monday", "tuesday", "half past two"], "people": ["one", "two"]}


def test_alternatives_multiply_and_brackets_may_be_left_out() -> None:
    assert sentences("(when | how late) is [the] bar open", {}) == [
        "when is the bar open", "when is bar open", "how late is the bar open", "how late is bar open",
    ]  # fmt: skip


def test_a_bracket_may_hold_alternatives_and_brackets() -> None:
    assert set(sentences("a [b [c] | d]", {})) == {"a", "a b", "a b c", "a d"}


def test_lists_are_taken_in_turn_until_each_value_has_been_used() -> None:
    assert sentences("for <people> on <day>", LISTS) == [
        "for one on monday", "for two on tuesday", "for one on half past two",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "phrase",
    ["(a | b", "a)", "[a", "a ]", "<nobody>", "a & b", "[a]", "(a | )", "Upper", "a 5"],
)
def test_what_is_no_phrase_is_refused(phrase: str) -> None:
    with pytest.raises(ConfigError):
        sentences(phrase, LISTS)


def test_a_phrase_that_stands_for_too_many_sentences_is_refused() -> None:
    with pytest.raises(ConfigError, match=str(MOST_SENTENCES)):
        sentences(" ".join(["(a | b)"] * 20), {})


@given(st.text(alphabet="ab()[]|<> '-", max_size=30))
def test_any_text_is_a_phrase_or_is_refused(phrase: str) -> None:
    try:
        found = sentences(phrase, {"a": ["b"]})
    except ConfigError:
        return
    assert len(found) == len(set(found))
    assert all(found)
