"""Every fault in the book, once: what must hold holds, and what must come of it comes."""

from __future__ import annotations

import random

import pytest

from tests.sim.faults.chapters import FAULTS
from tests.sim.sweep import judge
from tests.sim.world import run

SEED = 1


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_that_calls_misfortune_and_no_more(name: str) -> None:
    outcome = judge(FAULTS[name](random.Random(SEED)), SEED)
    assert not outcome.violations, f"seed {SEED}: {outcome.violations}"


def test_a_fault_is_the_same_every_time_byte_for_byte() -> None:
    name = "model_dies_within_a_sentence"
    scenario = FAULTS[name](random.Random(3))
    assert run(scenario, 3).digest() == run(scenario, 3).digest()


def test_the_book_has_at_least_thirty_faults() -> None:
    assert len(FAULTS) >= 30
