"""What must come of a fault: that it was told, that the call went on, that nobody else noticed."""

from __future__ import annotations

from collections.abc import Iterator

from mediasrv.call.settings import Failures
from tests.sim.scenario import Expectation
from tests.sim.trace import Record, Trace

APOLOGY = Failures().apology


def replies(trace: Trace) -> list[Record]:
    return [
        turn for _, turn in trace.of("turn") if turn["kind"] == "reply" and turn["ending"] != "speculated"
    ]


def apologised(trace: Trace) -> Iterator[str]:
    """The caller heard the apology, whole."""
    if not any(str(turn["heard"]).endswith(APOLOGY) for turn in replies(trace)):
        yield "nobody apologised"


def never_apologised(trace: Trace) -> Iterator[str]:
    if any(APOLOGY in str(turn["said"]) for _, turn in trace.of("turn")):
        yield "there was an apology for what nobody had noticed"


def answered_after_all(trace: Trace) -> Iterator[str]:
    """The last question was answered to the end."""
    last = replies(trace)[-1:]
    if (
        not last
        or not last[0]["heard"]
        or last[0]["heard"] != last[0]["said"]
        or APOLOGY in str(last[0]["said"])
    ):
        yield f"the last question was not answered: {[(t['ending'], t['heard']) for t in last]}"


def said_in_all(text: str) -> Expectation:
    """One turn was heard saying exactly this."""

    def check(trace: Trace) -> Iterator[str]:
        heard = [str(turn["heard"]) for _, turn in trace.of("turn")]
        if text not in heard:
            yield f"nobody heard {text!r}, but {heard}"

    return check


def noted(event: str, **fields: object) -> Expectation:
    """The timeline tells of it."""

    def check(trace: Trace) -> Iterator[str]:
        entries = [entry for _, entry in trace.of("timeline") if entry["event"] == event]
        if not any(fields.items() <= entry.items() for entry in entries):
            yield f"no {event} with {fields} in the timeline, but {entries}"

    return check


def never_noted(event: str) -> Expectation:
    def check(trace: Trace) -> Iterator[str]:
        entries = [entry for _, entry in trace.of("timeline") if entry["event"] == event]
        if entries:
            yield f"the timeline has {entries}"

    return check


def asked(*texts: str) -> Expectation:
    """What the caller said, as the turns that answered it have it: nothing lost, nothing twice."""

    def check(trace: Trace) -> Iterator[str]:
        questions = [str(turn["asked"]) for turn in replies(trace)]
        if questions != list(texts):
            yield f"asked were {questions}, not {list(texts)}"

    return check


def understood(*texts: str) -> Expectation:
    """All that the caller said was told to some turn, in one piece."""

    def check(trace: Trace) -> Iterator[str]:
        questions = [str(turn["asked"]) for turn in replies(trace)]
        for text in texts:
            if not any(text in question for question in questions):
                yield f"{text!r} was lost: asked were {questions}"

    return check


def other_calls_ended(*how: str) -> Expectation:
    """Those of the other telephones, in the order in which they were bought."""

    def check(trace: Trace) -> Iterator[str]:
        endings = tuple(caller.ending for caller in trace.callers[1:])
        if endings != how:
            yield f"the other calls ended with {endings}, not {how}"

    return check


def neighbour_answered(trace: Trace) -> Iterator[str]:
    """The second telephone's one question was answered to the end."""
    host = trace.callers[1].host
    calls = [call for call in trace.calls() if {packet.to[0] for packet in trace.packets_of(call)} == {host}]
    turns = [turn for call, turn in trace.of("turn") if call in calls and turn["kind"] == "reply"]
    if [turn["ending"] for turn in turns] != ["completed"]:
        yield f"the neighbour heard {[(turn['ending'], turn['heard']) for turn in turns]}"


def nothing_left_out(trace: Trace) -> Iterator[str]:
    """Every reply that nobody interrupted was heard to its last word."""
    for turn in replies(trace):
        if turn["ending"] != "hangup" and turn["heard"] != str(turn["written"]).strip():
            yield f"turn {turn['turn']}: of {turn['written']!r} only {turn['heard']!r} was heard"
