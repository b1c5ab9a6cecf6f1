"""Every fault in the book: what must hold holds, and what must come of it comes. Every sixth always, all at night."""

from __future__ import annotations

import random

import pytest

from tests.sim.faults.chapters import FAULTS
from tests.sim.sweep import judge
from tests.sim.world import run

NIGHTLY_SEEDS = (1, 2, 3)
HOLD_MUSIC = "half_a_minute_of_hold_music_is_nobodys_failure"
ALWAYS = [name for k, name in enumerate(FAULTS) if k % 6 == 0 or name == HOLD_MUSIC]


def check(name: str, seed: int) -> None:
    outcome = judge(FAULTS[name](random.Random(seed)), seed)
    assert not outcome.violations, f"seed {seed}: {outcome.violations}"


@pytest.mark.parametrize("name", ALWAYS)
def test_a_fault_is_that_calls_misfortune_and_no_more(name: str) -> None:
    check(name, 1)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", NIGHTLY_SEEDS)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_that_whatever_the_seed(name: str, seed: int) -> None:
    check(name, seed)


def test_a_fault_is_the_same_every_time_byte_for_byte() -> None:
    for name in ("model_dies_within_a_sentence", "mind_limits_its_rate_and_says_for_how_long"):
        scenario = FAULTS[name](random.Random(3))
        assert run(scenario, 3).digest() == run(scenario, 3).digest(), name
