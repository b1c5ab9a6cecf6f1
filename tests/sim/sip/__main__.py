"""`python -m tests.sim.sip --seeds 1000`: every story over many seeds, what went wrong, and one hash of all."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence

from tests.sim.sip.stories import STORIES
from tests.sim.sip.telling import Outcome, Telling, tell_drawn


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    if options.list:
        print("\n".join(f"{name}: {STORIES[name].tell.__doc__ or ''}".split("\n")[0] for name in STORIES))
        return 0
    names = [name for name in STORIES if options.scenario in (None, name)]
    seeds = range(options.first, options.first + options.seeds)
    began_s, failed, digests = time.perf_counter(), 0, []
    for outcome in told(list(itertools.product(names, seeds)), options.processes, twice=options.twice):
        digests.append(outcome.digest)
        failed += bool(outcome.violations)
        for violation in outcome.violations:
            print(f"{outcome.story}, seed {outcome.seed} ({outcome.paths}): {violation}", flush=True)
    of_all = hashlib.sha256("".join(digests).encode()).hexdigest()
    wall_s = time.perf_counter() - began_s
    print(f"{len(names)} stories x {len(seeds)} seeds: {failed} failed, {wall_s:.0f} s, hash {of_all[:16]}")
    return 1 if failed else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sim.sip", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="how many (5)")
    parser.add_argument("--from", type=int, default=0, metavar="SEED", dest="first", help="the first one (0)")
    parser.add_argument("--scenario", metavar="NAME", choices=STORIES, help="one story only")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--twice", action="store_true", help="each run again elsewhere; hashes must be equal")
    parser.add_argument("--list", action="store_true", help="the stories, and what they are about")
    return parser.parse_args(arguments)


def told(tellings: Sequence[Telling], processes: int, *, twice: bool) -> Iterator[Outcome]:
    """In order. Each process is a fresh interpreter with hashes of its own: order in sets must not show."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        outcomes = pool.imap(tell_drawn, tellings, chunksize=4)
        if not twice:
            yield from outcomes
            return
        again = pool.imap(tell_drawn, tellings, chunksize=7)  # so that most fall to another process
        for first, second in zip(outcomes, again, strict=True):
            yield first if first.digest == second.digest else _differing(first)


def _differing(outcome: Outcome) -> Outcome:
    return Outcome(outcome.story, outcome.seed, (*outcome.violations, "the second run was another one"))


if __name__ == "__main__":
    sys.exit(main())
