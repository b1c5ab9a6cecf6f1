"""A scenario: who calls, over what, what goes wrong, and what must come of it. All of it is data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.sim.faults import Lose
from tests.sim.script import Cue

if TYPE_CHECKING:
    from tests.sim.trace import Trace
    from tests.sim.world import World

Staging = Callable[["World"], None]
Expectation = Callable[["Trace"], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One caller and the agent it reaches; `expects` is judged besides the invariants."""

    name: str
    script: tuple[Cue, ...]
    agent: str = "scripted"
    agent_script: str = ""  # TOML of the scripted agent; empty: the demonstration that is built in
    uplink: str = "fibre"  # the caller's path to us; names of mediasrv.bench.netem.PROFILES
    downlink: str = "fibre"
    skew_ppm: float = 0.0  # the caller's clock against ours
    losses: tuple[Lose, ...] = ()
    cancel_at: int = 0  # the checkpoint of a turn at which that turn is cancelled; 0: never
    media_timeout_ms: int = 20_000
    settings: Mapping[str, str] = field(default_factory=dict)  # of the server, as in the environment
    stage: Staging | None = None  # what is done to the world before anybody dials
    expected_logs: tuple[str, ...] = ()  # parts of log lines that it is about
    limit_s: float = 180.0
    expects: tuple[Expectation, ...] = field(default=())
