"""Telephones that belong to users of ours: registered with a password, rung by name, and sent to by transfers."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from mediasrv.bench.instruments.server_process import ServerProcess
from tests.interop.matrix.peers import ROOT, Wish, pjsip, tone_then_silence, uri
from tests.interop.matrix.table import Cell
from tests.interop.matrix.test_in_calls import of
from tests.interop.patience import PATIENCE_S
from tests.interop.servers import Servers, timeline_of
from tests.interop.sound import read_wav, seconds_of_tone
from tests.interop.test_outgoing import phone
from tools import baresip

pytestmark = [pytest.mark.interop, pytest.mark.side_by_side]
MD5_ONLY = '[sip]\ndigest = ["MD5"]\n'  # this baresip gives up when SHA-256 is among what it may choose from
TONE_HZ = 440  # of the agent `tone`


async def user(server: ServerProcess, name: str) -> str:
    """Makes one, of whom the server knows when it returns; the password."""
    made = await asked(server, "add", name)
    there = len(await asked(server, "list"))
    with trio.fail_after(PATIENCE_S):  # it looks once a second who its users are
        while not any(count >= there for count in known(server)):  # noqa: ASYNC110
            await trio.sleep(0.05)
    password: str = made["password"]
    return password


async def asked(server: ServerProcess, *command: str) -> Any:
    whole = [
        sys.executable,
        "-m",
        "mediasrv",
        "users",
        *command,
        "--json",
        "--data-dir",
        str(server.data_dir),
    ]
    return json.loads((await trio.run_process(whole, cwd=ROOT, capture_stdout=True)).stdout)


def known(server: ServerProcess) -> list[int]:
    """How many users the server knew, each time that their file had changed."""
    lines = [line for line in server.log.read_text().splitlines() if "users have changed" in line]
    return [int(number) for line in lines for number in re.findall(r"users\W+(\d+)", line)]


def registrar(server: ServerProcess) -> str:
    return f"{server.sip[0]}:{server.sip[1]}"


def as_pjsip(server: ServerProcess, name: str, password: str) -> tuple[str, ...]:
    return "--user", name, "--password", password, "--registrar", f"sip:{registrar(server)}"


def as_baresip(server: ServerProcess, name: str, password: str, directory: Path) -> baresip.Wishes:
    account = f"<sip:{name}@{registrar(server)}>;auth_pass={password};regint=600;answermode=auto"
    said = tone_then_silence(directory / "said.wav", Wish(""), silence_s=10)
    return baresip.Wishes("PCMU", said, account=account)


def events(timeline: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [line for line in timeline if line["event"] == name]


@of("registered", "pjsip")
async def test_pjsip_registers_with_its_password_and_not_with_another(cell: Cell, servers: Servers) -> None:
    server = await servers.serving("--agent", "tone")
    password = await user(server, name := str(cell))
    for given, status in ((password, 200), ("guessed", 401)):
        assert (await pjsip(*as_pjsip(server, name, given)))["registration"] == status


@of("registered", "baresip")
async def test_baresip_registers_with_its_password_and_not_with_another(
    cell: Cell, servers: Servers, tmp_path: Path
) -> None:
    server = await servers.serving("--agent", "tone", settings=MD5_ONLY)
    password = await user(server, name := str(cell))
    for given, told in ((password, "200 OK"), ("guessed", "401 Unauthorized")):
        async with baresip.running(as_baresip(server, name, given, tmp_path), tmp_path / given) as telephone:
            await telephone.printed(told)


@of("rung", "pjsip")
async def test_a_user_is_rung_at_pjsip_and_heard(cell: Cell, servers: Servers, tmp_path: Path) -> None:
    server = await servers.serving("--agent", "tone")
    password = await user(server, name := str(cell))
    said, heard = tone_then_silence(tmp_path / "said.wav", wish := Wish("")), tmp_path / "heard.wav"
    called = ("--answer-after", "0.3", "--play", str(said), "--seconds", "2")
    async with phone(*as_pjsip(server, name, password), *called) as there:
        outcome = await pjsip(uri(server, name), "--record", str(heard), "--seconds", "6")
    assert (outcome["answered"], outcome["hung_up_by"]) == (True, "them")
    assert there.outcome["answered"]
    samples, rate_hz = read_wav(heard)
    assert seconds_of_tone(samples, wish.hz, rate_hz) >= 0.8


@of("rung", "baresip")
async def test_a_user_is_rung_at_baresip_and_heard(cell: Cell, servers: Servers, tmp_path: Path) -> None:
    server = await servers.serving("--agent", "tone", settings=MD5_ONLY)
    password, heard = await user(server, name := str(cell)), tmp_path / "heard.wav"
    wishes = as_baresip(server, name, password, tmp_path)
    async with baresip.running(wishes, tmp_path / "baresip") as telephone:
        await telephone.printed("200 OK")
        outcome = await pjsip(uri(server, name), "--record", str(heard), "--seconds", "2")
        await telephone.wait_for("CALL_CLOSED")
    assert (outcome["answered"], outcome["hung_up_by"]) == (True, "us")
    samples, rate_hz = read_wav(heard)
    assert seconds_of_tone(samples, Wish("").hz, rate_hz) >= 0.8


@of("transfer", "pjsip")
async def test_pjsip_sends_our_agent_to_a_user(cell: Cell, servers: Servers, tmp_path: Path) -> None:
    server = await servers.serving("--agent", "tone")
    password = await user(server, name := f"{cell}-third")
    heard = tmp_path / "heard.wav"
    called = ("--record", str(heard), "--seconds", "2")
    async with phone(*as_pjsip(server, name, password), *called) as third:
        asked = ("--transfer", uri(server, name), "--transfer-after", "0.5", "--seconds", "6")
        outcome = await pjsip(uri(server, number := str(cell)), *asked)
    assert (outcome["transfer_status"], third.outcome["answered"]) == (200, True)
    samples, rate_hz = read_wav(heard)
    assert seconds_of_tone(samples, TONE_HZ, rate_hz) >= 1.4
    assert [line["status"] for line in events(await timeline_of(server, number), "transfer_done")] == [200]


@of("transfer", "baresip")
async def test_baresip_sends_our_agent_to_a_user(cell: Cell, servers: Servers, tmp_path: Path) -> None:
    server = await servers.serving("--agent", "tone")
    password = await user(server, name := f"{cell}-third")
    heard = tmp_path / "heard.wav"
    said = tone_then_silence(tmp_path / "said.wav", Wish(""), silence_s=10)
    called = ("--record", str(heard), "--seconds", "2")
    async with (
        phone(*as_pjsip(server, name, password), *called) as third,
        baresip.running(baresip.Wishes("PCMU", said), tmp_path / "baresip") as telephone,
    ):
        await telephone.do("dial", uri(server, number := str(cell)))
        await telephone.wait_for("CALL_ESTABLISHED")
        await telephone.do("transfer", uri(server, name))
        await telephone.wait_for("CALL_CLOSED")
        done = events(await timeline_of(server, number), "transfer_done")
    assert ([line["status"] for line in done], third.outcome["answered"]) == ([200], True)
    samples, rate_hz = read_wav(heard)
    assert seconds_of_tone(samples, TONE_HZ, rate_hz) >= 1.4
