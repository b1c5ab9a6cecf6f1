"""A pass comes out as it was: what ended in it, what was cancelled in it, and in which order."""

from __future__ import annotations

import trio

from mediasrv.ids import CallId
from mediasrv.legs import CallInfo
from mediasrv.replay.stage import Stage, StageClock
from mediasrv.replay.steps import run_by_age
from mediasrv.replay.tape import VERSION, Beginning, Outcome, Pass, Tape

BEGINNING = Beginning(VERSION, CallInfo(CallId("a1"), "anna", "100", "local"), "desk", 0, 0, {}, {})


def test_who_was_cancelled_as_it_ended_is_cancelled_in_that_very_pass() -> None:
    """A model's token came in the pass in which the caller hung up: then, it heard of that before it could go on."""
    hung_up = Outcome(0, "leg.wait_ended", 0)
    token = Outcome(1, "model.next", 0, how="cancelled")
    passes = [Pass(10, over=[hung_up, token]), *(Pass(at_ns) for at_ns in range(20, 100, 10))]
    stage = Stage(Tape(BEGINNING, passes=passes), StageClock(0, 0))
    told: list[tuple[str, int]] = []

    async def model(turn: trio.CancelScope) -> None:
        with turn:
            try:
                await stage.wait_over("model.next")
            finally:
                told.append(("model", stage.clock.now_ns()))

    async def call(turn: trio.CancelScope) -> None:
        await stage.wait_over("leg.wait_ended")
        turn.cancel()
        told.append(("call", stage.clock.now_ns()))
        await trio.lowlevel.checkpoint()
        told.append(("hang-up", stage.clock.now_ns()))

    async def main() -> None:
        turn = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, turn)
            nursery.start_soon(model, turn)
            await trio.lowlevel.checkpoint()  # both wait
            stage.play()
        assert turn.cancelled_caught

    undo = run_by_age()
    try:
        trio.run(main, clock=stage.clock, instruments=[stage])
    finally:
        undo()
    assert told == [("call", 10), ("model", 10), ("hang-up", 20)]
    assert stage.loosened == ""
