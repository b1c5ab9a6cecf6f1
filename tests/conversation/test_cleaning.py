from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.conversation.cleaning import Cleaning, clean
from mediasrv.conversation.cleaning.cleaner import LONGEST_CHARACTERS


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Um, I would like, uh, to book.", "I would like to book."),
        ("I'm, like, tired, you know, of it", "I'm tired of it"),
        ("Hummus with ermine, hm?", "Hummus with ermine?"),
        ("I want to b-b-book a table", "I want to book a table"),
        ("I I want the the table", "I want the table"),
        ("I would I would like that", "I would like that"),
        ("I had had enough, so very very good", "I had had enough, so very very good"),
        ("no no no, stop", "no no no, stop"),
    ],
)
def test_light_cleaning_takes_out_what_is_no_word(raw: str, text: str) -> None:
    assert clean(raw, Cleaning.LIGHT).text == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("A table at eight, no wait, at nine please", "A table at nine please"),
        ("A taxi, scratch that, a table", "A table"),
        ("I want - I need a taxi", "I need a taxi"),
        ("A table, no wait, I have to ask", "A table, no wait, I have to ask"),
        ("one moment for two people", "one moment for two people"),
        ("one hundred and five people", "105 people"),
        ("two hundred thousand", "200000"),
        ("two million three hundred thousand and six", "2300006"),
        ("a thousand and one nights", "1001 nights"),
        ("twenty-one of them", "21 of them"),
        ("the twenty first of May", "the 21st of May"),
        ("in nineteen eighty four and twenty twenty six", "in 1984 and 2026"),
        ("in twenty oh five", "in 2005"),
        ("at five thirty", "at 5:30"),
        ("room one oh one", "room 101"),
        ("five percent", "5 percent"),
        ("three point one four", "3.14"),
        ("call oh two oh seven nine four six oh oh one eight", "call 02079460018"),
        ("it is five five five, one two three, four five six seven.", "it is 5551234567."),
        ("double seven one triple zero two", "7710002"),
        ("it is jane dot doe at example dot com, thanks", "it is jane.doe@example.com, thanks"),
        ("j o e nine nine at mail dash box dot co dot uk", "joe99@mail-box.co.uk"),
        ("send it to me at example dot com", "send it to me at example.com"),
        ("at that point in time", "at that point in time"),
    ],
)
def test_full_cleaning_writes_down_what_was_meant(raw: str, text: str) -> None:
    assert clean(raw, Cleaning.FULL).text == text


def test_what_was_said_and_what_was_done_to_it_is_kept() -> None:
    cleaned = clean("Um, at five thirty", Cleaning.FULL)
    assert (cleaned.raw, cleaned.text) == ("Um, at five thirty", "At 5:30")
    assert cleaned.applied == ("filler", "number")
    assert 0 < cleaned.confidence < 1


def test_without_cleaning_words_stay_as_they_are() -> None:
    cleaned = clean("um um five thirty", Cleaning.NONE)
    assert (cleaned.text, cleaned.applied, cleaned.confidence) == ("um um five thirty", (), 1.0)


def test_who_has_only_said_um_has_said_um() -> None:
    assert clean("Um.", Cleaning.FULL).text == "Um."


def test_english_rules_leave_other_languages_alone() -> None:
    assert clean("um fünf um sechs", Cleaning.FULL, "de").text == "um fünf um sechs"


def test_text_that_nobody_says_in_one_breath_is_left_alone() -> None:
    text = "um " * LONGEST_CHARACTERS
    assert clean(text, Cleaning.FULL).text == text


WORDS = (
    "um", "uh", "I", "I", "want", "want", "one", "two", "oh", "twenty", "hundred", "and", "point", "thousand", "a",
    "the", "at", "dot", "com", ",", ".", "-", "no", "wait", "b-b-book", "double", "scratch", "that", "nine@x", "first",
)  # fmt: skip
SAID = st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=30).map(" ".join)


@given(SAID, st.sampled_from(Cleaning))
def test_whatever_is_said_something_is_left_of_it(raw: str, level: Cleaning) -> None:
    cleaned = clean(raw, level)
    assert cleaned.raw == raw
    assert bool(cleaned.text.strip()) == bool(raw.strip())
