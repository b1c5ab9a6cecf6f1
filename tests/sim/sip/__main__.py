"""`python -m tests.sim.sip --seeds 1000`: every story over many seeds, what went wrong, and one hash of all."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import multiprocessing
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tests.sim.sip.stories import STORIES
from tests.sim.sip.telling import Outcome, Telling, settle_in, tell_drawn

TELLS_EVERY_S = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    if options.list:
        print("\n".join(f"{name}: {STORIES[name].tell.__doc__ or ''}".split("\n")[0] for name in STORIES))
        return 0
    names = [name for name in STORIES if options.scenario in (None, name)]
    seeds = range(options.first, options.first + options.seeds)
    total = Total(len(names) * len(seeds))
    for outcome in told(list(itertools.product(names, seeds)), options.processes, twice=options.twice):
        total.add(outcome)
        for violation in outcome.violations:
            print(f"{outcome.story}, seed {outcome.seed} ({outcome.paths}): {violation}", flush=True)
        if total.shall_be_told():
            print(f"{total.progress()}, at {outcome.story}", file=sys.stderr, flush=True)
    if options.dearest:
        print("\n".join(total.dearest(options.dearest)))
    print(f"{len(names)} stories x {len(seeds)} seeds: {total.summary()}")
    return 1 if total.violations else 0


class Total:
    """What many tellings come to, and how far they have come."""

    def __init__(self, wanted: int) -> None:
        self.violations = 0
        self._wanted, self._told, self._failed = wanted, 0, 0
        self._simulated_s = 0.0
        self._cpu_s: defaultdict[str, float] = defaultdict(float)  # by story
        self._tellings: Counter[str] = Counter()
        self._hash = hashlib.sha256()
        self._began_s = self._last_s = time.perf_counter()

    def add(self, outcome: Outcome) -> None:
        self._told += 1
        self._failed += bool(outcome.violations)
        self.violations += len(outcome.violations)
        self._simulated_s += outcome.simulated_s
        self._cpu_s[outcome.story] += outcome.cpu_s
        self._tellings[outcome.story] += 1
        self._hash.update(outcome.digest.encode())

    def shall_be_told(self) -> bool:
        """Once in a while."""
        now_s = time.perf_counter()
        due = now_s - self._last_s >= TELLS_EVERY_S
        self._last_s = now_s if due else self._last_s
        return due

    def progress(self) -> str:
        wall_s = time.perf_counter() - self._began_s
        left_s = wall_s * (self._wanted - self._told) / self._told
        return (
            f"{self._told:,} of {self._wanted:,} told, {self.violations} violations, "
            f"{wall_s:,.0f} s, some {left_s:,.0f} s to go"
        )

    def summary(self) -> str:
        cpu_s, wall_s = sum(self._cpu_s.values()), time.perf_counter() - self._began_s
        return (
            f"{self._told:,} told, {self._failed} failed with {self.violations} violations, "
            f"{self._simulated_s:,.0f} simulated s, {cpu_s:,.0f} s of CPU, {wall_s:,.0f} s, "
            f"hash {self._hash.hexdigest()[:16]}"
        )

    def dearest(self, most: int) -> Iterator[str]:
        """The stories whose telling takes longest."""
        each_ms = {name: cpu_s / self._tellings[name] * 1_000 for name, cpu_s in self._cpu_s.items()}
        for name in sorted(each_ms, key=each_ms.__getitem__, reverse=True)[:most]:
            yield f"{name:64} {each_ms[name]:7.1f} ms of CPU"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sim.sip", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="how many (5)")
    parser.add_argument("--from", type=int, default=0, metavar="SEED", dest="first", help="the first one (0)")
    parser.add_argument("--scenario", metavar="NAME", choices=STORIES, help="one story only")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--twice", action="store_true", help="each run again elsewhere; hashes must be equal")
    parser.add_argument("--dearest", type=int, default=0, metavar="N", help="name the N that take longest")
    parser.add_argument("--list", action="store_true", help="the stories, and what they are about")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error("--seeds: one at least")
    return options


def told(tellings: Sequence[Telling], processes: int, *, twice: bool) -> Iterator[Outcome]:
    """In order. Each process is a fresh interpreter with hashes of its own: order in sets must not show."""
    with multiprocessing.get_context("spawn").Pool(processes, initializer=settle_in) as pool:
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
