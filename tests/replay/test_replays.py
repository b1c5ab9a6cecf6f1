"""Calls that once were, run again: whatever lies in tests/replays is a test.

The call must go as it went: the same things happen, at about the same times. That each packet and each millisecond be
the same is asked only where the code that repeats is the code that recorded (tests/interop/replay): a checkpoint more
or less moves them, and is no fault.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediasrv.cli.replay import run_again
from mediasrv.replay.difference import alike, around, gist, rows
from mediasrv.replay.tape import Tape

REPLAYS = sorted((Path(__file__).parent.parent / "replays").glob("*.jsonl*"))


@pytest.mark.parametrize("path", REPLAYS, ids=lambda path: path.name.partition(".")[0])
def test_the_call_goes_as_it_went(path: Path) -> None:
    done = run_again(Tape.read(path))
    differ = [
        f"{row.mark} {row.ms} {row.event} {row.details}"
        for row in around(list(rows(done.then, done.now, gist)))
    ]
    assert alike(done.then, done.now), "\n".join([done.left_step, *differ])


def test_there_are_some() -> None:
    assert REPLAYS
