"""Which strikes there are, all of them tried, and what came of each deed."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.sim.strikes.deeds import DEEDS
from tests.sim.strikes.strike import Outcome, Strike, checkpoints_of, strike

VOICES = ("voice_falters", "voice_dies")
DEAF = ("model_falters", "model_dies", "ears_falter", "ears_die")
ALIKE = {  # deeds that find nothing to do there, or nothing other than in another call
    "talking": {"callee_leaves"},
    "talking_without_a_spare_voice": set(DEEDS) - set(VOICES),
    "ringing": {"callee_leaves"},
    "apologising": {"callee_leaves", *DEAF},
    "drained": {"callee_leaves", *DEAF},
    "joined": {"turn_is_cancelled", *DEAF},
}
CALLS_AND_DEEDS = [(call, deed) for call, spared in ALIKE.items() for deed in DEEDS if deed not in spared]


@dataclass
class Tally:
    """What one deed did to one call."""

    strikes: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    failed: int = 0

    def add(self, outcome: Outcome) -> None:
        self.strikes += 1
        self.endings[outcome.ending] += 1
        self.failed += bool(outcome.violations)

    def __str__(self) -> str:
        endings = ", ".join(f"{count} {ending}" for ending, count in self.endings.most_common())
        return f"{self.strikes:5} strikes, {self.failed:3} failed: {endings}"


def every(
    pairs: Sequence[tuple[str, str]], *, first: int = 1, stride: int = 1, seed: int = 1
) -> Iterator[Strike]:
    """At each `stride`th checkpoint, from `first` to the last that the undisturbed call has."""
    steps = {call: checkpoints_of(call, seed) for call in dict.fromkeys(call for call, _ in pairs)}
    for call, deed in pairs:
        yield from (Strike(call, deed, nth, seed) for nth in range(first, steps[call] + 1, stride))


def tried(strikes: Iterable[Strike], processes: int) -> Iterator[Outcome]:
    """In order. Each process is a fresh interpreter with hashes of its own: order in sets must not show."""
    if processes == 1:
        yield from map(strike, strikes)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(strike, strikes, chunksize=8)
