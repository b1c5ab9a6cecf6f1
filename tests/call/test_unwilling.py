"""Turns that end late: what the caller hears, and the turns after them, do not wait for an unwilling task."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
import trio

from mediasrv.call import turn as turns
from mediasrv.media import Dtmf
from mediasrv.providers import registry
from mediasrv.providers.protocols import LlmDelta, LlmRequest, TextDelta
from tests.call.conversing import LONG, converse

UNWILLING_S = 0.8


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
