"""The judge of the books is judged: a good call has no disagreements, and each way of cooking them is told."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from tests.sim.scenario import Scenario
from tests.sim.strikes.books import disagreements
from tests.sim.strikes.calls import joined
from tests.sim.strikes.mortal import Fates
from tests.sim.trace import Trace
from tests.sim.world import World, run


@cache
def good() -> tuple[World, Fates, Trace]:
    """A call that is joined with somebody, twice."""
    worlds: list[World] = []
    fates = Fates()
    call: Scenario = joined(fates)
    stage = call.stage
    assert stage is not None

    def seen(world: World) -> None:
        worlds.append(world)
        stage(world)

    trace = run(replace(call, stage=seen, uplink="clean", downlink="clean"), 1)
    return worlds[0], fates, trace


def told(trace: Trace) -> str:
    world, fates, _ = good()
    return "\n".join(disagreements(world, fates, trace))


def test_a_good_call_has_no_disagreements() -> None:
    assert told(good()[2]) == ""


@pytest.mark.parametrize(
    ("changes", "problem"),
    [({"turns": 7}, "the call counts 7 turns"), ({"ending": "silence"}, "counted as ended")],
)
def test_a_record_that_says_otherwise_is_noticed(changes: dict[str, object], problem: str) -> None:
    _, _, trace = good()
    records = [
        each._replace(record={**each.record, **changes}) if each.kind == "call" else each
        for each in trace.records
    ]
    assert problem in told(replace(trace, records=records))


def test_a_secret_without_an_end_is_noticed() -> None:
    _, _, trace = good()
    began = trace.records[0]._replace(record={"event": "secure_began", "ms": 1.0})
    assert "1 secrets began" in told(replace(trace, records=[*trace.records, began]))


def test_somebody_who_was_dialled_and_waits_for_ever_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    _, fates, trace = good()
    (bob,) = fates.phones
    monkeypatch.setattr(next(iter(bob.talks.values())), "ended", "")
    assert "bob was never told the end" in told(trace)
