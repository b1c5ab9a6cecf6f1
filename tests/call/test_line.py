"""A menu's mouth, apart from any menu: what becomes of a sentence when somebody else takes the caller's seat in it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import cast

import trio

from mediasrv.call import Call, CallSettings
from mediasrv.call.menu.line import Line
from mediasrv.ids import DEFAULT_TENANT, CallId
from mediasrv.providers.protocols import SpeechChunk
from mediasrv.providers.voices import FormantVoice
from mediasrv.telemetry import MemorySink, Timeline
from tests.fakes.leg import TrioClock
from tests.fakes.stream import FakeStream

HALF_S = bytes(8_000)


@dataclass
class Seat:
    """As much of a call as a line looks at; who sits there may change at any time."""

    stream: FakeStream
    timeline: Timeline
    settings: CallSettings


@dataclass
class Interrupted:
    """Somebody else sits down between its two pieces of sound."""

    seat: Seat
    successor: FakeStream
    name: str = "interrupted"

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        yield SpeechChunk(HALF_S, 8_000)
        await trio.sleep(0.1)
        self.seat.stream = self.successor
        yield SpeechChunk(HALF_S, 8_000)


async def test_a_sentence_stays_on_the_stream_that_it_was_begun_on(autojump_clock: object) -> None:
    before, after = FakeStream(), FakeStream()
    timeline = Timeline(MemorySink(), TrioClock(), CallId("call"), DEFAULT_TENANT)
    seat = Seat(before, timeline, CallSettings())
    line = Line(cast("Call", seat), Interrupted(seat, after), "", FormantVoice())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(before.run)
        nursery.start_soon(after.run)
        with trio.fail_after(5):
            await line.say("This is said to whom it was meant for.", barge_in=False)
        nursery.cancel_scope.cancel()
    assert [voice.source for voice in before.voices.values()] == [8_000]
    assert after.voices == {}
