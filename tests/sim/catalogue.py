"""Everything that a seed may draw: calls at random, the stories of talk, the book of faults.

`draw(seed)` picks one and may make it harder: a path of another quality under it, a turn that is cancelled at some
checkpoint. What a scenario expects is only asked where a person would hear the same; the invariants hold always.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tests.sim.faults.chapters import FAULTS
from tests.sim.scenario import Scenario
from tests.sim.scenarios import SCENARIOS
from tests.sim.talk import stories
from tests.sim.talk.story import draws

Draw = Callable[[random.Random], Scenario]

CALLS: Sequence[Draw] = [draw for draw, weight in SCENARIOS.values() for _ in range(weight)]
TALK: Mapping[str, Draw] = draws(stories.BOOK)
NAMED: Mapping[str, Draw] = {name: draw for name, (draw, _) in SCENARIOS.items()} | TALK | FAULTS
BOOKS: Sequence[tuple[Sequence[Draw], int]] = (  # and how often each is opened, against the others
    (CALLS, 4),
    (list(TALK.values()), 5),
    (list(FAULTS.values()), 3),
)

FAIR_PATHS = ("clean", "lan", "fibre", "skewed")
ROUGH_PATHS = ("wifi", "mobile", "lossy", "bursty", "reordering", "bufferbloat", "satellite")
ROUGH = 0.4  # of the calls go over a bad path
CANCELLED = 0.4  # of them have a turn cancelled at some checkpoint
HARDER = 0.4  # of the stories of talk are made harder in these ways; the others are told as they are
CHECKPOINTS = 400  # among which it is drawn; a turn has a few hundred


def draw(seed: int, name: str = "") -> Scenario:
    """The scenario of this seed, out of all or of that name, on the path and with the mishaps of this seed."""
    source = random.Random(f"{seed}/scenario")
    if name:
        return NAMED[name](source)
    books, weights = zip(*BOOKS, strict=True)
    book = source.choices(books, weights)[0]
    scenario = source.choice(book)(source)
    if book is CALLS or (scenario.name in TALK and source.random() < HARDER):
        return _harder(scenario, source)
    return scenario


def _harder(scenario: Scenario, source: random.Random) -> Scenario:
    rough, cancelled = source.random() < ROUGH, source.random() < CANCELLED
    paths = ROUGH_PATHS if rough else FAIR_PATHS
    scenario = replace(
        scenario,
        uplink=source.choice(paths),
        downlink=source.choice(paths),
        skew_ppm=source.uniform(-100.0, 100.0),
        cancel_at=1 + int(CHECKPOINTS * source.random() ** 2) if cancelled else 0,
    )
    return replace(scenario, expects=()) if rough or cancelled else scenario
