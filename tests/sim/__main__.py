"""`python -m tests.sim --seeds 1000`: many seeds, what they violated, one hash of all, and how fast it went."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial

from tests.sim.catalogue import NAMED
from tests.sim.sweep import Outcome, run_seed

TELLS_EVERY_S = 60.0
BATCH = 64  # seeds a process is ahead of what is told: two batches of outcomes wait in memory


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    if options.list:
        print(*NAMED, sep="\n")
        return 0
    began_s = time.perf_counter()
    outcomes = list(run_all(options))
    wall_s = time.perf_counter() - began_s
    report = summary(outcomes, wall_s)
    if options.twice:
        options.seeds, options.simulated_seconds = len(outcomes), 0.0
        again = list(run_all(options))
        report["differing_seeds"] = [
            a.seed for a, b in zip(outcomes, again, strict=True) if a.digest != b.digest
        ]
    print(json.dumps(report) if options.json else readable(report, outcomes))
    return 1 if report["violations"] or report.get("differing_seeds") else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="how many (20)")
    parser.add_argument("--from", type=int, default=0, metavar="SEED", dest="first", help="the first one (0)")
    parser.add_argument(
        "--simulated-seconds",
        type=float,
        default=0.0,
        metavar="S",
        help="as many seeds as it takes until calls have lasted so long in all, instead of --seeds",
    )
    parser.add_argument("--scenario", default="", choices=["", *NAMED], metavar="NAME", help="only this one")
    parser.add_argument("--list", action="store_true", help="the names of all scenarios")
    parser.add_argument(
        "--twice", action="store_true", help="run all again, in other processes; hashes must be equal"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error("--seeds: one at least")
    return options


def run_all(options: argparse.Namespace) -> Iterator[Outcome]:
    """In order of seed, until enough were run or enough time has passed in them."""
    enough_s, told_s, simulated_s = options.simulated_seconds, 0.0, 0.0
    began_s = time.perf_counter()
    with closing(run_in_order(options)) as outcomes:
        for number, outcome in enumerate(outcomes, 1):
            yield outcome
            simulated_s += outcome.simulated_s
            for violation in outcome.violations:
                print(f"seed {outcome.seed} ({outcome.scenario}): {violation}", file=sys.stderr, flush=True)
            if time.perf_counter() - told_s > TELLS_EVERY_S and not options.json:
                told_s = time.perf_counter()
                speed = simulated_s / (told_s - began_s)
                print(
                    f"{number} seeds, {simulated_s:,.0f} s, {speed:.0f} s a second",
                    file=sys.stderr,
                    flush=True,
                )
            if simulated_s >= enough_s > 0 or (not enough_s and number == options.seeds):
                return


def run_in_order(options: argparse.Namespace) -> Iterator[Outcome]:
    """Without end. Each process is a fresh interpreter with hashes of its own: order in sets must not show."""
    seeds, run_one = itertools.count(options.first), partial(run_seed, name=options.scenario)
    if options.processes == 1:
        yield from map(run_one, seeds)
        return
    batch = options.processes * BATCH if options.simulated_seconds else options.seeds
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        ahead = pool.imap(run_one, list(itertools.islice(seeds, batch)), chunksize=4)
        while True:
            following = pool.imap(
                run_one, list(itertools.islice(seeds, batch)) if options.simulated_seconds else []
            )
            yield from ahead  # while these are told, the next are under way: no process waits for another
            ahead = following


def summary(outcomes: Sequence[Outcome], wall_s: float) -> dict[str, object]:
    simulated_s = sum(outcome.simulated_s for outcome in outcomes)
    cpu_s = sum(outcome.cpu_s for outcome in outcomes)
    of_all = hashlib.sha256("".join(outcome.digest for outcome in outcomes).encode()).hexdigest()
    return {
        "seeds": len(outcomes),
        "violations": sum(len(outcome.violations) for outcome in outcomes),
        "failing_seeds": [outcome.seed for outcome in outcomes if outcome.violations],
        "scenarios": dict(sorted(Counter(outcome.scenario for outcome in outcomes).items())),
        "endings": dict(sorted(Counter(outcome.ending for outcome in outcomes).items())),
        "interruptions": sum(outcome.interruptions for outcome in outcomes),
        "turn_checkpoints": sum(outcome.turn_steps for outcome in outcomes),
        "injected": sum(outcome.injected for outcome in outcomes),
        "hash": of_all,
        "simulated_s": round(simulated_s, 1),
        "wall_s": round(wall_s, 1),
        "times_faster_than_life_per_core": round(simulated_s / cpu_s, 1) if cpu_s else 0.0,
    }


def readable(report: dict[str, object], outcomes: Sequence[Outcome]) -> str:
    lines = [
        f"seed {outcome.seed} ({outcome.scenario}): {violation}"
        for outcome in outcomes
        for violation in outcome.violations
    ]
    lines += [f"{name:>32}  {value}" for name, value in report.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
