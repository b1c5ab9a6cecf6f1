"""`bench media`: what a stream costs the engine, and how evenly it sends.

The engine runs in a process of its own (engine_host.py), its streams speak without a pause so that the echo canceller
always works, callers talk with pauses, and Python reads what is heard. A run for each mode: a codec, *full* (echo
canceller, noise suppressor, speech gate) or *plain* (none of them). Cost is the engine thread's own processor time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import trio

from mediasrv.bench.instruments.callers import open_media_socket, wire_cpu
from mediasrv.bench.instruments.server_process import ServerFailed
from mediasrv.bench.instruments.wire_log import Cadence, Gaps, heard_records
from mediasrv.bench.speech import SMALL_TALK, bed_of
from mediasrv.clock import NS_PER_MS, SystemClock
from mediasrv.media.statistics import Lateness
from mediasrv.media.vad_weights import vad_weights
from mediasrv.providers.formant import speak
from mediasrv_native import codecs, echo, jitter, kernels, mixer, repair, rtp, speech, tones
from mediasrv_native.wire import Wire, WireStatistics

ANSWER_WITHIN_S = 30.0
SETTLE_S = 3.0  # echo canceller converges, queues fill
ENDS_WITHIN_S = 10.0
SEQUENCE_STEP = 1_009  # so that sequence numbers of some streams wrap during the run
RECORDS = 1 << 21
KERNEL_FRAMES, CODECS_SLOWER = 2_000, 7  # Opus takes as long as all the others together

Snapshot = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Load:
    calls: int = 200
    seconds: float = 60.0
    busy: bool = True


@dataclass(frozen=True, slots=True)
class Mode:
    """What the streams of a run are; no more of them than one core carries."""

    name: str
    codec: str = "PCMU"
    plain: bool = False
    calls_at_most: int = 1_000


FULL, PLAIN = Mode("g711_full"), Mode("g711_plain", plain=True)
MODES = (
    FULL,
    PLAIN,
    Mode("g722_full", "G722", calls_at_most=120),
    Mode("opus_full", "opus", calls_at_most=60),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One mode, measured: the engine before and after, and what the callers heard in between."""

    load: Load
    before: Snapshot
    after: Snapshot
    measured_s: float
    cadence: Cadence
    gaps: Gaps
    wire: WireStatistics
    bytes_per_stream: int

    @property
    def cpu_ms_per_call_second(self) -> float:
        cpu_ms = self.counted("cpu_ns") / NS_PER_MS
        return round(cpu_ms / (self.load.calls * self.measured_s), 4)

    @property
    def expected_packets(self) -> int:
        return round(self.load.calls * self.measured_s * 50)

    def tick_lateness_ms(self) -> dict[str, float]:
        before, after = self.before["lateness"], self.after["lateness"]
        counted = tuple(b - a for a, b in zip(before["histogram"], after["histogram"], strict=True))
        lateness = Lateness(counted, after["max_ms"])
        figures = {"p50": lateness.p50_ms, "p99": lateness.p99_ms, "max": lateness.max_ms}
        return {name: round(value, 4) for name, value in figures.items()}

    def counted(self, name: str) -> int:
        return int(self.after[name]) - int(self.before[name])


class EngineHost:
    """The other process, asked line by line."""

    def __init__(self, process: trio.Process) -> None:
        self._process, self._waiting = process, b""

    async def ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        await self._process.stdin.send_all(json.dumps(question).encode() + b"\n")
        with trio.move_on_after(ANSWER_WITHIN_S):
            while b"\n" not in self._waiting:
                chunk = await self._process.stdout.receive_some()
                if not chunk:
                    break
                self._waiting += chunk
        line, newline, self._waiting = self._waiting.partition(b"\n")
        if not newline:
            raise ServerFailed("the engine's process gave no answer")
        answer: dict[str, Any] = json.loads(line)
        return answer


@asynccontextmanager
async def hosted(*arguments: str) -> AsyncIterator[EngineHost]:
    command = [sys.executable, "-m", "mediasrv.bench.instruments.engine_host", *arguments]
    process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield EngineHost(process)
    finally:
        with trio.CancelScope(shield=True):
            assert process.stdin is not None
            await process.stdin.aclose()
            with trio.move_on_after(ENDS_WITHIN_S):
                await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()


