"""sipp, the other kind of caller: whole calls by the hundred, from somebody else's SIP stack."""

from __future__ import annotations

import csv
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

from mediasrv.errors import MediasrvError

BUILT_IN_CALLER = ("-sn", "uac")
SLOWEST_PER_S = 100  # that a server takes, when the rate asks for all it can
PATIENCE_S = 90  # beyond what the calls themselves take, before sipp gives the rest up
SOCKETS_MAX = 1_000  # its own idea is more than most systems allow
PORTS_OF_MEDIA = 4  # sipp takes up to four in a row


class SippMissing(MediasrvError):
    """The program is not installed (Debian: sip-tester)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    successful: int
    failed: int
    retransmissions: int  # by sipp: the server was slow to answer, or a datagram was lost
    status: int  # of the program; 0: every call went as the scenario says
    errors: str


def free_port() -> int:
    """A UDP port that nobody has just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_media_port(among: range = range(10_000, 19_000, 16)) -> int:
    """The first of a few free ports in a row, below those that the system gives to everybody.

    Looked for from another place each time: nobody holds them until sipp does, and another sipp may be starting.
    """
    start = free_port() % len(among)
    places: list[int] = [*among[start:], *among[:start]]
    for first in places:
        probes = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(PORTS_OF_MEDIA)]
        try:
            for offset, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + offset))
        except OSError:
            continue
        else:
            return first
        finally:
            for probe in probes:
                probe.close()
    raise MediasrvError("no free ports for sipp's media")


async def call(
    server: tuple[str, int],
    *,
    scenario: Sequence[str] = BUILT_IN_CALLER,
    number: str = "anyone",
    calls: int = 1,
    per_second: int = 10,
    talk_ms: int = 0,
    transport: str = "u1",
    at_once: int = 0,
) -> Outcome:
    """Runs one scenario so many times; returns how the calls went. `transport`: as sipp names it (u1, t1, tn).

    `at_once`: calls that are up at any time, however high the rate; 0: as many as sipp likes."""
    program = shutil.which("sipp")
    if program is None:
        raise SippMissing("sipp is not installed: apt-get install sip-tester")
    timeout_s = calls // min(per_second, SLOWEST_PER_S) + talk_ms // 1000 + PATIENCE_S
    with tempfile.TemporaryDirectory() as directory:
        command = [
            program, f"{server[0]}:{server[1]}", *scenario, "-s", number, "-i", "127.0.0.1",
            "-p", str(free_port()), "-mp", str(free_media_port()),
            "-t", transport, "-max_socket", str(SOCKETS_MAX),
            "-m", str(calls), "-r", str(per_second), "-d", str(talk_ms),
            *(("-l", str(at_once)) if at_once else ()),
            "-nostdin", "-timeout", str(timeout_s), "-timeout_error",
            "-trace_stat", "-stf", "stat.csv", "-trace_err", "-error_file", "errors.log",
        ]  # fmt: skip
        ended = await trio.run_process(
            command, cwd=directory, capture_stdout=True, capture_stderr=True, check=False
        )
        return outcome(Path(directory), ended)


def outcome(directory: Path, ended: subprocess.CompletedProcess[bytes]) -> Outcome:
    errors = directory / "errors.log"
    told = errors.read_text(errors="replace") if errors.exists() else ended.stderr.decode(errors="replace")
    try:
        with (directory / "stat.csv").open() as statistics:
            last = list(csv.DictReader(statistics, delimiter=";"))[-1]
    except (OSError, IndexError) as error:
        raise MediasrvError(f"sipp did not run: {told or ended.stdout.decode(errors='replace')}") from error
    return Outcome(
        successful=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        retransmissions=int(last["Retransmissions(C)"]),
        status=ended.returncode,
        errors=told,
    )
