from __future__ import annotations

import pytest

from mediasrv.conversation.pipeline.shortcuts import find_shortcut


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Hello?", "greeting"),
        ("Oh, good morning!", "greeting"),
        ("Thank you so much.", "thanks"),
        ("Okay, thanks then.", "thanks"),
        ("Good-bye!", "goodbye"),
        ("Bye bye.", "goodbye"),
        ("Yes.", "yes"),
        ("No.", "no"),
        ("Could you repeat that, please?", "repeat"),
        ("Pardon me?", "repeat"),
    ],
)
def test_what_needs_no_thought_is_found(said: str, name: str) -> None:
    shortcut = find_shortcut(said, "It is five dollars.")
    assert shortcut is not None
    assert shortcut.name == name


@pytest.mark.parametrize(
    "said",
    [
        "Thanks, and what does it cost?",
        "Say hello to him.",
        "Yes, at eight.",
        "Repeat the order.",
        "",
        "Please.",
    ],
)
def test_more_than_a_phrase_is_for_the_model(said: str) -> None:
    assert find_shortcut(said, "It is five dollars.") is None


def test_a_yes_that_answers_a_question_is_for_the_model() -> None:
    assert find_shortcut("yes", "Shall I book it?") is None
    assert find_shortcut("no", "Shall I book it?") is None


def test_what_is_repeated_is_what_was_heard() -> None:
    shortcut = find_shortcut("say that again", "It is five dollars.")
    assert shortcut is not None
    assert shortcut.reply == "It is five dollars."
    assert find_shortcut("say that again", "") is None, "nothing was said yet"


def test_another_language_has_no_shortcuts_of_ours() -> None:
    assert find_shortcut("hello", "", "de") is None
