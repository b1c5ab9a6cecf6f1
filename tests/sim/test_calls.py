"""Whole calls in virtual time: every scenario keeps every invariant, and does what it is there for."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.sim.catalogue import ROUGH_PATHS, draw
from tests.sim.scenario import Scenario
from tests.sim.scenarios import SCENARIOS
from tests.sim.sweep import judge, run_seed
from tests.sim.world import run

SEEDS = (1, 2)


def scenario_of(name: str, seed: int) -> Scenario:
    draws, _ = SCENARIOS[name]
    return draws(random.Random(seed))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_keeps_every_invariant_and_its_promise(name: str, seed: int) -> None:
    outcome = judge(scenario_of(name, seed), seed)
    assert not outcome.violations, f"seed {seed}: {outcome.violations}"


@pytest.mark.parametrize("path", ROUGH_PATHS)
def test_an_interruption_over_a_bad_path_keeps_every_invariant(path: str) -> None:
    outcome = judge(replace(scenario_of("interruption", 3), uplink=path, downlink=path, expects=()), 3)
    assert not outcome.violations, outcome.violations


@pytest.mark.parametrize("seed", range(100, 112))
def test_a_seed_keeps_every_invariant(seed: int) -> None:
    outcome = run_seed(seed)
    assert not outcome.violations, f"seed {seed}, {outcome.scenario}: {outcome.violations}"


@pytest.mark.parametrize("name", ["interruption", "tool", "rubbish_and_keys"])
def test_the_same_seed_gives_the_same_run_byte_for_byte(name: str) -> None:
    scenario = replace(scenario_of(name, 5), uplink="wifi", downlink="mobile", skew_ppm=70.0)
    assert run(scenario, 5).digest() == run(scenario, 5).digest()


def test_another_seed_is_another_run() -> None:
    scenario = scenario_of("interruption", 5)
    assert run(scenario, 5).digest() != run(scenario, 6).digest()


@pytest.mark.parametrize("checkpoint", [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233])
def test_a_turn_cancelled_at_some_checkpoint_leaves_nothing(checkpoint: int) -> None:
    outcome = judge(replace(scenario_of("tool", 4), cancel_at=checkpoint, expects=()), 4)
    assert outcome.injected
    assert not outcome.violations, f"checkpoint {checkpoint}: {outcome.violations}"


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["interruption", "tool", "provider_fault"])
def test_a_turn_can_be_cancelled_at_every_checkpoint(name: str) -> None:
    scenario = replace(scenario_of(name, 1), expects=())
    steps = judge(scenario, 1).turn_steps
    assert steps > 100
    for checkpoint in range(1, steps + 1):
        outcome = judge(replace(scenario, cancel_at=checkpoint), 1)
        assert not outcome.violations, f"checkpoint {checkpoint}: {outcome.violations}"


def test_a_turn_that_is_over_with_its_call_can_be_cancelled_without_effect() -> None:
    scenario = replace(scenario_of("interruption", 1), expects=())
    last_step = judge(scenario, 1).turn_steps
    assert judge(replace(scenario, cancel_at=last_step), 1).violations == ()


def test_drawing_a_scenario_is_repeatable() -> None:
    assert [repr(draw(seed).script) for seed in range(50)] == [repr(draw(seed).script) for seed in range(50)]
