"""One seeded run after the other until the time is up: what every fuzzer's command line does."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable


def campaign(name: str, run: Callable[[int], object], each: str, about: str | None) -> int:
    """`run` takes a seed and raises when something is wrong; `each` says what one of them is. At least one runs."""
    arguments = argparse.ArgumentParser(description=about)
    arguments.add_argument("--seconds", type=float, default=10.0)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    end, seed = time.monotonic() + options.seconds, options.seed
    while True:
        try:
            run(seed)
        except Exception:
            print(f"{name}: seed {seed} failed; again with --seconds 0 --seed {seed}", file=sys.stderr)
            raise
        seed += 1
        if time.monotonic() >= end:
            break
    print(f"{name}: {seed - options.seed} runs of {each}, seeds {options.seed} to {seed - 1}: clean")
    return 0
