"""Calls from PJSIP's softphone: what the agents say is heard, and what is said comes back."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from array import array
from pathlib import Path
from typing import Any

import pytest
import trio

from mediasrv.bench.instruments.server_process import ServerProcess, serving
from tests.interop.patience import PATIENCE_S
from tests.interop.servers import timeline_of
from tests.interop.sound import blocks, loudness_dbfs, read_wav, seconds_of_tone, tone, write_wav

pytestmark = [pytest.mark.interop, pytest.mark.side_by_side]
ROOT = Path(__file__).resolve().parents[2]
SPOKEN_DBFS = -40.0
PLANS = ROOT / "sip_config" / "softphone"


async def softphone(server: ServerProcess, *arguments: str, number: str = "anyone") -> dict[str, Any]:
    """One call; what tools/softphone says of it."""
    host, port = server.sip
    command = [sys.executable, "-m", "tools.softphone", f"sip:{number}@{host}:{port}", "--json", *arguments]
    with trio.fail_after(PATIENCE_S):
        ended = await trio.run_process(
            command, cwd=ROOT, capture_stdout=True, stderr=subprocess.DEVNULL, check=False
        )
    outcome: dict[str, Any] = json.loads(ended.stdout)
    assert ended.returncode == 0, outcome
    return outcome


async def test_a_call_on_hold_is_silent_and_resumes(tmp_path: Path) -> None:
    """PJSIP records only while the call is not on hold: the recording is shorter, and sounds to its end."""
    heard = tmp_path / "heard.wav"
    async with serving(tmp_path, ["--agent", "tone"]) as server:
        outcome = await softphone(server, "--record", str(heard), "--plan", str(PLANS / "hold.toml"))
    samples, rate_hz = read_wav(heard)
    assert outcome["notes"] == []
    assert 1.6 < len(samples) / rate_hz < 2.6
    assert loudness_dbfs(samples[-rate_hz // 4 :]) > SPOKEN_DBFS


async def test_the_scripted_agent_speaks_and_falls_silent_when_interrupted(tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    async with serving(tmp_path, ["--agent", "scripted"]) as server:
        await softphone(server, "--record", str(heard), "--plan", str(PLANS / "interrupt.toml"))
        await timeline_of(server, "anyone")
    samples, rate_hz = read_wav(heard)
    sounding = [loudness_dbfs(block) > SPOKEN_DBFS for block in blocks(samples, rate_hz)]
    assert sounding[1:9].count(True) >= 5  # the greeting
    assert sounding[13:20].count(True) == 0  # 0.6 s into the interruption, and while it lasts
    (turns,) = server.records("turns").values()
    assert turns[0]["ending"] == "user_barge_in"
    assert 0 < len(turns[0]["heard"]) < len(turns[0]["said"])


async def test_keys_reach_the_agent_each_once(tmp_path: Path) -> None:
    async with serving(tmp_path, ["--agent", "scripted"]) as server:
        outcome = await softphone(server, "--plan", str(PLANS / "keys.toml"))
        timeline = await timeline_of(server, "anyone")
    assert outcome["notes"] == []
    assert [line["digit"] for line in timeline if line["event"] == "key"] == ["1", "2", "#"]


async def test_keys_lead_through_the_menus_and_cut_them_off(tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    async with serving(tmp_path, []) as server:
        plan = str(PLANS / "menu.toml")
        outcome = await softphone(server, "--record", str(heard), "--plan", plan, number="200")
        timeline = await timeline_of(server, "200")
    assert outcome["hung_up_by"] == "them"
    noted = {
        event: [line for line in timeline if line["event"] == event] for event in ("menu", "said", "choice")
    }
    assert [line["name"] for line in noted["menu"]] == ["main", "keys", "keys", "main"]
    assert [line["keys"] for line in noted["choice"]] == ["4", "12", "*", "9"]
    assert not noted["said"][0]["whole"], "a key cuts the welcome off"
    assert (noted["said"][-1]["what"], noted["said"][-1]["whole"]) == ("Good-bye.", True)
    assert [line["digit"] for line in timeline if line["event"] == "key_sent"] == ["1", "2"]
    samples, rate_hz = read_wav(heard)
    assert any(loudness_dbfs(block) > SPOKEN_DBFS for block in blocks(samples, rate_hz)[:7]), (
        "it said nothing"
    )


async def test_a_message_that_is_left_in_the_menu_is_on_disk(tmp_path: Path) -> None:
    said = tmp_path / "said.wav"
    write_wav(said, tone(700, 30.0))
    menus = tmp_path / "menus.toml"
    menus.write_text(
        "[menus.main]\nfirst_key_ms = 3000\n[menus.main.keys]\n"
        '1 = [{ do = "record", longest_s = 1.5 }, { do = "hang_up" }]\n'
    )
    config = tmp_path / "mediasrv.toml"
    config.write_text(f'[agents]\nmenu = "{menus}"\n')
    async with serving(tmp_path, ["--config", str(config), "--agent", "menu"]) as server:
        await softphone(server, "--play", str(said), "--dtmf", "1", "--dtmf-after", "0.5", "--seconds", "8")
    (message,) = (tmp_path / "recordings").glob("*.wav")
    with wave.open(str(message), "rb") as wav:
        form, rate_hz, count = (wav.getnchannels(), wav.getsampwidth()), wav.getframerate(), wav.getnframes()
        both = array("h", wav.readframes(count))
    assert form == (2, 2)
    assert 1.3 < count / rate_hz < 1.8
    assert seconds_of_tone(both[::2], 700, rate_hz) >= 1.0, "the caller stands on the left"
