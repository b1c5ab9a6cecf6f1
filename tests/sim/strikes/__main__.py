"""`python -m tests.sim.strikes`: every deed at every checkpoint of every call, what came of it, and what it broke."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Sequence

from tests.sim.strikes.calls import CALLS
from tests.sim.strikes.deeds import DEEDS
from tests.sim.strikes.sweep import CALLS_AND_DEEDS, Tally, every, tried


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    pairs = [(c, d) for c, d in CALLS_AND_DEEDS if options.call in ("", c) and options.deed in ("", d)]
    strikes = list(every(pairs, first=options.first, stride=options.every, seed=options.seed))
    began_s, failed = time.perf_counter(), 0
    outcomes = tried(strikes, options.processes)
    for (call, deed), alike in itertools.groupby(
        outcomes, lambda outcome: (outcome.strike.call, outcome.strike.deed)
    ):
        tally = Tally()
        for outcome in alike:
            tally.add(outcome)
            for violation in outcome.violations:
                print(f"{outcome.strike}: {violation}", file=sys.stderr, flush=True)
        print(f"{call:>30} {deed:<24} {tally}", flush=True)
        failed += tally.failed
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
