"""Callers on a server that runs already: they call, talk, listen, hang up, and tell what they heard.

    python -m tools.load 127.0.0.1:5060 --calls 50 --seconds 30

What is said is labelled speech with pauses; what is heard is judged by the wire: gaps between packets, losses, and
for how much of the time there was something to hear. Exit status 0 when every call was answered.
"""

from __future__ import annotations

import random
import sys

import click
import trio

from mediasrv.bench.instruments.callers import Caller, Callers, NotAnswered, calling
from mediasrv.bench.instruments.wire_log import Cadence
from mediasrv.bench.report import show
from mediasrv.bench.speech import talk_bed
from mediasrv_native.wire import SLOTS


async def dial(
    callers: Callers, number: str, calls: int, rate: float, seed: int
) -> tuple[list[Caller], list[str]]:
    """So many calls, one after the other at `rate` a second; those that were taken, and why others were not."""
    chance, bed = random.Random(seed), talk_bed()
    taken: list[Caller] = []
    refused: list[str] = []
    for _ in range(calls):
        next_at = trio.current_time() + 1 / rate
        slot, bed_start = chance.randrange(SLOTS), chance.randrange(len(bed))
        try:
            taken.append(await callers.call(number, slot=slot, bed=bed, bed_start=bed_start))
        except NotAnswered as error:
            refused.append(str(error))
        await trio.sleep_until(next_at)
    return taken, refused


async def load(
    server: tuple[str, int], number: str, calls: int, rate: float, seconds: float, seed: int
) -> dict[str, object]:
    cadence, audible_ms = Cadence(), 0
    async with calling(server, capacity=calls) as callers:
        talking, refused = await dial(callers, number, calls, rate, seed)
        await trio.sleep(seconds)
        for caller in talking:
            await callers.hang_up(caller)
            for packet in caller.heard:
                cadence.add(packet)
                audible_ms += 20 * packet.audible
        gaps = cadence.gaps(callers.stalls())
        machine_stalls, foreign = len(callers.stalls()), callers.statistics().foreign
    return {
        "bench": "load",
        "calls": calls,
        "answered": len(talking),
        "refused": refused[:10],
        "packets": cadence.packets,
        "lost": cadence.lost,
        "foreign": foreign,
        "audible_s_per_call": round(audible_ms / 1_000 / max(1, len(talking)), 2),
        "max_gap_ms": gaps.max_ms,
        "max_gap_with_machine_stalls_ms": gaps.max_raw_ms,
        "gaps_over_40_ms": gaps.over_40_ms,
        "machine_stalls": machine_stalls,
    }


@click.command(help=__doc__.split("\n\n")[0] if __doc__ else None)
@click.argument("server", metavar="HOST:PORT")
@click.option("--number", default="load", show_default=True, help="Whom to call.")
@click.option("--calls", default=10, show_default=True, type=click.IntRange(1, 400))
@click.option(
    "--rate", default=20.0, show_default=True, type=click.FloatRange(0.1, 500), help="Calls a second."
)
@click.option("--seconds", default=10.0, show_default=True, help="To talk once all have been called.")
@click.option("--seed", default=1, show_default=True, help="Of who sends when, and says what.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON instead of a table.")
def main(server: str, number: str, calls: int, rate: float, seconds: float, seed: int, as_json: bool) -> None:
    host, _, port = server.rpartition(":")
    if not port.isdigit():
        raise click.BadParameter('write "HOST:PORT", as in "127.0.0.1:5060"')
    report = trio.run(load, (host, int(port)), number, calls, rate, seconds, seed)
    show(report, as_json=as_json)
    sys.exit(0 if report["answered"] == calls else 1)


if __name__ == "__main__":
    main()