async def measure(mode: Mode, load: Load) -> Run:
    load = replace(load, calls=min(load.calls, mode.calls_at_most))
    arguments = ["--codec", mode.codec, *["--plain"] * mode.plain, *["--busy"] * load.busy]
    with ExitStack() as stack:
        media = [stack.enter_context(open_media_socket()) for _ in range(load.calls)]
        wire = stack.enter_context(
            Wire(capacity=load.calls, heard_records=RECORDS, sent_records=16, cpu=wire_cpu())
        )
        async with hosted(*arguments) as host:
            answer = await host.ask({"remotes": [socket.getsockname() for socket in media]})
            bed = bed_of(mode.codec)
            for number, (socket, local) in enumerate(zip(media, answer["locals"], strict=True)):
                wire.add(
                    socket_fd=socket.fileno(), remote=(local[0], local[1]), ssrc=number + 1,
                    first_sequence=number * SEQUENCE_STEP % 65_536,
                    bed=bed.octets, bed_start=number * bed.length // load.calls, coded=bed.coded,
                )  # fmt: skip
            return await observe(load, host, wire, answer["bytes_per_stream"])


async def observe(load: Load, host: EngineHost, wire: Wire, bytes_per_stream: int) -> Run:
    clock, cadence = SystemClock(), Cadence()
    await trio.sleep(min(SETTLE_S, load.seconds))
    wire.take_heard()
    before, from_ns = await host.ask({}), clock.now_ns()
    await trio.sleep(load.seconds)
    after, until_ns = await host.ask({}), clock.now_ns()
    for packet in heard_records(wire.take_heard()):
        if from_ns <= packet.at_ns < until_ns:
            cadence.add(packet)
    statistics = wire.statistics()
    stalls = wire.stalls() if statistics.witness_fifo else []
    seconds = (until_ns - from_ns) / 1e9
    return Run(load, before, after, seconds, cadence, cadence.gaps(stalls), statistics, bytes_per_stream)


def mode_report(run: Run) -> dict[str, object]:
    """What is worth knowing of one mode beside its cost."""
    return {
        "calls": run.load.calls,
        "tick_lateness_ms": run.tick_lateness_ms(),
        "max_gap_ms": run.gaps.max_ms,
        "max_gap_with_machine_stalls_ms": run.gaps.max_raw_ms,
        "gaps_over_40_ms": run.gaps.over_40_ms,
        "packets": run.cadence.packets,
        "packets_expected": run.expected_packets,
        "lost": run.cadence.lost,
        "ticks_skipped": run.counted("late_ticks_skipped"),
        "overruns": run.counted("overruns"),
        "slot_work_max_ms": run.after["slot_work_max_ms"],
        "engine_machine_stalls": run.counted("machine_stalls"),
        "wire_machine_stalls": run.wire.stalls,
        "wire_machine_stall_max_ms": round(run.wire.stall_max_ns / NS_PER_MS, 3),
        "wire_late_max_ms": round(run.wire.late_max_ns / NS_PER_MS, 3),
        "bytes_per_stream": run.bytes_per_stream,
    }


def report(load: Load, measured: Mapping[Mode, Run], kernels_ns: Mapping[str, float]) -> dict[str, object]:
    runs: Sequence[Run] = tuple(measured.values())
    full = measured[FULL]
    by_codec = {mode.codec: run.bytes_per_stream for mode, run in measured.items() if not mode.plain}
    return {
        "bench": "media",
        "calls": load.calls,
        "seconds": load.seconds,
        "busy": load.busy,
        "policy": full.after["policy"],
        "witness_fifo": all(run.wire.witness_fifo for run in runs),
        "cpu_ms_per_call_second": {mode.name: run.cpu_ms_per_call_second for mode, run in measured.items()},
        "tick_lateness_ms": full.tick_lateness_ms(),
        "max_gap_ms": max(run.gaps.max_ms for run in runs),
        "machine_stalls": sum(run.wire.stalls for run in runs),
        "bytes_per_stream": full.bytes_per_stream,
        "bytes_by_codec": by_codec,
        "lost": sum(run.cadence.lost for run in runs),
        **{mode.name.removeprefix("g711_"): mode_report(run) for mode, run in measured.items()},
        "kernels_ns_per_20_ms": {name: round(ns) for name, ns in kernels_ns.items()},
    }


def time_kernels(frames: int = KERNEL_FRAMES) -> dict[str, float]:
    """Nanoseconds of each kernel alone: of 20 ms of sound, of one packet, or of what its name says."""
    narrow, wide = speak(SMALL_TALK).pcm, speak(SMALL_TALK, 48_000).pcm
    narrow_rooms = (
        kernels.benchmark, echo.benchmark, mixer.benchmark, jitter.benchmark, repair.benchmark, tones.benchmark,
    )  # fmt: skip
    figures = [time_room(narrow, frames=frames) for time_room in narrow_rooms]
    figures.append(speech.benchmark(narrow, vad_weights(""), frames=frames))
    figures.append(codecs.benchmark(wide, frames=frames // CODECS_SLOWER))
    figures.append(rtp.benchmark(packets=frames))
    return {name: ns for each in figures for name, ns in each.items()}


async def run(load: Load) -> dict[str, object]:
    kernels_ns = time_kernels()
    return report(load, {mode: await measure(mode, load) for mode in MODES}, kernels_ns)
