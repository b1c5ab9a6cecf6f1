"""Sound before the answer, as other stacks hear it: pjsip, and sipp, which changes its offer meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mediasrv.bench.instruments import sipp
from tests.interop.matrix.peers import ROOT, pjsip, uri
from tests.interop.servers import Servers, timeline_of
from tests.interop.sound import loudness_dbfs, read_wav

pytestmark = [pytest.mark.interop, pytest.mark.side_by_side]
MENU = """
[voice]
kind = "tone"
[before_answer]
say = "this call may be recorded, and you will be told so before you pay"
[menus.main]
first_key_ms = 60000
"""


def before_answer(directory: Path) -> str:
    """Settings of a server whose menu says nothing at all once it has answered."""
    menu = directory / "menu.toml"
    menu.write_text(MENU)
    return f"[agents]\nmenu = {json.dumps(str(menu))}\n"


async def order(servers: Servers, settings: str, number: str) -> list[str]:
    server = await servers.serving("--agent", "menu", settings=settings)
    events = [str(line["event"]) for line in await timeline_of(server, number)]
    return [event for event in events if event in ("heard_before_answer", "said", "answered")][:3]


async def test_pjsip_hears_a_menu_that_has_not_answered(servers: Servers, tmp_path: Path) -> None:
    server = await servers.serving("--agent", "menu", settings=(settings := before_answer(tmp_path)))
    heard = tmp_path / "heard.wav"
    outcome = await pjsip(
        uri(server, "early"), "--reliable-ringing", "--record", str(heard), "--seconds", "0.5"
    )
    assert (outcome["answered"], outcome["notes"]) == (True, [])
    assert await order(servers, settings, "early") == ["heard_before_answer", "said", "answered"]
    assert loudness_dbfs(read_wav(heard)[0]) > -40


async def test_sipp_changes_its_offer_before_the_answer(servers: Servers, tmp_path: Path) -> None:
    server = await servers.serving("--agent", "menu", settings=before_answer(tmp_path))
    scenario = ("-sf", str(ROOT / "sip_config" / "sipp" / "early_update.xml"))
    outcome = await sipp.call(server.sip, scenario=scenario, calls=5, per_second=5, talk_ms=150)
    assert (outcome.successful, outcome.failed) == (5, 0), outcome.errors
