"""One seed, judged: what the command line and the tests both run."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.sim.catalogue import draw
from tests.sim.invariants import violations
from tests.sim.scenario import Scenario
from tests.sim.trace import Trace
from tests.sim.witness import describe
from tests.sim.world import run


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is kept of a run when many are made."""

    seed: int
    scenario: str
    digest: str
    violations: tuple[str, ...]
    cpu_s: float
    ending: str = "raised"
    interruptions: int = 0
    turn_steps: int = 0
    injected: bool = False
    simulated_s: float = 0.0  # of the call itself; the settling after it is not counted


def run_seed(seed: int, name: str = "") -> Outcome:
    """`name`: of the scenario that the seed is told with; empty: the one that it draws."""
    return judge(draw(seed, name), seed)


def judge(scenario: Scenario, seed: int) -> Outcome:
    """A run that raises is a violation like any other: the sweep goes on."""
    began_s = time.process_time()
    try:
        with garbage_kept():
            trace = run(scenario, seed)
    except Exception as error:
        cpu_s = time.process_time() - began_s
        return Outcome(seed, scenario.name, digest="", violations=(f"raised {describe(error)}",), cpu_s=cpu_s)
    cpu_s = time.process_time() - began_s
    broken = [*violations(trace), *(sentence for expects in scenario.expects for sentence in expects(trace))]
    turns = [turn for _, turn in trace.of("turn")]
    return Outcome(
        seed=seed,
        scenario=scenario.name,
        digest=trace.digest(),
        violations=tuple(broken),
        ending=ending_of(trace),
        interruptions=sum(turn["ending"] in ("user_barge_in", "replaced") for turn in turns),
        turn_steps=trace.turn_steps,
        injected=trace.injected,
        simulated_s=trace.call_s,
        cpu_s=cpu_s,
    )


@contextmanager
def garbage_kept() -> Iterator[None]:
    """What a run leaves is collected when it is over, once: at moments in between, it took a twelfth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect(0)  # all that is new; what stays of it is looked at as it always is


def ending_of(trace: Trace) -> str:
    records = [str(record["ending"]) for _, record in trace.of("call")]
    return ", ".join(records) or trace.callers[0].ending
