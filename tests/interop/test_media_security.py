"""Protected calls from two independent telephones: what is said comes back, and what must not happen does not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from mediasrv.bench.instruments.server_process import ServerProcess, serving
from tests.interop.sound import loudness_dbfs, read_wav, seconds_of_tone, tone, write_wav
from tests.interop.test_softphone import PLANS, ROOT, SPOKEN_DBFS, softphone
from tools import baresip

pytestmark = [pytest.mark.interop, pytest.mark.side_by_side]


def echoing(directory: Path, security: str) -> list[str]:
    """A server whose calls are protected so."""
    file = directory / f"{security}.toml"
    file.write_text(f'[media]\nsecurity = "{security}"\n')
    return ["--agent", "echo", "--config", str(file)]


def said_into(file: Path) -> Path:
    sound = tone(700, 1.5)
    sound.extend(0 for _ in range(8_000))
    write_wav(file, sound)
    return file


async def refusal(server: ServerProcess, srtp: str) -> int:
    """The status of a call that must not come about."""
    host, port = server.sip
    command = [sys.executable, "-m", "tools.softphone", f"sip:anyone@{host}:{port}", "--json", "--srtp", srtp]
    with trio.fail_after(60):
        ended = await trio.run_process(
            command, cwd=ROOT, capture_stdout=True, stderr=subprocess.DEVNULL, check=False
        )
    assert ended.returncode == 1
    status: int = json.loads(ended.stdout)["status"]
    return status


@pytest.mark.parametrize("srtp", ["optional", "mandatory"])
async def test_pjsip_is_heard_by_keys_in_the_description(tmp_path: Path, srtp: str) -> None:
    said, heard = said_into(tmp_path / "said.wav"), tmp_path / "heard.wav"
    async with serving(tmp_path, echoing(tmp_path, "required")) as server:
        outcome = await softphone(
            server, "--srtp", srtp, "--play", str(said), "--record", str(heard), "--seconds", "3"
        )
    samples, rate_hz = read_wav(heard)
    assert outcome["packets_lost"] == 0
    assert 1.0 <= seconds_of_tone(samples, 700, rate_hz) <= 1.6


async def test_a_protected_call_is_held_and_resumed(tmp_path: Path) -> None:
    """Each re-INVITE has its crypto lines again; PJSIP records only while the call is not on hold."""
    heard = tmp_path / "heard.wav"
    async with serving(tmp_path, ["--agent", "tone"]) as server:
        outcome = await softphone(
            server, "--srtp", "mandatory", "--record", str(heard), "--plan", str(PLANS / "hold.toml")
        )
    samples, rate_hz = read_wav(heard)
    assert outcome["notes"] == []
    assert loudness_dbfs(samples[-rate_hz // 4 :]) > SPOKEN_DBFS


async def test_a_call_that_is_not_protected_is_refused_where_it_must_be_and_the_reverse(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, echoing(tmp_path, "required")) as server:
        assert await refusal(server, "off") == 488
    async with serving(tmp_path, echoing(tmp_path, "off")) as server:
        assert await refusal(server, "mandatory") == 488


@pytest.mark.parametrize("encryption", ["srtp", "srtp-mand", "srtp-mandf", "dtls_srtp"])
async def test_baresip_is_heard_by_keys_in_the_description_and_by_a_handshake(
    tmp_path: Path, encryption: str
) -> None:
    said = said_into(tmp_path / "said.wav")
    async with serving(tmp_path, echoing(tmp_path, "required")) as server:
        host, port = server.sip
        heard = await baresip.call(
            f"sip:anyone@{host}:{port}", "PCMU", said, tmp_path / "baresip", encryption=encryption
        )
    samples, rate_hz = read_wav(heard)
    assert 1.0 <= seconds_of_tone(samples, 700, rate_hz) <= 1.6
