"""What happens inside a call: keys both ways, hold and back."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.interop.matrix import capture
from tests.interop.matrix.peers import Wish, pjsip, plan, tone_then_silence, uri
from tests.interop.matrix.table import Cell, cells
from tests.interop.servers import Servers, timeline_of
from tests.interop.sound import blocks, read_wav, tone_share_by_looks
from tools import baresip

pytestmark = [pytest.mark.interop, pytest.mark.side_by_side]
TONE_HZ = 440  # of the agent `tone`
SENT = "57#"
HELD_S, HELD_AFTER_S = 1.0, 0.8
TAKES_US_BACK = (  # a held call is silent
    '{ do = "hold", on = "speaks 1", after = 0.8 }',
    '{ do = "resume", on = "silent 1" }',
    '{ do = "hang_up", on = "speaks 2", after = 0.8 }',
)


def of(row: str, *peers: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("cell", [c for c in cells(row) if c.peer in peers], ids=str)


def keys(timeline: list[dict[str, Any]], event: str = "key") -> str:
    return "".join(line["digit"] for line in timeline if line["event"] == event)


@of("keys_in", "pjsip")
async def test_keys_of_pjsip_reach_the_agent(cell: Cell, servers: Servers, tmp_path: Path) -> None:
    server = await servers.serving("--agent", "scripted")
    press = f'{{ do = "press", digits = "12#", by = "{cell.way}", after = 0.3 }}'
    steps = plan(tmp_path, press, '{ do = "hang_up", on = "pressed #", after = 0.8 }')
    outcome = await pjsip(uri(server, number := str(cell)), *steps)
    assert outcome["notes"] == []
    assert keys(await timeline_of(server, number)) == "12#"


@of("keys_in", "baresip")
async def test_keys_of_baresip_reach_the_agent(cell: Cell, servers: Servers, tmp_path: Path) -> None:
    server = await servers.serving("--agent", "scripted")
    said = tone_then_silence(tmp_path / "said.wav", Wish(""), silence_s=10)
    async with baresip.running(baresip.Wishes("PCMU", said), tmp_path / "baresip") as phone:
        await phone.do("dial", uri(server, number := str(cell)))
        await phone.wait_for("CALL_ESTABLISHED")
        await trio.sleep(0.3)
        await phone.do("sndcode", "12#")
        await timeline_of(server, number, "key", 3)
        await phone.do("hangup")
    assert keys(await timeline_of(server, number)) == "12#"


@of("hold", "pjsip")
async def test_pjsip_puts_us_on_hold_and_takes_us_back(cell: Cell, servers: Servers, tmp_path: Path) -> None:
    """It records only while the call is not on hold: the recording is shorter, and sounds to its end."""
    server = await servers.serving("--agent", "tone")
    heard = tmp_path / "heard.wav"
    outcome = await pjsip(
        uri(server), "--record", str(heard), "--srtp", "off" if cell.way == "plain" else "mandatory",
        *plan(tmp_path, *TAKES_US_BACK),
    )  # fmt: skip
    assert outcome["notes"] == []
    assert [e["name"] for e in outcome["events"]].count("holding") == 1
    samples, rate_hz = read_wav(heard)
    assert len(samples) / rate_hz < outcome["talked_s"] - HELD_S + 0.2
    assert tone_share_by_looks(blocks(samples, rate_hz)[-1], TONE_HZ, rate_hz) > 0.8


@of("hold", "baresip")
async def test_baresip_puts_us_on_hold_and_takes_us_back(
    cell: Cell, servers: Servers, tmp_path: Path
) -> None:
    """What it plays does not come back after a hold of its own, whoever is called: the packets are counted instead."""
    server = await servers.serving("--agent", "tone", settings="[calls]\ncapture = true\n")
    said = tone_then_silence(tmp_path / "said.wav", Wish(""), silence_s=10)
    async with baresip.running(baresip.Wishes("PCMU", said), tmp_path / "baresip") as phone:
        await phone.do("dial", uri(server, number := str(cell)))
        await phone.wait_for("CALL_ESTABLISHED")
        await trio.sleep(HELD_AFTER_S)
        for again, command in enumerate(("hold", "resume"), 2):
            await phone.do(command)
            await phone.wait_for("CALL_REMOTE_SDP", again)
            await trio.sleep(HELD_S)
        await phone.do("hangup")
        await phone.wait_for("CALL_CLOSED")
    timeline = await timeline_of(server, number)
    sent = capture.sound_sent(server.data_dir / "calls" / f"{timeline[0]['call']}.pcap")
    pause_s, resumed_s = max((after - before, after) for before, after in pairwise(sent))
    assert pause_s > HELD_S - 0.1
    assert sum(at_s >= resumed_s for at_s in sent) > 20


@of("keys_out", "pjsip")
async def test_pjsip_hears_the_keys_of_the_agent(cell: Cell, servers: Servers, tmp_path: Path) -> None:
    server = await servers.serving("--agent", "menu", settings=answers_with_keys(tmp_path))
    steps = ('{ do = "press", digits = "1", after = 0.3 }', '{ do = "hang_up", on = "key #", after = 0.2 }')
    outcome = await pjsip(uri(server), *plan(tmp_path, *steps))
    assert (outcome["notes"], outcome["keys_heard"]) == ([], SENT)


@of("keys_out", "baresip")
async def test_baresip_hears_the_keys_of_the_agent(cell: Cell, servers: Servers, tmp_path: Path) -> None:
    server = await servers.serving("--agent", "menu", settings=answers_with_keys(tmp_path))
    said = tone_then_silence(tmp_path / "said.wav", Wish(""), silence_s=10)
    async with baresip.running(baresip.Wishes("PCMU", said), tmp_path / "baresip") as phone:
        await phone.do("dial", uri(server))
        await phone.wait_for("CALL_ESTABLISHED")
        await trio.sleep(0.3)
        await phone.do("sndcode", "1")
        heard = [
            (await phone.wait_for("CALL_DTMF_START", place))["param"] for place in range(1, len(SENT) + 1)
        ]
        await phone.do("hangup")
    assert "".join(heard) == SENT


def answers_with_keys(directory: Path) -> str:
    """Settings of a menu that presses keys when 1 is pressed."""
    menus = directory / "menus.toml"
    menus.write_text(
        f'[menus.main]\n[menus.main.keys]\n1 = [{{ do = "send_dtmf", keys = "{SENT}" }}, {{ do = "wait" }}]\n'
    )
    return f'[agents]\nmenu = "{menus}"\n'
