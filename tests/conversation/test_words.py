from __future__ import annotations

import pytest

from mediasrv.call.settings import BACKCHANNELS, KEYWORDS
from mediasrv.conversation.words import Completeness, Weight, completeness, is_question, weigh


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", Weight.NOTHING),
        ("...", Weight.NOTHING),
        ("mm-hm", Weight.BACKCHANNEL),
        ("Uh-huh, okay.", Weight.BACKCHANNEL),
        ("yeah, right", Weight.BACKCHANNEL),
        ("okay but why", Weight.WORDS),
        ("no", Weight.KEYWORD),
        ("Hold on!", Weight.KEYWORD),
        ("nobody", Weight.WORDS),
        ("rightly", Weight.WORDS),
    ],
)
def test_what_is_said_over_the_agent_is_weighed(text: str, weight: Weight) -> None:
    assert weigh(text, BACKCHANNELS, KEYWORDS) is weight


def test_more_words_may_be_asked_for() -> None:
    assert weigh("the table", BACKCHANNELS, KEYWORDS, enough_words=3) is Weight.BACKCHANNEL
    assert weigh("the table please", BACKCHANNELS, KEYWORDS, enough_words=3) is Weight.WORDS


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("That is all.", Completeness.WHOLE),
        ("Is it?", Completeness.WHOLE),
        ("That is all", Completeness.UNSURE),
        ("I want to", Completeness.OPEN),
        ("a table for", Completeness.OPEN),
        ("five five five one two", Completeness.OPEN),
        ("0 1 7 1 5 5 5 1 2 3", Completeness.WHOLE),
        ("my name is m a r", Completeness.OPEN),
        ("m-a-r", Completeness.OPEN),
        ("b as in bravo", Completeness.OPEN),
        ("just plan b", Completeness.UNSURE),
        ("m a r t i n, that is it.", Completeness.WHOLE),
        ("at eight", Completeness.UNSURE),
        ("", Completeness.UNSURE),
    ],
)
def test_how_finished_an_utterance_sounds(text: str, how: Completeness) -> None:
    assert completeness(text) is how


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Shall I book it?", True),
        ("It is free. Shall I book it? ", True),
        ("Did he say “at eight?”", True),
        ("Really?!", True),
        ("八点可以吗？", True),
        ("Shall I? I will.", False),
        ("It is booked.", False),
        ("", False),
    ],
)
def test_only_a_last_sentence_that_asks_is_a_question(text: str, asks: bool) -> None:
    assert is_question(text) is asks
