"""The book of faults: every scenario by its name, as a function of a random source like any other."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.sim.scenario import Expectation, Scenario, Staging

FAULTS: dict[str, Callable[[random.Random], Scenario]] = {}


def enter(
    name: str,
    stage: Staging,
    *expects: Expectation,
    agent_script: str = "",
    logs: tuple[str, ...] = (),
    media_timeout_ms: int = 20_000,
    **settings: str,
) -> None:
    """`settings`: as in `calls__max_length_s="5"`."""
    assert name not in FAULTS, name
    keys = {key.replace("__", "."): value for key, value in settings.items()}

    def draw(source: random.Random) -> Scenario:
        return Scenario(
            name, (), agent_script=agent_script, media_timeout_ms=media_timeout_ms, settings=keys, stage=stage,
            expected_logs=logs, expects=expects,
        )  # fmt: skip

    FAULTS[name] = draw
