"""What happens before the answer: calls that are taken back, and ringing that is confirmed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.matrix.peers import Wish, pjsip, plan, tone_then_silence, uri
from tests.interop.matrix.table import Cell
from tests.interop.matrix.test_in_calls import of
from tests.interop.matrix.test_signalling import RINGING, RINGING_ON
from tests.interop.servers import Servers, ended_because, timeline_of
from tools import baresip

pytestmark = [pytest.mark.interop, pytest.mark.side_by_side]


@of("cancelled", "pjsip")
async def test_pjsip_takes_a_call_back_that_rings(cell: Cell, servers: Servers, tmp_path: Path) -> None:
    server = await servers.serving("--agent", "tone", settings=RINGING_ON)
    give_up = plan(tmp_path, '{ do = "hang_up", on = "ringing" }')
    outcome = await pjsip(uri(server, number := str(cell)), *give_up)
    assert (outcome["answered"], outcome["status"]) == (False, 487)
    assert ended_because(await timeline_of(server, number)) == "caller_cancelled"


@of("cancelled", "baresip")
async def test_baresip_takes_a_call_back_that_rings(cell: Cell, servers: Servers, tmp_path: Path) -> None:
    server = await servers.serving("--agent", "tone", settings=RINGING_ON)
    said = tone_then_silence(tmp_path / "said.wav", Wish(""))
    async with baresip.running(baresip.Wishes("PCMU", said), tmp_path / "baresip") as phone:
        await phone.do("dial", uri(server, number := str(cell)))
        await phone.wait_for("CALL_RINGING")
        await phone.do("hangup")
        assert ended_because(await timeline_of(server, number)) == "caller_cancelled"


@of("reliable", "pjsip")
async def test_pjsip_confirms_our_ringing(cell: Cell, servers: Servers) -> None:
    server = await servers.serving("--agent", "tone", settings=RINGING)
    outcome = await pjsip(uri(server, number := str(cell)), "--reliable-ringing", "--seconds", "0.3")
    assert (outcome["answered"], outcome["notes"]) == (True, [])
    requests = {
        line["cseq"].split()[1] for line in await timeline_of(server, number) if line["event"] == "sip"
    }
    assert "PRACK" in requests
