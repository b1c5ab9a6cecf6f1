"""Cancellation at every checkpoint: a turn, and a whole call, may be cut anywhere and leave nothing behind."""

from __future__ import annotations

import pytest
import trio

from mediasrv.call import CallServices, run_call
from mediasrv.call.scripted_agent import scripted_agent
from mediasrv.ids import SeededTokens
from mediasrv.providers.script import parse_script
from mediasrv.telemetry import MemorySink
from tests.call.conversing import Outcome, check_invariants
from tests.fakes.leg import FakeLeg, TrioClock
from tests.fakes.stream import FakeStream

SCRIPT = """
greeting = "Good day."
[model]
speculates = true
[voice]
kind = "tone"
[[hears]]
text = "please do it for me now"
[[reply]]
text = "I do it now."
first_token_ms = 1400
tools = [{ name = "look" }, { name = "act" }, { name = "promise" }]
then = "So that is done."
[[tool]]
name = "look"
takes_ms = 100
[[tool]]
name = "act"
on_cancel = "shield"
takes_ms = 300
[[tool]]
name = "promise"
on_cancel = "commit_if_heard"
takes_ms = 50
"""


class CutAfter(trio.abc.Instrument):
    """Cancels `scope` when tasks of the call have taken so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps, self.scope, self.taken = steps, trio.CancelScope(), 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if "FakeStream" in task.name or "pytest" in task.name:
            return
        self.taken += 1
        if self.taken == self.steps:
            self.scope.cancel()


async def call_cut_after(steps: int) -> tuple[int, Outcome | None]:
    """Steps that were taken, and the call."""
    stream = FakeStream([(1.5, 2.4)])
    leg, sink, agent = FakeLeg(stream, hangs_up_at=9.0), MemorySink(), scripted_agent(parse_script(SCRIPT))
    cut = CutAfter(steps)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.run)
        await trio.lowlevel.checkpoint()
        before = trio.lowlevel.current_statistics().tasks_living
        trio.lowlevel.add_instrument(cut)
        record = None
        try:
            with cut.scope:
                record = await run_call(leg, agent, CallServices(TrioClock(), SeededTokens(1), sink))
        finally:
            trio.lowlevel.remove_instrument(cut)
        assert trio.lowlevel.current_statistics().tasks_living == before
        await stream.aclose()
    calls = sink.of(leg.info.id, "call")
    assert len(calls) == 1
    if record is None:
        assert calls[0]["ending"] in {"drain", "caller_hung_up"}
        return cut.taken, None
    outcome = Outcome(record, sink, stream, leg, agent)
    check_invariants(outcome)
    return cut.taken, outcome


async def test_the_uncut_call_is_whole(autojump_clock: object) -> None:
    steps, outcome = await call_cut_after(0)
    assert steps > 300
    assert outcome is not None
    assert {turn["ending"] for turn in outcome.turns} <= {"completed", "speculated"}
    assert any(turn["ahead"] for turn in outcome.turns)
    assert outcome.noted("masked")


async def test_a_call_cut_at_many_steps_leaves_nothing_and_is_recorded_once(autojump_clock: object) -> None:
    steps, _ = await call_cut_after(0)
    for cut in range(1, steps, 23):
        await call_cut_after(cut)


@pytest.mark.nightly
async def test_a_call_cut_at_any_step_leaves_nothing_and_is_recorded_once(autojump_clock: object) -> None:
    steps, _ = await call_cut_after(0)
    for cut in range(1, steps):
        await call_cut_after(cut)
