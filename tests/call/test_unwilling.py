"""Turns that end late: what the caller hears, and the turns after them, do not wait for an unwilling task."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest
import trio

from mediasrv.call import CallSettings
from mediasrv.call import turn as turns
from mediasrv.call.scripted_agent import scripted_agent
from mediasrv.conversation.history import malformed
from mediasrv.conversation.tools import OnCancel, Prepared, ToolResult, ToolSpec
from mediasrv.media import Dtmf
from mediasrv.providers import registry
from mediasrv.providers.protocols import LlmDelta, LlmRequest, TextDelta, ToolCall
from mediasrv.providers.script import parse_script
from tests.call.conversing import LONG, converse

UNWILLING_S = 0.8
STUBBORN_S = 30.0


class UnwillingModel:
    """Writes, and then does not let go when it is cancelled."""

    name = "unwilling"

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        yield TextDelta(LONG)
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(UNWILLING_S)


@pytest.fixture
def unwilling(monkeypatch: pytest.MonkeyPatch) -> None:
    # the invariants want every turn gone in 10 ms, which is what this model forbids
    monkeypatch.setattr("tests.call.conversing.check_invariants", lambda outcome: None)
    monkeypatch.setattr(registry, "ScriptedLlm", lambda script: UnwillingModel())


async def test_the_voice_stops_at_once_though_a_task_does_not(
    autojump_clock: object, unwilling: None
) -> None:
    call = await converse("", [(1.0, 2.0), (5.0, 6.5)], hang_up_at=9)
    cancelled = next(entry["ms"] for entry in call.noted("cancelled"))
    assert call.stream.flushed[1] * 1000 <= cancelled + 5
    assert call.turns[0]["cancel_ms"] >= UNWILLING_S * 1000


async def test_turns_settle_in_order_though_the_first_is_slow_to_go(
    autojump_clock: object, unwilling: None
) -> None:
    keys = [(3.0 + 0.1 * k, Dtmf(digit, 100, 0)) for k, digit in enumerate("1#2#3#")]
    call = await converse("", [(1.0, 2.0)], hang_up_at=9, events=keys)
    assert [turn["number"] for turn in call.turns] == list(range(1, len(call.turns) + 1))


async def fails_when_cancelled() -> None:
    """In a nursery of its own: what comes out is the cancellation and the error in one group."""

    async def connection() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ConnectionError("lost while closing")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection)
        await trio.sleep_forever()


class TornModel:
    name = "torn"

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        yield TextDelta(LONG)
        await fails_when_cancelled()


async def test_a_model_that_fails_while_it_is_interrupted_costs_no_call(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "ScriptedLlm", lambda script: TornModel())
    call = await converse("", [(1.0, 2.0), (5.0, 6.5)], hang_up_at=9)
    assert (call.record.ending, call.record.error) == ("caller_hung_up", "")
    first, second = call.turns[:2]
    assert (first["ending"], second["ending"]) == ("user_barge_in", "hangup")
    assert first["error"] == "torn: ConnectionError: lost while closing"
    assert [entry["turn"] for entry in call.noted("provider_failed")] == [1, 2]


@dataclass
class Torn:
    """A tool that fails as it is cancelled, while it prepares or while it acts."""

    spec: ToolSpec
    acts: bool

    async def prepare(self, call: ToolCall) -> Prepared:
        if not self.acts:
            await fails_when_cancelled()
        await trio.lowlevel.checkpoint()
        return Prepared(call)

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        await fails_when_cancelled()
        return ToolResult(prepared.call.id, "done")


@pytest.mark.parametrize(
    ("policy", "acts"),
    [(OnCancel.CANCEL, False), (OnCancel.CANCEL, True), (OnCancel.COMMIT_IF_HEARD, False)],
)
async def test_a_tool_that_fails_while_it_is_interrupted_costs_no_call(
    autojump_clock: object, policy: OnCancel, acts: bool
) -> None:
    script = '[[reply]]\ntext = "One moment."\ntools = [{ name = "work" }]\nthen = "Done."\n'
    agent = scripted_agent(parse_script(script + '[[tool]]\nname = "work"\n'))
    agent.tools = lambda end: [Torn(ToolSpec("work", on_cancel=policy), acts)]
    call = await converse("", [(1.0, 2.0), (4.0, 5.5)], hang_up_at=7, agent=agent)
    assert (call.record.ending, call.record.error) == ("caller_hung_up", "")
    assert call.turns[0]["ending"] == "user_barge_in"
    ended = [(entry["outcome"], entry["error"]) for entry in call.noted("tool_ended")]
    assert ended[0] == ("failed", "ConnectionError: lost while closing")
    assert len(ended) == len(call.noted("tool"))


@dataclass
class Stubborn:
    """Keeps its first request to itself long after it was cancelled; answers all others, and notes what it was told."""

    requests: list[LlmRequest] = field(default_factory=list)
    name: str = "stubborn"

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        self.requests.append(request)
        if len(self.requests) > 1:
            yield TextDelta("So it is.")
            return
        yield TextDelta(LONG)
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(STUBBORN_S)


@pytest.fixture
def stubborn(monkeypatch: pytest.MonkeyPatch) -> Stubborn:
    monkeypatch.setattr("tests.call.conversing.check_invariants", lambda outcome: None)
    model = Stubborn()
    monkeypatch.setattr(registry, "ScriptedLlm", lambda script: model)
    return model


async def test_a_provider_that_never_lets_go_does_not_keep_the_next_reply(
    autojump_clock: object, stubborn: Stubborn
) -> None:
    call = await converse("", [(1.0, 2.0), (5.0, 6.5)], hang_up_at=20)
    first, second = sorted(call.turns, key=lambda turn: int(turn["number"]))[:2]
    assert first["ending"] == "user_barge_in"
    assert (second["heard"], second["ending"]) == ("So it is.", "completed")
    assert second["first_audio_ms"] <= 1_000 * (CallSettings().turn_waits_s + 0.5)
    assert [entry["turn"] for entry in call.noted("turn_not_gone")] == [1]
    assert malformed(stubborn.requests[1].messages) == []


async def test_a_turn_is_written_down_though_the_one_before_it_is_never_gone(
    autojump_clock: object, stubborn: Stubborn
) -> None:
    # the second turn is cancelled while it waits for the first
    call = await converse("", [(1.0, 2.0), (5.0, 6.0)], hang_up_at=8.0)
    ended = {entry["turn"]: entry["ms"] for entry in call.noted("turn_ended")}
    assert set(ended) == {1, 2}
    assert 8_000 <= ended[2] <= 8_000 + 1_000 * (CallSettings().turn_waits_s + 0.5)
    assert ended[1] >= 1_000 * STUBBORN_S


async def test_a_turn_that_is_over_is_not_kept(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[turns.Turn] = []
    run = turns.Turn.run

    async def noted(turn: turns.Turn) -> None:
        seen.append(turn)
        await run(turn)

    monkeypatch.setattr(turns.Turn, "run", noted)
    await converse("", [(1.0, 2.0), (8.0, 9.0), (15.0, 16.0)], hang_up_at=20)
    assert len(seen) >= 3
    assert [turn.after for turn in seen] == [None] * len(seen)
