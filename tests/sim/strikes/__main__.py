"""`python -m tests.sim.strikes`: every deed at every checkpoint of every call, what came of it, and what it broke."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Sequence

from tests.sim.strikes.calls import CALLS
from tests.sim.strikes.deeds import DEEDS
from tests.sim.strikes.sweep import CALLS_AND_DEEDS, Tally, every, tried


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    pairs = [(c, d) for c, d in CALLS_AND_DEEDS if options.call in ("", c) and options.deed in ("", d)]
    strikes = list(every(pairs, first=options.first, stride=options.every, seed=options.seed))
    tallies: defaultdict[tuple[str, str], Tally] = defaultdict(Tally)
    began_s = time.perf_counter()
    for outcome in tried(strikes, options.processes):
        which = outcome.strike
        tallies[which.call, which.deed].add(outcome)
        for violation in outcome.violations:
            print(f"{which}: {violation}", file=sys.stderr, flush=True)
    for (call, deed), tally in tallies.items():
        endings = ", ".join(f"{count} {ending}" for ending, count in tally.endings.most_common())
        print(f"{call:>30} {deed:<24} {tally.strikes:5} strikes, {len(tally.failed):3} failed: {endings}")
    failed = sum(len(tally.failed) for tally in tallies.values())
    print(f"{len(strikes)} strikes, {failed} failed, {time.perf_counter() - began_s:.0f} s")
    return 1 if failed else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sim.strikes", description=__doc__)
    parser.add_argument("--call", default="", choices=["", *CALLS], help="only this one")
    parser.add_argument("--deed", default="", choices=["", *DEEDS], help="only this one")
    parser.add_argument(
        "--from", type=int, default=1, metavar="N", dest="first", help="the first checkpoint (1)"
    )
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="only each Nth checkpoint from there"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the order of tasks (1)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
