"""How long a cancelled turn lives, counted in passes of trio's loop: time on a busy machine, made deterministic."""

from __future__ import annotations

import pytest
import trio

from mediasrv.call import turn as turns
from mediasrv.call.record import TurnEnding
from tests.call.conversing import LONG, converse

MOST_PASSES = 3
SCRIPT = f"""
[[hears]]
text = "Tell me something."
[[reply]]
text = "{LONG}"
"""


class Passes(trio.abc.Instrument):
    """Counts passes from the cancellation of a turn to the moment all its tasks are gone."""

    def __init__(self) -> None:
        self.passes, self.cancelled_at, self.took = 0, 0, list[int]()

    def before_io_wait(self, timeout: float) -> None:
        self.passes += 1


@pytest.mark.parametrize("at", [2.66, 2.8, 2.9, 3.0, 3.5, 4.0, 6.0])
async def test_a_cancelled_turn_is_gone_within_a_few_passes(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch, at: float
) -> None:
    counter = Passes()
    cancel, settle = turns.Turn.cancel, turns.Turn._settle

    def noted_cancel(turn: turns.Turn, why: TurnEnding) -> None:
        counter.cancelled_at = counter.passes
        cancel(turn, why)

    async def noted_settle(turn: turns.Turn, opened: bool) -> None:
        if counter.cancelled_at:
            counter.took.append(counter.passes - counter.cancelled_at)
            counter.cancelled_at = 0
        await settle(turn, opened)

    monkeypatch.setattr(turns.Turn, "cancel", noted_cancel)
    monkeypatch.setattr(turns.Turn, "_settle", noted_settle)
    trio.lowlevel.add_instrument(counter)
    try:
        await converse(SCRIPT, [(1.0, 2.0), (at, at + 1.2)], hang_up_at=9)
    finally:
        trio.lowlevel.remove_instrument(counter)
    assert counter.took, "nothing was cancelled"
    assert max(counter.took) <= MOST_PASSES
