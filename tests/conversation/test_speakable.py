from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.conversation.speakable import Shaper
from mediasrv.conversation.speakable.cardinals import cardinal, ordinal, year


def spoken(*lines: str, words: int = 150, language: str = "en") -> list[str]:
    shaper = Shaper(words, language)
    return [said for line in lines for said in shaper.shape(line)] + shaper.close()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("## Our **menu** for _today_", "Our menu for today."),
        ("- Soup :-) 😀👍🏽", "Soup."),
        ("* [x] Done", "Done."),
        ("1. Apples", "one, Apples."),
        ("| Single | big room |", "Single, big room."),
        ("> He said `yes`.", "He said yes."),
        ("See [our site](https://x.org/a \"Ours\").", "See our site."),
        ("Visit https://www.example.com/book?x=1.", "Visit example dot com slash book."),
        ("Visit example.org, please.", "Visit example dot org, please."),
        ("Write to a.b@example.co.uk.", "Write to a dot b at example dot co dot uk."),
        ("Salt & pepper, tea/coffee.", "Salt and pepper, tea or coffee."),
        ("It is 20°C, #5.", "It is twenty degrees Celsius, number five."),
        ("3 * 4 = 12.", "three times four equals twelve."),
        ("snake_case stays.", "snake_case stays."),
    ],
)  # fmt: skip
def test_what_only_the_eye_needs_is_not_said(written: str, said: str) -> None:
    assert spoken(written) == [said]


@pytest.mark.parametrize("written", ["---", "|---|:--|", "***", "😀", "```", "##"])
def test_a_line_of_nothing_but_marks_is_silent(written: str) -> None:
    assert spoken(written) == []


def test_code_is_not_read_aloud() -> None:
    assert spoken("Do this:", "```python", "print(1)", "```", "Then you are done.") == [
        "Do this:",
        "Then you are done.",
    ]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("$4.50", "four dollars and fifty cents"),
        ("$1", "one dollar"),
        ("£0.99", "ninety-nine pence"),
        ("€1,200", "one thousand two hundred euros"),
        ("$3 million", "three million dollars"),
        ("₹1", "one rupee"),
        ("3.5%", "three point five percent"),
        ("14:30", "fourteen thirty"),
        ("9:05", "nine oh five"),
        ("10:00", "ten o'clock"),
        ("5:00 pm", "five p.m."),
        ("9 am", "nine a.m."),
        ("2026-11-21", "November twenty-first, twenty twenty-six"),
        ("May 3", "May third"),
        ("21 May 2027", "the twenty-first of May, twenty twenty-seven"),
        ("the 3rd of June", "the third of June"),
        ("25/12/2026", "December twenty-fifth, twenty twenty-six"),
        ("3/4/2026", "three, four, twenty twenty-six"),
        ("in 1984", "in nineteen eighty-four"),
        ("the 1990s", "the nineteen nineties"),
        ("1984 shares", "one thousand nine hundred and eighty-four shares"),
        ("+44 20 7946 0018", "plus four four, two zero, seven nine four six, zero zero one eight"),
        ("(555) 123-4567", "five five five, one two three, four five six seven"),
        ("5551234567", "five five five, one two three, four five six seven"),
        ("00451", "zero zero four five one"),
        ("3-5 km", "three to five kilometres"),
        ("-5 degrees", "minus five degrees"),
        ("1,234.5", "one thousand two hundred and thirty-four point five"),
        ("1/2", "one half"),
        ("24/7", "twenty-four seven"),
        ("802.11ac", "802.11ac"),
        ("2nd floor", "second floor"),
    ],
)
def test_figures_are_said_as_people_say_them(written: str, said: str) -> None:
    assert [line.removesuffix(".") for line in spoken(f"It is {written}")] == [
        f"It is {said}".removesuffix(".")
    ]


def test_figures_of_other_languages_are_left_to_the_voice() -> None:
    assert spoken("**Es** kostet 5 €", language="de") == ["Es kostet 5 €."]
    assert spoken("कल 5 बजे", language="hi-IN") == ["कल 5 बजे।"]


def test_a_joiner_that_is_part_of_a_word_stays() -> None:
    assert spoken("क्\u200dष है।", language="hi") == ["क्\u200dष है।"]


@pytest.mark.parametrize(
    ("number", "words", "place"),
    [
        (0, "zero", "zeroth"),
        (12, "twelve", "twelfth"),
        (20, "twenty", "twentieth"),
        (21, "twenty-one", "twenty-first"),
        (105, "one hundred and five", "one hundred and fifth"),
        (1_000_000, "one million", "one millionth"),
        (10**16, " ".join(["one", *["zero"] * 16]), None),
    ],
)
def test_numbers_in_words(number: int, words: str, place: str | None) -> None:
    assert cardinal(number) == words
    assert place is None or ordinal(number) == place


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1900, "nineteen hundred"),
        (1905, "nineteen oh five"),
        (2000, "two thousand"),
        (2006, "two thousand and six"),
    ],
)
def test_years_in_words(number: int, words: str) -> None:
    assert year(number) == words


# ---- how long a reply may be -----------------------------------------------------------------------------------


def test_a_reply_that_is_too_long_ends_with_a_sentence() -> None:
    said = spoken("One two three.", "Four five six,", "seven eight nine.", "Ten.", words=8)
    assert said == ["One two three."]


def test_a_sentence_that_begins_in_time_is_said_whole_or_not_at_all() -> None:
    assert spoken("One two.", "Three four,", "five six.", words=6) == ["One two.", "Three four,", "five six."]


def test_a_first_sentence_that_is_too_long_is_cut_between_words() -> None:
    shaper = Shaper(3)
    assert shaper.shape("one two three, four five six.") == ["one two three."]
    assert shaper.cut


def test_the_first_words_do_not_wait_for_the_end_of_their_sentence() -> None:
    shaper = Shaper(150)
    assert shaper.shape("To begin with,") == ["To begin with,"]
    assert shaper.shape("and to go on,") == []
    assert shaper.shape("an end.") == ["and to go on,", "an end."]


@given(
    st.lists(st.text(alphabet="ab1 .,!?*_#|`-$/:@%()[]\n😀", max_size=60), max_size=12), st.integers(1, 60)
)
def test_no_reply_is_longer_than_allowed(lines: list[str], words: int) -> None:
    said = spoken(*lines, words=words)
    assert sum(len(line.split()) for line in said) <= words
    assert all(any(character.isalnum() for character in line) for line in said)
