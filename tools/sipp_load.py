"""Calls by the thousand from sipp's built-in caller, and what they leave behind: nothing, if all is well.

    python -m tools.sipp_load --calls 2000 --rate 100

Starts a server of its own on free loopback ports, unless --target names one that runs already. Exit status 0 when
every call succeeded and the server is back to what it was before.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import trio

from mediasrv.bench import sipp
from mediasrv.bench.process_meter import measure
from mediasrv.bench.server_process import serving

SETTLE_WITHIN_S = 10.0
LINGER_S = 34.0  # a transaction outlives its call by 32 s (RFC 3261, timers H, J and 64*T1)
WARM_UP_CALLS = 20


@dataclass(frozen=True, slots=True)
class Left:
    """What a process holds on to."""

    descriptors: int
    threads: int
    memory_bytes: int

    @classmethod
    def of(cls, pid: int) -> Left:
        process = Path(f"/proc/{pid}")
        return cls(
            len(list((process / "fd").iterdir())),
            len(list((process / "task").iterdir())),
            measure(pid).memory_bytes,
        )


async def settle(pid: int, before: Left) -> Left:
    """Waits until as many descriptors and threads are open as before; what is there at the end counts."""
    deadline = trio.current_time() + SETTLE_WITHIN_S
    while (now := Left.of(pid)).descriptors > before.descriptors or now.threads > before.threads:
        if trio.current_time() > deadline:
            break
        await trio.sleep(0.25)
    return now


async def load(pid: int, target: tuple[str, int], calls: int, rate: int, talk_ms: int) -> dict[str, object]:
    await sipp.call(target, calls=WARM_UP_CALLS, per_second=rate)
    await trio.sleep(1)
    before, usage, began_s = Left.of(pid), measure(pid), time.monotonic()
    outcome = await sipp.call(target, calls=calls, per_second=rate, talk_ms=talk_ms)
    took_s, used = time.monotonic() - began_s, measure(pid).since(usage)
    await settle(pid, before)
    await trio.sleep(LINGER_S)
    after = Left.of(pid)
    return {
        "calls": calls,
        "rate_per_s": rate,
        "successful": outcome.successful,
        "failed": outcome.failed,
        "retransmissions": outcome.retransmissions,
        "took_s": round(took_s, 2),
        "cpu_ms_per_call": {
            "control": round(used.control_ms / calls, 3),
            "media": round(used.media_ms / calls, 3),
        },
        "left": {
            "descriptors": after.descriptors - before.descriptors,
            "threads": after.threads - before.threads,
            "memory_bytes": after.memory_bytes - before.memory_bytes,
        },
        "errors": outcome.errors[-500:] if outcome.failed else "",
    }


async def load_own_server(agent: str, calls: int, rate: int, talk_ms: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as directory:
        async with serving(Path(directory), ["--agent", agent]) as server:
            return await load(server.pid, server.sip, calls, rate, talk_ms)


def is_clean(report: Mapping[str, object]) -> bool:
    left = report["left"]
    assert isinstance(left, dict)
    return report["failed"] == 0 and left["descriptors"] <= 0 and left["threads"] <= 0


@click.command(help=__doc__.split("\n\n")[0] if __doc__ else None)
@click.option("--calls", default=2_000, show_default=True)
@click.option("--rate", default=100, show_default=True, help="Calls a second.")
@click.option("--talk-ms", default=0, show_default=True, help="How long each call lasts.")
@click.option("--agent", default="tone", show_default=True, help="Who answers.")
@click.option("--target", metavar="HOST:PORT", help="A server that runs already; with --pid.")
@click.option("--pid", type=int, help="Its process.")
def main(calls: int, rate: int, talk_ms: int, agent: str, target: str | None, pid: int | None) -> None:
    if (target is None) != (pid is None):
        raise click.UsageError("--target and --pid go together")
    if target is not None and pid is not None:
        host, _, port = target.rpartition(":")
        report = trio.run(load, pid, (host, int(port)), calls, rate, talk_ms)
    else:
        report = trio.run(load_own_server, agent, calls, rate, talk_ms)
    click.echo(json.dumps(report))
    sys.exit(0 if is_clean(report) else 1)


if __name__ == "__main__":
    main()
