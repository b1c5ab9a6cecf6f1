"""`python -m tests.sim --seeds 1000`: many seeds, what they violated, one hash of all, and how fast it went."""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.sim.sweep import Outcome, run_seed


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    seeds = range(options.first, options.first + options.seeds)
    began_s = time.perf_counter()
    outcomes = list(run_all(seeds, options.processes, progress=not options.json))
    wall_s = time.perf_counter() - began_s
    report = summary(outcomes, wall_s)
    if options.twice:
        again = list(run_all(seeds, options.processes, progress=not options.json))
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
        "--twice", action="store_true", help="run all again, in other processes; hashes must be equal"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def run_all(seeds: Sequence[int], processes: int, *, progress: bool) -> Iterator[Outcome]:
    """In order of seed. Each process is a fresh interpreter with hashes of its own: order in sets must not show."""
    if processes == 1:
        yield from map(run_seed, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for number, outcome in enumerate(pool.imap(run_seed, seeds, chunksize=4), 1):
            if progress and sys.stderr.isatty():
                print(f"\r{number}/{len(seeds)}", end="", file=sys.stderr)
            yield outcome
    if progress and sys.stderr.isatty():
        print(file=sys.stderr)


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
