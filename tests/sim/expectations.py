"""What must come of a particular scenario, on a path where a person would hear the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tests.sim.invariants import MS
from tests.sim.scenario import Expectation
from tests.sim.trace import Trace


def ending(how: str) -> Expectation:
    """How the call ended as the caller saw it: "bye" when the agent hung up, "local" when the caller did."""

    def check(trace: Trace) -> Iterator[str]:
        for caller in trace.callers:
            if caller.ending != how:
                yield f"the caller's call ended with {caller.ending!r}, not {how!r}"

    return check


def call_ended_by(why: str) -> Expectation:
    """How the call ended as its record has it."""

    def check(trace: Trace) -> Iterator[str]:
        for _, record in trace.of("call"):
            if record["ending"] != why:
                yield f"the call's record says {record['ending']!r}, not {why!r}"

    return check


def no_interruption(trace: Trace) -> Iterator[str]:
    for _, turn in trace.of("turn"):
        if turn["ending"] in ("user_barge_in", "replaced"):
            yield f"turn {turn['turn']} was cut off ({turn['ending']}) after {turn['heard']!r}"


def interrupted(trace: Trace) -> Iterator[str]:
    if not any(turn["ending"] in ("user_barge_in", "replaced") for _, turn in trace.of("turn")):
        yield "the caller's words over the reply interrupted nothing"


def voice_stopped_within(limit_ms: float) -> Expectation:
    """From the labelled onset of the last thing the caller said to the agent's last audible packet before a pause."""

    def check(trace: Trace) -> Iterator[str]:
        for caller in trace.callers:
            voiced_ns = caller.spoken[-1].voiced_ns if caller.spoken else 0
            audible_ns = [heard.at_ns for heard in caller.heard if heard.audible]
            before = [at for at in audible_ns if voiced_ns <= at]
            last_ns = voiced_ns
            for at_ns in before:
                if at_ns - last_ns > 200 * MS:
                    break
                last_ns = at_ns
            if last_ns - voiced_ns > limit_ms * MS:
                yield f"the voice went on for {(last_ns - voiced_ns) / MS:g} ms after the caller spoke"

    return check


def never_left_in_silence(limit_ms: float) -> Expectation:
    """From the beginning of a reply's thought to its first sound, as the caller hears it."""

    def check(trace: Trace) -> Iterator[str]:
        audible_ns = [heard.at_ns for caller in trace.callers for heard in caller.heard if heard.audible]
        for call in trace.calls():
            timeline = trace.timeline(call)
            for thought in timeline:
                if thought["event"] != "turn_started" or thought["kind"] != "reply":
                    continue
                sounds = (e for e in timeline if e["event"] == "first_audio" and e["turn"] == thought["turn"])
                began_ns = trace.at_ns(call, thought)
                until_ns = next((trace.at_ns(call, entry) for entry in sounds), began_ns)
                heard_ns = [began_ns, *(at for at in audible_ns if began_ns < at < until_ns), until_ns]
                longest_ms = max(b - a for a, b in pairwise(heard_ns)) / MS
                if longest_ms > limit_ms:
                    yield f"the caller heard nothing for {longest_ms:g} ms while turn {thought['turn']} thought"

    return check


def masked(trace: Trace) -> Iterator[str]:
    if not any(turn["asides"] for _, turn in trace.of("turn")):
        yield "a reply was long in coming, and nothing was said meanwhile"


def promoted(trace: Trace) -> Iterator[str]:
    if not any(turn["ahead"] and turn["ending"] == "completed" for _, turn in trace.of("turn")):
        yield "no reply that was begun ahead was the one that was heard"
