"""What the server's books must say after a call that was struck, besides what holds after every call.

Its counters, its trunks, the telephones that it has dialled, and the records of call and turns: all tell the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.sim.strikes.mortal import Fates
from tests.sim.trace import Trace
from tests.sim.world import World


def disagreements(world: World, fates: Fates, trace: Trace) -> Iterator[str]:
    yield from _of_the_house(world, trace)
    yield from _of_those_who_were_dialled(fates)
    for name in trace.calls():
        yield from _of_the_call(name, trace)


def _of_the_house(world: World, trace: Trace) -> Iterator[str]:
    """Every call that was taken has ended once, and its trunk has its place again."""
    counts = world.server.counters.snapshot()
    taken, ended = counts.get("calls", {}).get("taken", 0), counts.get("calls_ended", {})
    recorded = Counter(
        str(record["ending"]) for _, record in trace.of("call") if record["ending"] != "refused"
    )
    if taken != sum(ended.values()) or ended != recorded:
        yield f"{taken} calls were taken; counted as ended: {dict(ended)}; recorded: {dict(recorded)}"
    assert world.server._reception is not None
    inside = {name: count for name, count in world.server._reception._house.gates._inside.items() if count}
    if inside:
        yield f"trunks that still count calls as theirs: {inside}"


def _of_those_who_were_dialled(fates: Fates) -> Iterator[str]:
    for phone in fates.phones:
        for talk in phone.talks.values():
            if not talk.ended:
                yield f"{phone.user} was never told the end"


def _of_the_call(name: str, trace: Trace) -> Iterator[str]:
    """What was begun is over, and the call's own figures are the sum of its turns'."""
    timeline = trace.timeline(name)
    told = Counter(str(entry["event"]) for entry in timeline)
    if told["secure_began"] != told["secure_ended"]:
        yield f"{told['secure_began']} secrets began, and {told['secure_ended']} ended"
    promoted = {entry["turn"] for entry in timeline if entry["event"] == "promoted"}
    turns = [turn for owner, turn in trace.of("turn") if owner == name]
    meant = sum(not turn["ahead"] or turn["number"] in promoted for turn in turns)
    for owner, call in trace.of("call"):
        if owner == name and call["turns"] != meant:
            yield f"the call counts {call['turns']} turns, and has {meant}"
