from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.conversation.sentences import LONGEST_CHARACTERS, SentenceAssembler


def assemble(text: str, step: int = 1) -> list[str]:
    assembler, out = SentenceAssembler(), []
    for k in range(0, len(text), step):
        out += assembler.push(text[k : k + step])
    return out + assembler.close()


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello there, friend. How are you today?", ["Hello there, friend.", "How are you today?"]),
        ("Hi. Ok. That is fine.", ["Hi. Ok. That is fine."]),
        ("Dr. Smith will see you. Please wait.", ["Dr. Smith will see you.", "Please wait."]),
        ("It costs 3.50 euros today. Thanks a lot.", ["It costs 3.50 euros today.", "Thanks a lot."]),
        ("Write to a.b@example.co.uk now. We answer.", ["Write to a.b@example.co.uk now.", "We answer."]),
        (
            "See www.example.com/a.b for more. Bye now then.",
            ["See www.example.com/a.b for more.", "Bye now then."],
        ),
        ("J. R. R. Tolkien wrote it. Read it soon.", ["J. R. R. Tolkien wrote it.", "Read it soon."]),
        ("I was thinking ... maybe not. Let us see.", ["I was thinking ... maybe not.", "Let us see."]),
        ("Fruit, e.g. apples and pears. Or nuts, then.", ["Fruit, e.g. apples and pears.", "Or nuts, then."]),
        ("Come at 5 p.m. tomorrow evening. All right?", ["Come at 5 p.m. tomorrow evening.", "All right?"]),
        ("He lives in the U.S. Nobody knows where.", ["He lives in the U.S.", "Nobody knows where."]),
        ("यह पहला वाक्य है। यह दूसरा वाक्य है।", ["यह पहला वाक्य है।", "यह दूसरा वाक्य है।"]),
        ('She said "go away now!" Then she left.', ['She said "go away now!"', "Then she left."]),
        ("One moment.\nYes, it is free.", ["One moment.", "Yes, it is free."]),
        ("", []),
        ("   \n ", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, pieces: list[str]) -> None:
    assert assemble(text) == pieces


def test_a_sentence_is_given_as_soon_as_its_end_is_proved() -> None:
    assembler = SentenceAssembler()
    assert assembler.push("This is the first one.") == []
    assert assembler.push(" ") == ["This is the first one."]


def test_too_long_a_sentence_is_cut_at_a_clause() -> None:
    pieces = assemble("word " * 20 + "and so on, " + "word " * 40)
    assert pieces[0].endswith("on,")
    assert all(len(piece) <= LONGEST_CHARACTERS for piece in pieces)


def test_without_a_clause_it_is_cut_between_words() -> None:
    assert all(piece.split() == ["word"] * len(piece.split()) for piece in assemble("word " * 100))


@given(st.text(alphabet="ab .,!?।\n1", max_size=600), st.integers(1, 50))
def test_nothing_is_lost_and_chunking_does_not_matter(text: str, step: int) -> None:
    whole = "".join("".join(assemble(text, len(text) or 1)).split())
    assert whole == "".join(text.split())
    pieces = assemble(text, step)
    assert "".join("".join(pieces).split()) == whole
    assert all(0 < len(piece) <= LONGEST_CHARACTERS for piece in pieces)
