"""The model over the book that ships: whole conversations, as the language model is told of them."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from mediasrv.call.demo import HOTEL
from mediasrv.errors import ConfigError
from mediasrv.providers.knowledge import KnowledgeModel, parse_book, read_book
from mediasrv.providers.knowledge.model import Reply
from mediasrv.providers.protocols import UNCLEAR, LlmRequest, Message, TextDelta, ToolRequest, Usage

BOOK = read_book(HOTEL)
MODEL = KnowledgeModel(BOOK)


def replies(*said: str) -> list[Reply]:
    """To each of these in turn; a line that begins with `tool:` is what a tool answered."""
    messages: list[Message] = [Message("system", "")]
    given = []
    for text in said:
        role, _, result = text.partition(":")
        messages.append(Message("tool", result) if role == "tool" else Message("user", text))
        given.append(MODEL.reply(messages))
        messages.append(Message("assistant", given[-1].text))
    return given


def answer(name: str) -> str:
    return next(answer.text for answer in BOOK.answer if answer.name == name)


def test_every_expected_question_gets_the_answer_it_belongs_to() -> None:
    wrong = [
        sentence
        for asked in BOOK.answer
        for sentence in BOOK.read(asked.asked)
        if MODEL.reply([Message("user", sentence)]).text != asked.text
    ]
    assert wrong == []


def test_every_subject_of_a_passage_is_answered_by_a_sentence_that_names_it() -> None:
    for passage in BOOK.passage:
        for subject in passage.subjects:
            reply = MODEL.reply([Message("user", f"where is the {subject}")])
            assert subject in reply.text.lower()
            assert reply.text in passage.text


def test_what_it_does_not_know_it_says_it_does_not_know() -> None:
    assert replies("who won the war of the roses") == [Reply(BOOK.unknown)]


def test_what_was_not_understood_is_asked_again_and_not_guessed() -> None:
    assert replies(UNCLEAR) == [Reply(BOOK.unclear)]
    assert replies(f"{UNCLEAR} can i bring my dog") == [Reply(answer("dogs"))]


def test_a_reply_is_repeated_and_the_greeting_when_there_was_none() -> None:
    assert replies("can i bring my dog", UNCLEAR, "say that again")[-1] == Reply(answer("dogs"))
    assert replies("pardon") == [Reply(BOOK.greeting)]


def test_goodbye_hangs_up() -> None:
    (reply,) = replies("thank you goodbye")
    assert reply.tool == "hang_up"
    assert replies("goodbye", "tool:done")[-1] == Reply("")


def test_a_table_is_booked_by_asking_for_what_is_missing_and_for_a_yes() -> None:
    booking = BOOK.booking
    assert booking is not None
    said = replies("i would like to book a table", "two", "friday", "seven", "yes please", "tool:123")
    assert [reply.text for reply in said[:3]] == [booking.ask_people, booking.ask_day, booking.ask_time]
    assert said[3].text == "A table for two, friday, at seven. Shall I book it?"
    assert (said[4].tool, said[4].arguments) == (
        booking.tool, {"people": "two", "day": "friday", "time": "seven"},
    )  # fmt: skip
    assert "123" in said[5].text


@pytest.mark.parametrize(
    ("said", "offer"),
    [
        ("a table for four on sunday at half past eight", "for four, sunday, at half past eight."),
        ("book a table tonight at seven o'clock for two", "for two, tonight, at seven o'clock."),
        ("i need a table for six people tomorrow at six", "for six, tomorrow, at six."),
    ],
)
def test_a_table_may_be_described_at_once(said: str, offer: str) -> None:
    assert offer in replies(said)[0].text


def test_what_was_said_of_a_table_can_be_corrected() -> None:
    said = replies("a table for four on sunday at seven", "on monday", "at eight", "for two people")
    assert said[-1].text == "A table for two, monday, at eight. Shall I book it?"


def test_a_question_in_between_is_answered_and_the_table_is_not_forgotten() -> None:
    said = replies("a table for four on sunday", "can i bring my dog", "at seven")
    assert said[1] == Reply(answer("dogs"))
    assert "for four, sunday, at seven" in said[2].text


def test_no_drops_the_table_and_a_tool_that_failed_is_not_called_a_booking() -> None:
    booking = BOOK.booking
    assert booking is not None
    assert replies("a table for four on sunday at seven", "no")[-1].text == booking.dropped
    failed = replies("a table for four on sunday at seven", "yes", 'tool:{"status": "failed"}')
    assert failed[-1].text == booking.failed


def test_a_yes_when_nothing_was_offered_books_nothing() -> None:
    assert replies("a table for four", "yes")[-1].tool == ""
    assert replies("yes")[-1].tool == ""


async def test_it_streams_as_any_model_does() -> None:
    request = LlmRequest([Message("user", "goodbye")])
    async with aclosing(MODEL.stream(request)) as deltas:
        given = [delta async for delta in deltas]
    text = "".join(delta.text for delta in given if isinstance(delta, TextDelta))
    assert text == "Thank you for calling. Good-bye!"
    assert isinstance(given[-2], ToolRequest)
    assert isinstance(given[-1], Usage)


HEAD = 'name = "a"\ngreeting = ""\nunclear = ""\nunknown = ""\n'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name = 1",
        f"{HEAD}nonsense = true",
        f'{HEAD}[[shortcut]]\nname = "yes"\nasked = ["yes"]',
        f'{HEAD}[[passage]]\nsubjects = ["bar"]\ntext = "A bar."',
        f'{HEAD}[[answer]]\nname = "x"\nasked = ["(a"]\ntext = "A."',
    ],
)
def test_a_book_that_is_wrong_is_refused_before_any_call(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_book(text)
