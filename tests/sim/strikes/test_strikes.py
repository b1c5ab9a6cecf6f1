"""Calls that are struck at their checkpoints: at whichever await, by whatever, nothing is left and all holds."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.sim.scenario import Scenario
from tests.sim.strikes.calls import joined
from tests.sim.strikes.mortal import Fates
from tests.sim.strikes.strike import Strike, strike
from tests.sim.strikes.sweep import CALLS_AND_DEEDS, every
from tests.sim.strikes.talking import talking
from tests.sim.trace import Trace
from tests.sim.world import run

SEED = 20261121
WHOLE = ("talking", "joined")  # every deed always; of the other calls every third, and the rest at night
ALWAYS = [pair for number, pair in enumerate(CALLS_AND_DEEDS) if pair[0] in WHOLE or number % 3 == 0]
CHECKPOINTS = {  # a few less than each call has
    "talking": 850,
    "talking_without_a_spare_voice": 850,
    "ringing": 300,
    "joined": 160,
    "apologising": 110,
    "drained": 80,
}


def drawn(call: str, deed: str) -> Strike:
    """Closer together at the beginning, where a call is built."""
    source = random.Random(f"{SEED}/{call}/{deed}")
    return Strike(call, deed, 1 + int(CHECKPOINTS[call] * source.random() ** 2))


@pytest.mark.parametrize(("call", "deed"), ALWAYS)
def test_a_call_that_is_struck_at_some_checkpoint_leaves_nothing(call: str, deed: str) -> None:
    outcome = strike(drawn(call, deed))
    assert not outcome.violations, outcome


def undisturbed(scenario: Scenario) -> Trace:
    return run(replace(scenario, uplink="clean", downlink="clean"), 1)


def events(trace: Trace) -> list[str]:
    return [str(entry["event"]) for _, entry in trace.of("timeline")]


def test_the_talk_that_is_struck_has_all_of_it() -> None:
    trace = undisturbed(talking(Fates()))
    turns = [turn for _, turn in trace.of("turn")]
    endings = [str(turn["ending"]) for turn in turns]
    assert turns[0]["kind"] == "greeting"
    assert endings.count("speculated") >= 1
    assert endings.count("user_barge_in") == 2
    told = events(trace)
    assert "promoted" in told
    assert {"hold", "secure_began", "secure_ended"} <= set(told)
    lines = [str(entry["text"]) for _, entry in trace.of("timeline") if entry["event"] == "masked"]
    assert lines[-1] == ""  # the tone, after a line
    assert lines[0] != ""
    tools = {
        entry["tool"]: entry["outcome"] for _, entry in trace.of("timeline") if entry["event"] == "tool_ended"
    }
    assert tools == {"look": "done", "promise": "withdrawn", "act": "done", "leave": "done"}
    (call,) = [record for _, record in trace.of("call")]
    assert call["ending"] == "agent_hung_up"
    assert turns[-1]["heard"] == "Thank you. Good-bye!"


def test_the_call_that_is_joined_has_all_of_it() -> None:
    trace = undisturbed(joined(Fates()))
    told = events(trace)
    assert told.count("bridged") == 2
    assert "not_transferred" in told
    ends = [entry["why"] for _, entry in trace.of("timeline") if entry["event"] == "bridge_ended"]
    assert ends == ["hung_up", "taken_back"]
    assert trace.callers[0].ending == "bye"


def test_a_strike_is_the_same_every_time() -> None:
    which = Strike("ringing", "voice_falters", 40)
    assert strike(which) == strike(which)


def test_a_strike_at_a_checkpoint_that_there_is_not_is_told() -> None:
    outcome = strike(Strike("ringing", "operator_hangs_up", 10_000))
    assert [violation for violation in outcome.violations if "checkpoints" in violation]


def test_a_sweep_goes_over_all_checkpoints() -> None:
    numbers = [which.nth for which in every([("ringing", "operator_hangs_up")])]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > CHECKPOINTS["ringing"]
    some = [which.nth for which in every([("ringing", "operator_hangs_up")], first=3, stride=50)]
    assert some == numbers[2::50]
