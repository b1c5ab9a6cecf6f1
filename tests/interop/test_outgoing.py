"""Calls of ours to other people's stacks, made from the command line: PJSIP's softphone, and sipp."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from mediasrv.bench.instruments import sipp
from mediasrv.bench.instruments.server_process import ServerProcess, serving
from tests.interop.patience import PATIENCE_S
from tests.interop.sound import read_wav, seconds_of_tone, tone, write_wav

pytestmark = pytest.mark.interop
ROOT = Path(__file__).resolve().parents[2]
CALLS = 4


@dataclass
class Phone:
    """PJSIP's, which waits to be called."""

    uri: str
    outcome: dict[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def phone(*arguments: str) -> AsyncIterator[Phone]:
    """Until it has had its call, whose outcome it then tells."""
    command = [sys.executable, "-m", "tools.softphone", "--listen", "--json", *arguments]
    process = await trio.lowlevel.open_process(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        with trio.fail_after(PATIENCE_S):
            told = b""
            while b"\n" not in told:
                told += await process.stdout.receive_some()
            waiting = Phone(json.loads(told.split(b"\n")[0])["ready"].strip("<>"))
            yield waiting
            rest = told.split(b"\n", 1)[1]
            while more := await process.stdout.receive_some():
                rest += more
            waiting.outcome = json.loads(rest)
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def mediasrv(server: ServerProcess, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit status, and what was printed."""
    command = [sys.executable, "-m", "mediasrv", *arguments, "--data-dir", str(server.data_dir)]
    with trio.fail_after(PATIENCE_S):
        ended = await trio.run_process(
            command, cwd=ROOT, capture_stdout=True, capture_stderr=True, check=False
        )
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines() if line[:1] == b"{"]


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722"])
async def test_who_is_called_hears_the_agent(codec: str, tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    talk = ("--answer-after", "0.5", "--seconds", "2")
    async with serving(tmp_path, []) as server:
        async with phone(*talk, "--codec", codec, "--record", str(heard)) as there:
            status, lines = await mediasrv(server, "call", there.uri, "--agent", "tone", "--json")
    samples, rate_hz = read_wav(heard)
    assert seconds_of_tone(samples, 440, rate_hz) >= 1.4
    assert (status, lines[-1]["record"]["ending"]) == (0, "callee_hung_up")
    assert [line["event"] for line in lines[:-1] if line["event"] != "sip"] == [
        "call_began", "dialling", "answered", "call_ended",
    ]  # fmt: skip
    assert there.outcome["packets_lost"] == 0


async def test_the_agent_hears_who_is_called_over_srtp(tmp_path: Path) -> None:
    said, heard = tmp_path / "said.wav", tmp_path / "heard.wav"
    write_wav(said, tone(700, 1.5))
    async with serving(tmp_path, []) as server:
        talk = ("--play", str(said), "--record", str(heard), "--seconds", "3", "--srtp", "optional")
        async with phone(*talk) as there:
            status, _ = await mediasrv(server, "call", there.uri, "--agent", "echo", "--json")
    samples, rate_hz = read_wav(heard)
    assert status == 0
    assert 1.0 <= seconds_of_tone(samples, 700, rate_hz) <= 1.6
    assert seconds_of_tone(samples, 440, rate_hz) == 0


async def test_a_busy_telephone_is_status_1(tmp_path: Path) -> None:
    async with serving(tmp_path, []) as server:
        async with phone("--answer-with", "486", "--seconds", "1") as there:
            status, lines = await mediasrv(server, "call", there.uri, "--agent", "tone", "--json")
            assert (status, lines[-1]["record"]["ending"]) == (1, "busy")


async def test_an_interrupted_command_hangs_up(tmp_path: Path) -> None:
    async with serving(tmp_path, []) as server, phone("--seconds", "30") as there:
        command = [sys.executable, "-m", "mediasrv", "call", there.uri, "--agent", "tone"]
        process = await trio.lowlevel.open_process(
            [*command, "--data-dir", str(server.data_dir)], cwd=ROOT, stdout=subprocess.PIPE,
            # who runs the tests in the background of a shell has it ignored, and so would what they start
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        assert process.stdout is not None
        said = b""
        with trio.fail_after(PATIENCE_S):
            while b"answered after" not in said:
                said += await process.stdout.receive_some()
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130
    assert there.outcome["hung_up_by"] == "them"


async def test_nobody_to_ask_is_status_3(tmp_path: Path) -> None:
    ended = await trio.run_process(
        [sys.executable, "-m", "mediasrv", "call", "100", "--data-dir", str(tmp_path)],
        cwd=ROOT, capture_stderr=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 3
    assert b"no server is running" in ended.stderr


async def test_calls_at_once_to_sipp_are_answered_and_hung_up_by_name(tmp_path: Path) -> None:
    program = shutil.which("sipp")
    assert program is not None, "sipp is not installed: apt-get install sip-tester"
    port = sipp.free_port()
    config = tmp_path / "mediasrv.toml"
    config.write_text(
        f'[trunks.out]\nsources = ["127.0.0.1"]\nhosts = ["127.0.0.1:{port}"]\ndial_allow = ["+44"]\n'
        '[media]\nsecurity = "off"\n'
    )
    callee = [
        program, "-sn", "uas", "-i", "127.0.0.1", "-p", str(port), "-mp", str(sipp.free_media_port()),
        "-m", str(CALLS), "-nostdin", "-timeout", str(PATIENCE_S), "-timeout_error",
        "-trace_stat", "-stf", "stat.csv", "-trace_err", "-error_file", "errors.log",
    ]  # fmt: skip
    async with serving(tmp_path, ["--config", str(config)]) as server:
        async with trio.open_nursery() as beside:
            results: list[subprocess.CompletedProcess[bytes]] = []

            async def answer_calls() -> None:
                results.append(
                    await trio.run_process(
                        callee, cwd=tmp_path, capture_stdout=True, capture_stderr=True, check=False
                    )
                )

            beside.start_soon(answer_calls)
            await trio.sleep(1)
            names = []
            for number in range(CALLS):
                told = ("call", f"+44207946{number:04d}", "--agent", "tone", "--detach", "--json")
                status, lines = await mediasrv(server, *told)
                assert status == 0, lines
                names.append(lines[-1]["call"])
            for name in names:
                assert (await mediasrv(server, "calls", "hangup", name))[0] == 0
    outcome = sipp.outcome(tmp_path, results[0])
    assert (outcome.successful, outcome.failed, outcome.status) == (CALLS, 0, 0), outcome.errors
    endings = [record[0]["ending"] for record in server.records("call").values()]
    assert endings == ["admin"] * CALLS
