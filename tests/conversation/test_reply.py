from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest
import trio

from mediasrv.conversation.history import PENDING, History, malformed
from mediasrv.conversation.reply import ModelLimits, write_reply
from mediasrv.conversation.tools import ToolResult
from mediasrv.providers.protocols import (
    LlmDelta,
    LlmRequest,
    ProviderError,
    TextDelta,
    ToolCall,
    ToolRequest,
    Usage,
)

LIMITS = ModelLimits(first_token_s=1, next_token_s=1, tool_rounds=2)


class AskingModel:
    name = "asking"

    def __init__(self, calls: Sequence[ToolCall]) -> None:
        self._calls = calls

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        await trio.lowlevel.checkpoint()
        for call in self._calls:
            yield ToolRequest(call)


async def forever(call: ToolCall) -> ToolResult:
    await trio.sleep_forever()
    raise AssertionError


def ignore(usage: Usage) -> None: ...


@pytest.mark.parametrize("pieces", [0, 1])
async def test_tools_that_an_interruption_left_unstarted_are_not_said_to_run(
    autojump_clock: object, pieces: int
) -> None:
    history = History()
    history.open(1, "do this and that")
    model = AskingModel([ToolCall("a", "this", {}), ToolCall("b", "that", {})])
    with trio.move_on_after(0.5):
        async with aclosing(write_reply(model, history, 1, forever, [], LIMITS, ignore)) as reply:
            await anext(reply)
            if pieces:
                await anext(reply)
    results = {m.tool_call_id: m.text for m in history.messages() if m.role == "tool"}
    assert malformed(history.messages()) == []
    assert "not started" in results["b"]
    assert (results["a"] == PENDING) == bool(pieces), "the one that runs is its host's affair"


async def test_arguments_that_are_none_are_the_models_fault(autojump_clock: object) -> None:
    history = History()
    history.open(1, "do it")
    model = AskingModel([ToolCall("a", "this", ["not", "an", "object"])])  # type: ignore[arg-type]
    with pytest.raises(ProviderError):
        async for _ in write_reply(model, history, 1, forever, [], LIMITS, ignore):
            pass
    assert malformed(history.messages()) == []


class CuriousModel:
    """Asks for a tool as long as it is offered one, or in any case."""

    name = "curious"

    def __init__(self, *, obeys: bool) -> None:
        self._obeys = obeys
        self.asked: list[LlmRequest] = []

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        await trio.lowlevel.checkpoint()
        self.asked.append(request)
        if request.tools or not self._obeys:
            yield ToolRequest(ToolCall("", "look", {}))
        else:
            yield TextDelta(f"I looked: {request.messages[-1].text}.")


async def look_again(model: CuriousModel, rounds: int) -> tuple[list[str], list[str], History]:
    """The words of the reply, the tools that were run, and what the history is then."""
    history, run = History(), list[str]()
    history.open(1, "look it up")

    async def look(call: ToolCall) -> ToolResult:
        await trio.lowlevel.checkpoint()
        run.append(call.id)
        return ToolResult(call.id, f"page {len(run)}")

    limits, texts = ModelLimits(1, 1, rounds), list[str]()
    try:
        async for text in write_reply(model, history, 1, look, [{"name": "look"}], limits, ignore):
            texts.append(text)
    except ProviderError as error:
        texts.append(f"failed: {error.problem}")
    return [text for text in texts if text.strip()], run, history


@pytest.mark.parametrize("rounds", [1, 2, 4])
async def test_a_model_that_asks_for_tools_again_and_again_answers_with_all_their_results_at_last(
    autojump_clock: object, rounds: int
) -> None:
    model = CuriousModel(obeys=True)
    texts, run, history = await look_again(model, rounds)
    assert [bool(request.tools) for request in model.asked] == [True] * (rounds - 1) + [False]
    assert len(run) == rounds - 1
    results = [m.text for m in model.asked[-1].messages if m.role == "tool"]
    assert results == [f"page {k}" for k in range(1, rounds)]
    assert texts == ["I looked: " + (results[-1] if results else "look it up") + "."]
    assert malformed(history.messages()) == []


async def test_tools_that_nobody_would_be_told_of_are_not_run(autojump_clock: object) -> None:
    texts, run, history = await look_again(CuriousModel(obeys=False), 3)
    assert texts == ["failed: asked for tools 3 times in a row"]
    assert len(run) == 2
    assert malformed(history.messages()) == []


class SlowModel:
    """Two words a second apart, then what they took; before them it may fail."""

    name = "slow"

    def __init__(self, *, fails: bool = False, tells: bool = True) -> None:
        self._fails, self._tells = fails, tells

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        if self._fails:
            raise ProviderError(self.name, "gone", retryable=False)
        for word in ("one ", "two"):
            yield TextDelta(word)
            await trio.sleep(0.5)
        if self._tells:
            yield Usage(self.name, "m", {"output_tokens": 2})

    def estimate(self, request: LlmRequest, written: str) -> Usage:
        return Usage(self.name, "m", {"output_tokens": len(written.split())}, estimated=True)


@pytest.mark.parametrize(
    ("model", "left_after_s", "tokens"),
    [
        (SlowModel(), 9.0, [(2, False)]),
        (SlowModel(), 0.25, [(1, True)]),
        (SlowModel(tells=False), 9.0, [(2, True)]),
        (SlowModel(fails=True), 9.0, []),
    ],
    ids=["told", "left early", "never tells", "failed before its first word"],
)
async def test_a_reply_is_paid_for_once_by_what_is_told_or_else_by_its_length(
    autojump_clock: object, model: SlowModel, left_after_s: float, tokens: list[tuple[int, bool]]
) -> None:
    history, used = History(), list[Usage]()
    history.open(1, "count")
    with trio.move_on_after(left_after_s):
        try:
            async with aclosing(write_reply(model, history, 1, forever, [], LIMITS, used.append)) as reply:
                async for _ in reply:
                    pass
        except ProviderError:
            pass
    assert [(use.units["output_tokens"], use.estimated) for use in used] == tokens
