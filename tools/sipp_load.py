"""Calls by the thousand from sipp's built-in caller, and what they leave behind: nothing, if all is well.

    python -m tools.sipp_load --calls 2000 --rate 100
    TMPDIR=/dev/shm python -m tools.sipp_load --calls 10000 --rate 3000 --at-once 50 --pin     # as many as it can

The server writes two small files for each call: where TMPDIR is a disk, its file system is measured with it.

Starts a server of its own on free loopback ports, unless --target names one that runs already. Exit status 0 when
every call succeeded and the server is back to what it was before: in descriptors, threads and, where it can be asked,
its own calls, dialogs, streams, transactions and tasks.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import trio

from mediasrv.bench.instruments import sipp
from mediasrv.bench.instruments.process_meter import measure
from mediasrv.bench.instruments.server_process import ServerProcess, serving

SETTLE_WITHIN_S = 10.0
LINGER_S = 34.0  # a transaction outlives its call by 32 s (RFC 3261, timers H, J and 64*T1)
WARM_UP_CALLS = 20
HELD = ("live_calls", "live_dialogs", "live_streams", "transactions", "tasks")


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


@dataclass(frozen=True, slots=True)
class Plan:
    calls: int  # a round
    rate: int
    talk_ms: int
    rounds: int
    at_once: int = 0  # up at any time; 0: as many as the rate makes


async def load(pid: int, target: tuple[str, int], plan: Plan) -> dict[str, object]:
    """Round after round; memory is looked at after each: what warms up grows once, what leaks grows every time."""
    await sipp.call(target, calls=WARM_UP_CALLS, per_second=plan.rate)
    await trio.sleep(1)
    before = last = Left.of(pid)
    grew: list[int] = []
    outcomes: list[sipp.Outcome] = []
    calling_s, control_ms, media_ms = 0.0, 0.0, 0.0
    for _ in range(plan.rounds):
        usage, began_s = measure(pid), time.monotonic()
        outcomes.append(
            await sipp.call(
                target, calls=plan.calls, per_second=plan.rate, talk_ms=plan.talk_ms, at_once=plan.at_once
            )
        )
        used = measure(pid).since(usage)
        calling_s += time.monotonic() - began_s
        control_ms, media_ms = control_ms + used.control_ms, media_ms + used.media_ms
        await settle(pid, before)
        await trio.sleep(LINGER_S)
        grew.append(Left.of(pid).memory_bytes - last.memory_bytes)
        last = Left.of(pid)
    calls, failed = plan.calls * plan.rounds, sum(outcome.failed for outcome in outcomes)
    return {
        "calls": calls,
        "rate_per_s": plan.rate,
        "successful": sum(outcome.successful for outcome in outcomes),
        "failed": failed,
        "retransmissions": sum(outcome.retransmissions for outcome in outcomes),
        "took_s": round(calling_s, 2),
        "calls_per_s": round(calls / calling_s, 1),
        "cpu_ms_per_call": {"control": round(control_ms / calls, 3), "media": round(media_ms / calls, 3)},
        "left": {
            "descriptors": last.descriptors - before.descriptors,
            "threads": last.threads - before.threads,
            "memory_bytes_each_round": grew,
        },
        "errors": "".join(outcome.errors for outcome in outcomes)[-500:] if failed else "",
    }


def pin(pid: int) -> None:
    """The server has the first processor to itself, sipp and we the others: what it can do is what one core can do."""
    first, *others = sorted(os.sched_getaffinity(0))
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {first})
    os.sched_setaffinity(0, others or {first})


async def load_own_server(agent: str, plan: Plan, *, pinned: bool) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as directory:
        async with serving(Path(directory), ["--agent", agent]) as server:
            if pinned:
                pin(server.pid)
            before = await held(server)
            report = await load(server.pid, server.sip, plan)
            now = await held(server)
            return {**report, "held": {name: now[name] - before[name] for name in HELD}}


async def held(server: ServerProcess) -> dict[str, int]:
    """What the server itself says that it holds."""
    told = await server.ask({"do": "statistics"})
    return {name: told[name] for name in HELD}


def is_clean(report: Mapping[str, object]) -> bool:
    left = report["left"]
    assert isinstance(left, dict)
    held = report.get("held", {})
    assert isinstance(held, dict)
    return (
        report["failed"] == 0 and left["descriptors"] <= 0 and left["threads"] <= 0 and not any(held.values())
    )


@click.command(help=__doc__.split("\n\n")[0] if __doc__ else None)
@click.option("--calls", default=2_000, show_default=True, help="A round.")
@click.option("--rounds", default=1, show_default=True, help="One after the other, with 34 s between them.")
@click.option("--rate", default=100, show_default=True, help="Calls a second.")
@click.option("--talk-ms", default=0, show_default=True, help="How long each call lasts.")
@click.option("--at-once", default=0, help="Calls that are up at any time, whatever the rate; 0: no limit.")
@click.option("--pin", "pinned", is_flag=True, help="The server on one processor, sipp on the others.")
@click.option("--agent", default="tone", show_default=True, help="Who answers.")
@click.option("--target", metavar="HOST:PORT", help="A server that runs already; with --pid.")
@click.option("--pid", type=int, help="Its process.")
def main(
    calls: int,
    rounds: int,
    rate: int,
    talk_ms: int,
    at_once: int,
    pinned: bool,
    agent: str,
    target: str | None,
    pid: int | None,
) -> None:
    plan = Plan(calls, rate, talk_ms, rounds, at_once)
    if (target is None) != (pid is None):
        raise click.UsageError("--target and --pid go together")
    if target is not None and pid is not None:
        host, _, port = target.rpartition(":")
        report = trio.run(load, pid, (host, int(port)), plan)
    else:
        report = trio.run(partial(load_own_server, agent, plan, pinned=pinned))
    click.echo(json.dumps(report))
    sys.exit(0 if is_clean(report) else 1)


if __name__ == "__main__":
    main()
