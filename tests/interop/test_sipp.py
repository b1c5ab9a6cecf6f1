"""Calls from sipp: another SIP stack, and many of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio

from mediasrv.bench.instruments import sipp
from mediasrv.bench.instruments.callers import calling
from mediasrv.bench.instruments.server_process import ServerProcess, serving
from mediasrv.config import Settings
from tests.interop.matrix import test_signalling
from tests.interop.patience import PATIENCE_S

SCENARIOS = Path(__file__).resolve().parents[2] / "sip_config" / "sipp"
PORTS_OF_THE_SERVER = range(25_000, 29_000, 16)  # sipp looks for its own elsewhere, and must not take these

pytestmark = pytest.mark.interop


IN_THE_MATRIX = set(test_signalling.SCENARIOS.values())
OTHER_SCENARIOS = sorted({file.stem for file in SCENARIOS.glob("*.xml")} - IN_THE_MATRIX)


@pytest.mark.side_by_side
@pytest.mark.parametrize("name", OTHER_SCENARIOS)
async def test_a_scenario_of_sip_config_goes_as_it_says(name: str, tmp_path: Path) -> None:
    async with serving(tmp_path, ["--agent", "tone"]) as server:
        scenario = ("-sf", str(SCENARIOS / f"{name}.xml"))
        outcome = await sipp.call(server.sip, scenario=scenario, calls=10, per_second=20, talk_ms=150)
        assert (outcome.successful, outcome.failed, outcome.status) == (10, 0, 0), outcome.errors


async def test_calls_at_fifty_a_second_all_succeed_and_leave_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, ["--agent", "tone"]) as server:
        await sipp.call(server.sip, calls=2)
        before = descriptors(server)
        outcome = await sipp.call(server.sip, calls=50, per_second=50, talk_ms=100)
        with trio.fail_after(PATIENCE_S):
            while descriptors(server) > before:  # noqa: ASYNC110
                await trio.sleep(0.05)
        await logged(server, "call ended", times=52)
    assert (outcome.successful, outcome.failed) == (50, 0), outcome.errors
    ended = [lines[-1]["event"] for lines in server.records("timeline").values()]
    assert ended == ["call_ended"] * 52


def descriptors(server: ServerProcess) -> int:
    return len(os.listdir(f"/proc/{server.pid}/fd"))


async def test_a_server_out_of_ports_says_so_and_takes_calls_again_afterwards(tmp_path: Path) -> None:
    """Two ports for RTP: the third call is refused with 503, and the first two do not notice."""
    first = sipp.free_media_port(PORTS_OF_THE_SERVER)
    async with serving(tmp_path, ["--agent", "tone", "--rtp-ports", f"{first}-{first + 3}"]) as server:
        async with calling(server.sip, capacity=2) as callers:
            for number in ("one", "two"):
                await callers.call(number)
            refused = await sipp.call(server.sip)
            assert (refused.successful, refused.failed) == (0, 1)
            assert "503" in refused.errors
        # A BYE is answered at once; its port is free when the engine's next tick has let go of it.
        await logged(server, "call ended", times=2)
        taken = await sipp.call(server.sip)
        assert (taken.successful, taken.failed) == (1, 0), taken.errors


async def logged(server: ServerProcess, event: str, *, times: int) -> None:
    """Until the server has said so, and so often."""
    with trio.fail_after(PATIENCE_S):
        while True:
            if server.log.read_text().count(f'"event":"{event}"') >= times:
                return
            await trio.sleep(0.01)


async def test_ends_at_once_when_no_call_is_up(tmp_path: Path) -> None:
    async with serving(tmp_path, ["--agent", "tone"]) as server:
        await sipp.call(server.sip)
        began = trio.current_time()
    assert trio.current_time() - began < Settings().server.drain_s
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)
