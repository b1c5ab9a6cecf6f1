"""`python -m tests.interop.replay.record`: the calls of tests/replays, made and recorded anew.

For when the code has changed so much that the old ones are no longer told alike, and the change was meant. To be run on
a quiet machine: a recording has its delays in it.
"""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

from mediasrv.cli.replay import run_again
from mediasrv.replay.tape import Tape
from tests.interop.replay.caller import Score
from tests.interop.replay.test_replay import SAID, assert_same, capturing

KEPT = Path(__file__).resolve().parents[2] / "replays"
CALLS = {
    "interrupted": ("scripted", Score(250).say(1.2, SAID)),
    "keys_and_loss": ("scripted", Score(160, loss=0.05).press(0.9, "5").press(1.6, "1")),
    "echo_held": (
        "echo",
        Score(110)
        .do(0.9, lambda caller: caller.change("sendonly"))
        .do(1.5, lambda caller: caller.change("sendrecv")),
    ),
}


def main() -> None:
    for name, (agent, score) in CALLS.items():
        with (
            tempfile.TemporaryDirectory() as directory,
            capturing(Path(directory), "--agent", agent) as server,
        ):
            tape = server.call(score, seed=7)
            assert_same(run_again(Tape.read(tape)))
            kept = KEPT / f"{name}.replay.jsonl.gz"
            kept.write_bytes(gzip.compress(tape.read_bytes(), mtime=0))
            print(kept.name, kept.stat().st_size)


if __name__ == "__main__":
    main()
