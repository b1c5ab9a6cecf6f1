"""The benchmarks run, and say what others script against; what the figures are is not a test's business."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from mediasrv.bench.churn import rounds as churn
from mediasrv.bench.churn.endings import MANNERS
from mediasrv.bench.instruments.server_process import serving
from tests.interop.patience import PATIENCE_S

pytestmark = pytest.mark.interop
ROOT = Path(__file__).resolve().parents[2]


async def run(module: str, *arguments: str) -> dict[str, Any]:
    """A command's one line of JSON; it must end with status 0."""
    with trio.fail_after(2 * PATIENCE_S):
        ended = await trio.run_process(
            [sys.executable, "-m", module, *arguments, "--json"], cwd=ROOT, capture_stdout=True
        )
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


async def test_bench_media_says_what_a_stream_costs() -> None:
    report = await run("mediasrv", "bench", "media", "--calls", "4", "--seconds", "1")
    modes = {"g711_full", "g711_plain", "g722_full", "opus_full"}
    assert report["cpu_ms_per_call_second"].keys() == modes
    assert report["tick_lateness_ms"].keys() == {"p50", "p99", "max"}
    assert min(report["cpu_ms_per_call_second"].values()) > 0
    assert {"max_gap_ms", "machine_stalls", "bytes_per_stream"} <= report.keys()
    assert report["lost"] == 0
    assert report["full"]["packets"] > 150


async def test_bench_barge_in_stops_a_voice_and_times_it() -> None:
    report = await run("mediasrv", "bench", "barge-in", "--trials", "2", "--calls-in-background", "1")
    assert report["trials"] == 2
    assert report["failures"] == 0, report["failure_reasons"]
    assert report["stop_ms"].keys() == {"p50", "p95", "p99", "max"}
    assert 0 < report["stop_ms"]["max"] < 1_000
    assert 0 <= report["decision_to_silence_ms"]["max"] < report["stop_ms"]["max"] + 20


async def test_bench_turn_measures_what_the_server_adds() -> None:
    report = await run("mediasrv", "bench", "turn", "--calls", "1", "--turns", "2")
    assert report["turns"] == 2
    assert report["cancelled_turns"] == 1
    assert -100 < report["overhead_ms"]["p50"] < 1_000
    assert report["cancel_ms"]["max"] < 1_000
    assert report["cpu_ms_per_call_second"].keys() == {"control", "media"}
    assert {"max_gap_ms", "bytes_per_call"} <= report.keys()


async def test_bench_without_figures_is_a_usage_error() -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        await run("mediasrv", "bench", "barge-in", "--trials", "0")
    assert refused.value.returncode == 2


@pytest.mark.side_by_side
async def test_load_hears_what_it_said_from_a_server_that_runs_already(tmp_path: Path) -> None:
    async with serving(tmp_path, ["--agent", "echo"]) as server:
        address = f"{server.sip[0]}:{server.sip[1]}"
        report = await run("tools.load", address, "--pid", str(server.pid), "--calls", "3", "--seconds", "2")
    assert (report["answered"], report["sound"]["foreign_ms"], report["line"]["lost"]) == (3, 0, 0), report
    assert report["sound"]["own_s"] > 3
    assert report["server_cpu_ms_per_call_second"]["control"] > 0


@pytest.mark.side_by_side
@pytest.mark.parametrize(
    "options",
    [
        ("--srtp", "--transport", "tcp"),
        ("--codec", "opus", "--dtmf", "1"),
        ("--hold", "1"),
        ("--hang-up", "0.7"),
    ],
    ids=" ".join,
)
async def test_load_stands_what_its_callers_do(options: tuple[str, ...]) -> None:
    report = await run("tools.load", "--calls", "3", "--seconds", "3", *options)
    assert report["failed"] == 0, report
    assert report["answered"] >= 3


async def test_calls_that_end_in_every_way_leave_nothing_behind() -> None:
    """Each way once; SIP's own memory of them is not waited for."""
    with trio.fail_after(2 * PATIENCE_S):
        report = await churn.run(churn.Plan(len(MANNERS), 1, len(MANNERS), linger_s=4.0, warm_up_each=0))
    assert report["failure_reasons"] == {}
    assert report["errors_logged"] == {}
    rounds = report["rounds"]
    assert isinstance(rounds, list)
    (left,) = rounds
    assert [left[name] for name in ("calls", "streams", "ports", "tasks", "descriptors")] == [0] * 5
