"""One call with all of it, struck at its checkpoints: at whichever await, nothing is left and all holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.sim.faults.reference import reference
from tests.sim.faults.strikes import (
    Deed,
    caller_hangs_up,
    checkpoints_of,
    house_drains,
    operator_hangs_up,
    violations_at,
)
from tests.sim.sweep import judge

SEED = 1
DEEDS = {"hang_up": caller_hangs_up, "operator": operator_hangs_up, "drain": house_drains}


CHECKPOINTS, STEPS = 550, 170  # a little less than the call has, and than its turn has


def spread(steps: int, count: int) -> list[int]:
    """So many of them, from the first to the last, closer together at the beginning, where a call is built."""
    return sorted({1 + round((steps - 1) * (k / (count - 1)) ** 1.5) for k in range(count)})


def test_the_reference_has_all_of_it() -> None:
    assert checkpoints_of(reference(), SEED) > CHECKPOINTS


@pytest.mark.parametrize("name", DEEDS)
def test_a_call_that_is_struck_at_some_checkpoint_leaves_nothing(name: str) -> None:
    assert violations_at(reference(), SEED, DEEDS[name], spread(CHECKPOINTS, 5)) == []


@pytest.mark.parametrize("nth", spread(STEPS, 8))
def test_a_turn_that_is_cancelled_at_some_checkpoint_leaves_nothing(nth: int) -> None:
    outcome = judge(replace(reference(), cancel_at=nth), SEED)
    assert outcome.injected
    assert not outcome.violations, f"checkpoint {nth}: {outcome.violations}"


@pytest.mark.nightly
@pytest.mark.parametrize("name", DEEDS)
def test_a_call_can_be_struck_at_every_checkpoint(name: str) -> None:
    deed: Deed = DEEDS[name]
    steps = checkpoints_of(reference(), SEED)
    assert violations_at(reference(), SEED, deed, range(1, steps + 1)) == []


@pytest.mark.nightly
def test_each_turn_of_it_can_be_cancelled_at_every_checkpoint() -> None:
    steps = judge(reference(), SEED).turn_steps
    for nth in range(1, steps + 1):
        outcome = judge(replace(reference(), cancel_at=nth), SEED)
        assert not outcome.violations, f"checkpoint {nth}: {outcome.violations}"
