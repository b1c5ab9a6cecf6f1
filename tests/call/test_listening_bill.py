"""Who pays for listening: the call at once, and the turn that answers what was heard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from mediasrv.audio import EARS_RATE_HZ, EarsChunk, duration_ms
from mediasrv.call import CallSettings
from mediasrv.providers import registry
from mediasrv.providers.protocols import SttStream, Transcript, Usage
from mediasrv.providers.script import Script
from mediasrv.providers.scripted import ScriptedStt
from mediasrv.providers.sound import AudioMeter
from tests.call.conversing import converse

A_SECOND_USD = Decimal("0.0001")
SCRIPT = """
greeting = "Hello."
[[hears]]
text = "what is the time"
[[hears]]
text = "and the date please"
[[reply]]
text = "It is late."
"""


def price(used: Usage) -> Usage:
    return replace(used, cost_usd=A_SECOND_USD * used.units["audio_ms"] / 1000)


class _PaidStream:
    def __init__(self, inner: SttStream) -> None:
        self._inner, self._meter = inner, AudioMeter("ears", "m", price)

    async def push(self, chunk: EarsChunk) -> None:
        self._meter.add(duration_ms(chunk.pcm, EARS_RATE_HZ))
        await self._inner.push(chunk)

    async def next(self) -> Transcript:
        return await self._inner.next()

    def used(self) -> Sequence[Usage]:
        return self._meter.take()


class PaidEars:
    """The scripted recogniser, and a price on every second of sound that it is sent."""

    name = "ears"
    words_after_ms = 0.0

    def __init__(self, script: Script) -> None:
        self._inner = ScriptedStt(script)

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SttStream]:
        async with self._inner.open(language) as stream:
            yield _PaidStream(stream)


@pytest.fixture(autouse=True)
def paid_ears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "ScriptedStt", PaidEars)


async def test_a_turn_pays_for_what_was_heard_before_it_and_the_call_for_all_of_it(
    autojump_clock: object,
) -> None:
    call = await converse(SCRIPT, [(2.0, 3.0), (8.0, 9.0)], hang_up_at=15)
    greeting, first, second = call.turns
    paid = [[use for use in turn["usage"] if use["service"] == "stt"] for turn in (greeting, first, second)]
    assert paid[0] == []
    assert [len(uses) for uses in paid[1:]] == [1, 1]
    heard_ms = [uses[0]["units"]["audio_ms"] for uses in paid[1:]]
    assert 3_000 <= heard_ms[0] <= 5_000  # from the beginning to the words' end
    assert 5_000 <= heard_ms[1] <= 7_000  # from there to the next
    assert call.record.listened_ms == pytest.approx(15_000, abs=200)
    assert Decimal(call.record.listening_usd) == A_SECOND_USD * call.record.listened_ms / 1000
    turns = sum((Decimal(turn["cost_usd"]) for turn in call.turns), Decimal(0))
    assert (
        Decimal(call.record.cost_usd) - turns
        == A_SECOND_USD * (call.record.listened_ms - sum(heard_ms)) / 1000
    )
    assert Decimal(call.record.wasted_usd) == 0


async def test_listening_counts_towards_the_budget(autojump_clock: object) -> None:
    settings = CallSettings(budget_usd=A_SECOND_USD * 3)
    call = await converse(SCRIPT, [(4.0, 5.0)], hang_up_at=30, settings=settings)
    assert call.record.ending == "budget"
