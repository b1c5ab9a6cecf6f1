"""Half a letter: joined with its other half where there is one, and nothing that cannot be written down otherwise."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.conversation.history import History
from mediasrv.conversation.playout_truth import PlayoutTruth
from mediasrv.conversation.reply import ModelLimits, write_reply
from mediasrv.conversation.surrogates import PieceMender, mended, mended_value
from mediasrv.conversation.tools import ToolResult
from mediasrv.providers.protocols import (
    LlmDelta,
    LlmRequest,
    ProviderError,
    TextDelta,
    ToolCall,
    ToolRequest,
    Usage,
    WordTime,
)

HIGH, LOW = "\ud83d", "\ude00"
FACE = "\U0001f600"  # the letter that the two are

whole = st.text()  # of letters; never half of one
anything = st.text(st.characters() | st.characters(categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | anything,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(anything, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        (f"Hi {HIGH} there", "Hi \ufffd there"),
        (f"Hi {LOW} there", "Hi \ufffd there"),
        (HIGH, "\ufffd"),
        (HIGH + LOW, FACE),
        (LOW + HIGH, "\ufffd\ufffd"),
        (HIGH + HIGH + LOW, "\ufffd" + FACE),
        (f"{FACE}!", f"{FACE}!"),
        ("", ""),
    ],
)
def test_halves_are_joined_and_one_alone_is_replaced(text: str, becomes: str) -> None:
    assert mended(text) == becomes


@given(whole)
def test_text_that_is_text_stays_as_it_is(text: str) -> None:
    assert mended(text) == text


@given(anything)
def test_whatever_comes_can_be_written_down_and_is_mended_once(text: str) -> None:
    text.encode(errors="surrogatepass")
    once = mended(text)
    once.encode()
    assert mended(once) == once


@given(st.lists(anything))
def test_in_whatever_pieces_a_text_comes_it_is_mended_as_a_whole(pieces: Sequence[str]) -> None:
    mender = PieceMender()
    given = [mender.push(piece) for piece in pieces]
    for piece in given:
        piece.encode()
    assert "".join([*given, mender.close()]) == mended("".join(pieces))


@given(whole)
def test_a_text_whose_every_unit_is_a_piece_is_the_same_text(text: str) -> None:
    units = text.encode("utf-16-le")
    halves = [units[k : k + 2].decode("utf-16-le", "surrogatepass") for k in range(0, len(units), 2)]
    mender = PieceMender()
    assert "".join([*map(mender.push, halves), mender.close()]) == text


@given(json_values)
def test_whatever_json_carries_can_be_written_again(value: object) -> None:
    made = mended_value(value)
    msgspec.json.encode(made)
    assert mended_value(made) == made
    assert json.dumps(mended_value(json.loads(json.dumps(value)))) == json.dumps(made)


# ---- where it comes in -------------------------------------------------------------------------------------------


@dataclass
class Model:
    """Says these deltas to the first request, and a word to the next."""

    deltas: Sequence[LlmDelta]
    name: str = "model"
    asked: int = 0

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        self.asked += 1
        for delta in self.deltas if self.asked == 1 else [TextDelta("Done.")]:
            yield delta


def ignore(usage: Usage) -> None: ...


async def reply_of(
    *deltas: LlmDelta, history: History | None = None
) -> tuple[list[str], list[ToolCall], History]:
    called = list[ToolCall]()

    async def invoke(call: ToolCall) -> ToolResult:
        called.append(call)
        return ToolResult(call.id, "done")

    history = history or History()
    history.open(1, "hello")
    limits = ModelLimits(1, 1, 2)
    written = [
        text async for text in write_reply(Model(deltas), history, 1, invoke, [], limits, ignore) if text
    ]
    return written, called, history


async def test_a_letter_that_a_model_splits_over_two_deltas_is_one(autojump_clock: object) -> None:
    written, _, _ = await reply_of(TextDelta(f"Hi {HIGH}"), TextDelta(f"{LOW} there"))
    assert "".join(written) == f"Hi {FACE} there"


async def test_half_a_letter_in_a_reply_keeps_nobody_from_the_next_turn(autojump_clock: object) -> None:
    written, _, history = await reply_of(TextDelta("Hi "), TextDelta(HIGH))
    assert "".join(written) == "Hi \ufffd"
    history.settle(1, "".join(written), interrupted=False)
    history.open(2, "and then")
    assert [message.text for message in history.messages(2)] == ["hello", "Hi \ufffd", "and then"]


async def test_half_a_letter_in_a_tool_call_can_be_told_and_written_down(autojump_clock: object) -> None:
    call = ToolCall(f"a{HIGH}", f"book{LOW}", {"name": f"Ann{HIGH}", f"k{LOW}": [HIGH + LOW]})
    _, (known,), history = await reply_of(ToolRequest(call))
    assert known == ToolCall("a\ufffd", "book\ufffd", {"name": "Ann\ufffd", "k\ufffd": [FACE]})
    msgspec.json.encode([message.tool_calls for message in history.messages()])


async def test_arguments_too_deep_to_be_read_are_the_models_fault(autojump_clock: object) -> None:
    deep: Mapping[str, object] = {}
    for _ in range(100_000):
        deep = {"in": deep}
    with pytest.raises(ProviderError):
        await reply_of(ToolRequest(ToolCall("a", "book", deep)))


def test_half_a_letter_in_the_words_of_a_refusal_can_be_told() -> None:
    error = ProviderError("model", f"HTTP 400: {HIGH} is no word", retryable=False)
    assert (str(error), error.problem) == ("model: HTTP 400: ? is no word", "HTTP 400: ? is no word")


def test_half_a_letter_among_the_words_of_a_voice_is_no_mark_of_it() -> None:
    truth = PlayoutTruth(8_000)
    truth.passage("Hi there")
    (word,) = truth.place((WordTime(f"Hi{HIGH}", 0, 200),))
    assert word.text == "Hi\ufffd"
