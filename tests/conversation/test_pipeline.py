"""The stages of one turn, over a model that says what the test wants, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
import trio

from mediasrv.conversation.bill import Bill
from mediasrv.conversation.cleaning import Cleaning
from mediasrv.conversation.history import History
from mediasrv.conversation.pipeline import LEVELS, STAGES, Exchange, Line, Mind, Stage, level_named, lines
from mediasrv.conversation.pipeline.exchange import Asked, of_lines, of_question
from mediasrv.conversation.reply import ModelLimits
from mediasrv.conversation.tools import ToolResult, ToolSpec
from mediasrv.errors import ConfigError
from mediasrv.providers.protocols import LlmDelta, LlmRequest, TextDelta, ToolCall, ToolRequest, Usage

TOKEN_S = 0.1


@dataclass
class Model:
    """Writes its text a word at a time; with `tool` it asks for that first."""

    text: str = "Yes. It costs $5 a day, and **breakfast** is included."
    tool: str = ""
    name: str = "model"
    requests: list[LlmRequest] = field(default_factory=list)
    open: int = 0

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        self.requests.append(request)
        self.open += 1
        try:
            if self.tool and len(self.requests) == 1:
                yield ToolRequest(ToolCall("1", self.tool, {}))
                return
            for word in self.text.split(" "):
                await trio.sleep(TOKEN_S)
                yield TextDelta(f"{word} ")
            yield Usage("model", "m", {"input_tokens": 7, "output_tokens": 3}, Decimal("0.00000015"))
        finally:
            self.open -= 1


class Talk:
    """One exchange, and the times at which its lines came."""

    def __init__(
        self, model: Model, level: str = "balanced", *, draft: bool = False, tools: Sequence[ToolSpec] = ()
    ) -> None:
        self.model, self.history, self.invoked = model, History("Be kind."), list[str]()
        described = [tool.described() for tool in tools]
        mind = Mind(model, self.history, described, ModelLimits(5, 5, 3), level_named(level), Cleaning.FULL)
        self.noted: list[str] = []
        self.draft = draft
        self.exchange = Exchange(1, mind, self._invoke, self._now_ns, self._note, self._now_ns())

    async def say(self, asked: str, stages: Sequence[Stage] = STAGES) -> list[tuple[float, str]]:
        began, said = trio.current_time(), []
        self.history.open(1, asked, draft=self.draft)
        if not self.draft:
            self.exchange.promote()
        async with aclosing(lines(self.exchange, asked, stages)) as reply:
            async for line in reply:
                said.append((round(trio.current_time() - began, 3), line))
        return said

    async def _invoke(self, call: ToolCall) -> ToolResult:
        self.invoked.append(call.name)
        return ToolResult(call.id, "done")

    def _now_ns(self) -> int:
        return round(trio.current_time() * 1e9)

    def _note(self, event: str, **fields: object) -> None:
        self.noted.append(event)


async def test_words_become_lines_that_can_be_spoken(autojump_clock: object) -> None:
    talk = Talk(Model())
    said = await talk.say("Um, what does it cost?")
    assert [line for _, line in said] == ["Yes. It costs five dollars a day, and breakfast is included."]
    assert talk.model.requests[0].messages[-1].text == "What does it cost?"


async def test_the_first_sentence_is_said_while_the_third_is_written(autojump_clock: object) -> None:
    model = Model("This is one. This is two. This is three.")
    at = [when for when, _ in await Talk(model).say("go on")]
    assert at == pytest.approx([0.3, 0.6, 0.9])


@pytest.mark.parametrize("level", ["quality", "balanced_quality"])
async def test_a_level_that_does_not_stream_says_nothing_before_all_is_written(
    autojump_clock: object, level: str
) -> None:
    model = Model("This is one. This is two. This is three.")
    at = [when for when, _ in await Talk(model, level).say("go on")]
    assert at == pytest.approx([0.9] * 3)


@pytest.mark.parametrize("level", LEVELS)
async def test_a_level_decides_what_the_model_is_asked(autojump_clock: object, level: str) -> None:
    talk = Talk(Model(), level)
    await talk.say("what does it cost?")
    request = talk.model.requests[0]
    assert request.temperature == LEVELS[level].temperature
    assert request.max_tokens == LEVELS[level].reply_tokens


@pytest.mark.parametrize("level", LEVELS)
async def test_thanks_need_a_model_only_where_there_is_time_for_it(
    autojump_clock: object, level: str
) -> None:
    talk = Talk(Model(), level)
    said = await talk.say("Thank you very much!")
    shortcuts = level in ("balanced_speed", "speed")
    assert (said == [(0.0, "You are welcome.")]) == shortcuts
    assert (talk.model.requests == []) == shortcuts
    assert ([d.because for d in talk.exchange.decisions] == ["thanks"]) == shortcuts


@pytest.mark.parametrize(("tools", "invoked"), [([ToolSpec("hang_up")], ["hang_up"]), ([], [])])
async def test_a_good_bye_that_needs_no_model_ends_the_call_where_the_agent_can(
    autojump_clock: object, tools: list[ToolSpec], invoked: list[str]
) -> None:
    talk = Talk(Model(), "speed", tools=tools)
    said = await talk.say("Bye bye!")
    assert said == [(0.0, "Good-bye.")]
    assert (talk.model.requests, talk.invoked) == ([], invoked)
    results = [message.text for message in talk.history.messages(1) if message.role == "tool"]
    assert results == ["done"] * len(invoked)


@pytest.mark.parametrize(("level", "words"), [("speed", 50), ("balanced", 150)])
async def test_a_reply_that_goes_on_is_cut_and_still_paid_for(
    autojump_clock: object, level: str, words: int
) -> None:
    talk = Talk(Model("All of this is said. " * 60), level)
    said = await talk.say("what does it cost?")
    assert sum(len(line.split()) for _, line in said) == words
    assert [decision.what for decision in talk.exchange.decisions] == ["cut"]
    assert talk.exchange.bill.tokens() == {"input_tokens": 7, "output_tokens": 3}


# ---- on a guess ------------------------------------------------------------------------------------------------


async def test_nothing_is_said_on_a_guess_before_it_is_promoted(autojump_clock: object) -> None:
    talk = Talk(Model("This is one. This is two."), draft=True)
    said: list[tuple[float, str]] = []
    async with trio.open_nursery() as nursery:

        async def run() -> None:
            said.extend(await talk.say("what does it"))

        nursery.start_soon(run)
        await trio.sleep(5)
        assert said == []
        assert [m.role for m in talk.history.messages()] == ["system"], "the draft is nobody else's business"
        talk.exchange.promote()
    assert [when for when, _ in said] == pytest.approx([5, 5.3])
    assert [m.role for m in talk.history.messages()] == ["system", "user"]
    assert [entry.speculative for entry in talk.exchange.bill.entries] == [False]


async def test_no_tool_runs_on_a_guess(autojump_clock: object) -> None:
    talk = Talk(Model(tool="book"), draft=True)
    with trio.move_on_after(5):
        await talk.say("book it")
    assert talk.invoked == []
    talk.history.settle(1, "", interrupted=True)
    assert [m.role for m in talk.history.messages()] == ["system"], (
        "a guess that came to nothing is forgotten"
    )


# ---- the list itself -------------------------------------------------------------------------------------------


async def test_a_stage_that_answers_by_itself_keeps_the_model_out(autojump_clock: object) -> None:
    async def refuse(exchange: Exchange, text: str) -> Asked | Line:
        return Line("I must not talk about that.")

    talk = Talk(Model())
    said = await talk.say("anything", [STAGES[0], of_question("guard", refuse), *STAGES[1:]])
    assert said == [(0.0, "I must not talk about that.")]
    assert talk.model.requests == []


async def test_a_stage_may_say_lines_otherwise_or_not_at_all(autojump_clock: object) -> None:
    async def shout(exchange: Exchange, line: str) -> str:
        return "" if "secret" in line else line.upper()

    talk = Talk(Model("This is a secret. This is known."))
    assert [line for _, line in await talk.say("well?", [*STAGES, of_lines("shout", shout)])] == [
        "THIS IS KNOWN."
    ]


async def test_every_stage_says_when_it_had_something_and_how_long_it_worked(autojump_clock: object) -> None:
    async def think(exchange: Exchange, text: str) -> Asked | Line:
        await trio.sleep(0.25)
        return Asked(text)

    talk = Talk(Model("This is one. This is two."))
    await talk.say("well?", [of_question("think", think), *STAGES])
    times = {time.stage: time for time in talk.exchange.times}
    assert list(times) == ["think", *(stage.name for stage in STAGES)]
    assert times["think"].busy_ns == 250_000_000
    assert times["clean"].first_ms == times["think"].first_ms == 250
    assert times["agent"].busy_ns == 600_000_000
    assert times["sentences"].first_ms == 550
    assert times["sentences"].busy_ns == times["promotion"].busy_ns == 0


async def test_a_reply_is_measured(autojump_clock: object) -> None:
    talk = Talk(Model("This is one. This is two. This is three."))
    await talk.say("well?")
    pace = talk.exchange.pace
    assert (pace.first_token_ms, pace.first_line_ms) == (100, 300)
    assert pace.as_json() == {"first_line_ms": 300, "tokens_per_s": 10, "lines_per_s": pytest.approx(3.3)}
    assert talk.exchange.written == "This is one. This is two. This is three. "


async def test_an_interruption_at_any_await_ends_every_stage(autojump_clock: object) -> None:
    for cut_s in (0.0, 0.05, 0.15, 0.35, 0.61):
        model = Model("This is one. This is two. This is three.")
        with trio.move_on_after(cut_s) as scope:
            await Talk(model).say("go on")
        assert scope.cancelled_caught
        assert model.open == 0


def test_the_table_of_levels_is_the_one_that_was_agreed_on() -> None:
    rows = [
        (
            level.name,
            level.streams,
            level.partial_confidence,
            level.speculate_words,
            level.chunks,
            level.shortcuts,
        )
        for level in LEVELS.values()
    ]
    assert rows == [
        ("quality", False, None, None, 10, False),
        ("balanced_quality", False, None, None, 5, False),
        ("balanced", True, 0.80, 5, 3, False),
        ("balanced_speed", True, 0.60, 3, 2, True),
        ("speed", True, 0.40, 2, 0, True),
    ]
    with pytest.raises(ConfigError, match="must be one of quality, balanced_quality"):
        level_named("fastest")


def test_a_bill_adds_up_in_decimals() -> None:
    bill = Bill()
    assert (bill.total_usd(), bill.tokens()) == (Decimal(0), {"input_tokens": 0, "output_tokens": 0})


@pytest.mark.parametrize("text", ["We close at nine", "We close at nine. Is there anything else?"])
async def test_a_guess_is_paid_for_in_vain_until_it_is_promoted_however_soon_it_was_written(
    autojump_clock: object, text: str
) -> None:
    talk = Talk(Model(text), draft=True)
    bill, said = talk.exchange.bill, list[tuple[float, str]]()

    async def say() -> None:
        said.extend(await talk.say("When do you close?"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(say)
        await trio.sleep(10)
        assert said == []
        assert bill.wasted_usd(0, 0) == bill.total_usd()
        talk.exchange.promote()
    assert said
    assert bill.total_usd() == Decimal("0.00000015")
    assert bill.wasted_usd(len(text), len(text)) == 0
    assert not any(entry["in_vain"] for entry in bill.as_json())
