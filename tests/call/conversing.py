"""One call of a scripted agent over fakes, in virtual time: what every scenario here stands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import trio

from mediasrv.call import Agent, CallRecord, CallServices, CallSettings, run_call
from mediasrv.call.scripted_agent import scripted_agent
from mediasrv.ids import SeededTokens
from mediasrv.legs import Ending
from mediasrv.media import MediaEvent
from mediasrv.providers.script import parse_script
from mediasrv.telemetry import MemorySink
from tests.fakes.leg import FakeLeg, TrioClock
from tests.fakes.stream import FakeStream

LONG = (
    "This is a long reply that goes on and on, so that there is time enough to interrupt it somewhere. " * 2
)


@dataclass
class Outcome:
    record: CallRecord
    sink: MemorySink
    stream: FakeStream
    leg: FakeLeg
    agent: Agent

    @property
    def turns(self) -> list[dict[str, Any]]:
        return [dict(turn) for turn in self.sink.of(self.leg.info.id, "turn")]

    @property
    def timeline(self) -> list[Mapping[str, Any]]:
        return list(self.sink.of(self.leg.info.id, "timeline"))

    def noted(self, event: str) -> list[Mapping[str, Any]]:
        return [entry for entry in self.timeline if entry["event"] == event]


async def converse(
    script: str,
    speech: list[tuple[float, float]],
    *,
    hang_up_at: float | None = 60.0,
    why: Ending = Ending.CALLER_HUNG_UP,
    settings: CallSettings | None = None,
    events: list[tuple[float, MediaEvent]] | None = None,
    dead: Sequence[tuple[float, float]] = (),
    agent: Agent | None = None,
) -> Outcome:
    """The call, from answer to record; afterwards nothing of it may be left, which is checked here."""
    stream = FakeStream(speech, events=events or [], dead=dead)
    leg = FakeLeg(stream, hangs_up_at=hang_up_at, why=why)
    sink, agent = MemorySink(), agent or scripted_agent(parse_script(script))
    services = CallServices(TrioClock(), SeededTokens(1), sink, settings or CallSettings())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.run)
        await trio.lowlevel.checkpoint()
        before = trio.lowlevel.current_statistics().tasks_living
        record = await run_call(leg, agent, services)
        assert trio.lowlevel.current_statistics().tasks_living == before, "tasks were left behind"
        await stream.aclose()
    outcome = Outcome(record, sink, stream, leg, agent)
    check_invariants(outcome)
    return outcome


def check_invariants(outcome: Outcome) -> None:
    for generation, at in outcome.stream.flushed.items():
        late = [sent for sent in outcome.stream.sent if sent.generation == generation and sent.at > at]
        assert late == [], "sound of a dead generation was sent"
    numbers = [turn["number"] for turn in outcome.turns]
    started = [entry["turn"] for entry in outcome.noted("turn_started")]
    assert numbers == sorted(set(numbers)), "a turn was recorded twice or out of order"
    assert set(numbers) == set(started), "a turn was not recorded"
    assert len(outcome.sink.of(outcome.leg.info.id, "call")) == 1
    assert outcome.leg.hung_up == [Ending(outcome.record.ending)]
    for turn in outcome.turns:
        assert turn["said"].startswith(turn["heard"].split(" ")[0])
        assert turn["cancel_ms"] is None or turn["cancel_ms"] < 10
