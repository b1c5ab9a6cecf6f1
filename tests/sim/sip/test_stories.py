"""Every story ends as it should and leaves nothing, over a few of the paths that it may happen over."""

from __future__ import annotations

import pytest

from tests.sim.sip.stories import STORIES
from tests.sim.sip.telling import tell

SEEDS = (0, 1)


@pytest.mark.parametrize("name", STORIES)
def test_a_story_ends_well_and_leaves_nothing(name: str) -> None:
    takes_minutes = STORIES[name].tell.__module__.endswith("timers")
    for seed in SEEDS[:1] if takes_minutes else SEEDS:
        outcome = tell(name, seed)
        assert not outcome.violations, f"seed {seed}, {outcome.paths}: {outcome.violations}"


@pytest.mark.parametrize(
    "name",
    [
        "a_call_is_taken_and_hung_up",
        "a_caller_who_tries_in_vain_comes_back",
        "thirty_callers_change_their_minds",
        "three_telephones_answer_one_call",
    ],
)
def test_the_same_seed_is_the_same_run_byte_for_byte_and_another_one_is_not(name: str) -> None:
    first, again, other = (tell(name, seed).digest for seed in (7, 7, 8))
    assert first == again != other
