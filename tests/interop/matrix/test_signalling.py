"""Calls whose signalling is what matters, ten of each: sipp plays the scenarios of sip_config/sipp."""

from __future__ import annotations

import pytest

from tests.interop.matrix.peers import sipp_plays
from tests.interop.matrix.table import Cell, cells
from tests.interop.servers import Servers

pytestmark = [pytest.mark.interop, pytest.mark.side_by_side]
SCENARIOS = {
    "transport": "basic_call",
    "hold": "hold",
    "offerless": "late_offer",
    "cancelled": "cancel",
    "reliable": "prack",
    "health": "options",
}
# What waits for the answer waits for no more than that; a CANCEL has all the time in the world.
RINGING, RINGING_ON = "[calls]\nanswer_after_s = 0.5\n", "[calls]\nanswer_after_s = 60\n"
SETTINGS = {"cancelled": RINGING_ON, "reliable": RINGING}


@pytest.mark.parametrize("cell", [cell for cell in cells(*SCENARIOS) if cell.peer == "sipp"], ids=str)
async def test_ten_calls_of_sipp_go_as_its_scenario_says(cell: Cell, servers: Servers) -> None:
    server = await servers.serving("--agent", "tone", settings=SETTINGS.get(cell.row, ""))
    await sipp_plays(server, SCENARIOS[cell.row], cell.way)
