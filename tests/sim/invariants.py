"""What must hold after every call, whatever happened in it.

Each invariant is a function from the trace to the sentences that say how it was broken. They trust the wire first:
where the server's own account (timeline, turn records) and the packets disagree, that is itself a violation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

from mediasrv.conversation.history import malformed
from tests.sim.deterministic import BEGINNING_NS
from tests.sim.network import Wired
from tests.sim.trace import Trace, audible

MS = 1_000_000
PTIME_NS = 20 * MS
TICK_NS = PTIME_NS  # what was cancelled may still be in the tick that is being sent
KEYS = 101  # the payload type of our telephones' keys: all packets of one have its time stamp (RFC 4733)
ROUNDING_NS = 1_000  # the timeline's milliseconds have three decimals
DECISIONS = {"confirm", "reject", "cancelled", "turn_ended", "call_ended"}
HOLD_LIMIT_MS = 700 + 60  # the table's limit, a tick, and the engine's next slot

Invariant = Callable[[Trace], Iterator[str]]


def nothing_is_left(trace: Trace) -> Iterator[str]:
    """No task, stream, port, dialog or transaction outlives its call."""
    for kind, things in trace.leftovers.items():
        if things:
            yield f"left behind: {len(things)} {kind}: {', '.join(things[:5])}"
    for caller in trace.callers:
        if caller.leftovers:
            yield f"the caller {caller.host} still has {dict(caller.leftovers)}: it was never told the end"


def nothing_was_logged_as_an_error(trace: Trace) -> Iterator[str]:
    yield from (f"logged: {line}" for line in trace.logs)


def packets_keep_their_cadence(trace: Trace) -> Iterator[str]:
    """A packet every 20 ms, the next sequence number, the next time stamp; from the first to the last."""
    streams: dict[tuple[int, bytes], list[Wired]] = {}
    for (source, _), packets in trace.server_rtp().items():
        for wired in packets:
            streams.setdefault((source[1], wired.data[8:12]), []).append(wired)
    for (port, _), packets in streams.items():
        packets.sort(key=lambda wired: wired.sent_ns)
        for early, late in pairwise(packets):
            gap_ns = late.sent_ns - early.sent_ns
            if gap_ns != PTIME_NS:
                yield f"port {port}: {gap_ns / MS:g} ms between two packets at {ms(trace, late.sent_ns)}"
            if (_u16(late, 2) - _u16(early, 2)) & 0xFFFF != 1:
                yield f"port {port}: sequence {_u16(early, 2)} then {_u16(late, 2)} at {ms(trace, late.sent_ns)}"
        for early, late in pairwise([wired for wired in packets if wired.data[1] & 0x7F != KEYS]):
            steps = (_u16(late, 2) - _u16(early, 2)) & 0xFFFF
            if (_u32(late, 4) - _u32(early, 4) - 160 * steps) & 0xFFFFFFFF:
                yield f"port {port}: time stamp {_u32(early, 4)} then {_u32(late, 4)} at {ms(trace, late.sent_ns)}"


def each_call_and_turn_is_recorded_once(trace: Trace) -> Iterator[str]:
    records = Counter(call for call, _ in trace.of("call"))
    for call in trace.calls():
        if records[call] != 1:
            yield f"call {call} has {records[call]} records"
        turns = Counter(str(record["number"]) for owner, record in trace.of("turn") if owner == call)
        yield from (f"turn {turn} has {count} records" for turn, count in turns.items() if count != 1)
        started = {str(entry["turn"]) for entry in trace.timeline(call) if entry["event"] == "turn_started"}
        if started != set(turns):
            yield f"turns started and turns recorded differ: {sorted(started ^ set(turns))}"


def nothing_unheard_is_remembered(trace: Trace) -> Iterator[str]:
    """What a turn's record says was heard is the beginning of what was said: all of it, if it was completed."""
    for _, turn in trace.of("turn"):
        said, heard = words(turn["said"]), words(turn["heard"])
        if said[: len(heard)] != heard:
            yield f"turn {turn['turn']}: heard {turn['heard']!r} is not how {turn['said']!r} begins"
        if turn["ending"] == "completed" and heard != said:
            yield f"turn {turn['turn']}: completed, but only {turn['heard']!r} of {turn['said']!r} was heard"


def a_dead_turn_is_silent(trace: Trace) -> Iterator[str]:
    """Nothing audible leaves after the tick in which a turn was cancelled, until a later turn has a voice."""
    for call in trace.calls():
        entries = [(trace.at_ns(call, entry), entry) for entry in trace.timeline(call)]
        voiced = ("first_sound", "masked")
        sounds = [(at_ns, entry["turn"]) for at_ns, entry in entries if entry["event"] in voiced]
        last_words = [at_ns for at_ns, entry in entries if entry["event"] == "apologising"]
        tones = {entry["turn"] for _, entry in entries if entry["event"] == "masked" and not entry["text"]}
        packets = [wired for wired in trace.packets_of(call) if audible(wired)]
        for at_ns, entry in entries:
            of_tone = (
                entry["event"] == "turn_ended" and entry["turn"] in tones and entry["ending"] != "completed"
            )
            if entry["event"] == "cancelled" or of_tone:
                from_ns = (
                    at_ns + TICK_NS + ROUNDING_NS
                )  # a tone fades within that tick, and nobody waits for it
            elif entry["event"] == "turn_ended" and entry["ending"] != "completed":
                from_ns = at_ns + ROUNDING_NS  # the engine has acknowledged the flush
            else:
                continue
            later = [at for at, turn in sounds if at >= at_ns and turn != entry["turn"]]
            until_ns = min([*later, *last_words], default=trace.ended_ns)
            for wired in packets:
                if from_ns < wired.sent_ns < until_ns - ROUNDING_NS:
                    late_ms = (wired.sent_ns - at_ns) / MS
                    yield f"turn {entry['turn']}: sound {late_ms:g} ms after {entry['event']}, at {ms(trace, at_ns)}"
                    break


def holds_are_decided(trace: Trace) -> Iterator[str]:
    """Each hold is confirmed or rejected, or its turn ends, within the limit."""
    for call in trace.calls():
        held_at: float | None = None
        for entry in trace.timeline(call):
            at_ms, event = float(str(entry["ms"])), entry["event"]
            if event == "hold":
                held_at = at_ms
            elif event in DECISIONS and held_at is not None:
                if at_ms - held_at > HOLD_LIMIT_MS:
                    yield f"call {call}: held for {at_ms - held_at:g} ms before {event}"
                held_at = None
        if held_at is not None:
            yield f"call {call}: a hold at {held_at:g} ms was never decided"


def histories_are_well_formed(trace: Trace) -> Iterator[str]:
    """Every tool call has its one result, and nothing is remembered that no turn says was heard."""
    heard = {str(turn["heard"]) for _, turn in trace.of("turn")}
    for messages in trace.histories:
        yield from malformed(messages)
        for message in messages:
            if message.role == "assistant" and message.text and message.text not in heard:
                yield f"the history has the agent say what no turn's record has: {message.text!r}"


def tools_have_results(trace: Trace) -> Iterator[str]:
    for _, turn in trace.of("turn"):
        tools = turn["tools"]
        assert isinstance(tools, list)
        for tool in tools:
            whole = turn["ending"] == "completed" or (
                turn["ending"] == "error" and turn["heard"] == turn["said"]
            )
            waits_for_commit = tool["outcome"] == "prepared" and whole  # another voice may have said the rest
            unsettled = tool["outcome"] in {"", "pending", "prepared"} and tool["on_cancel"] != "shield"
            if unsettled and not waits_for_commit:
                yield f"turn {turn['turn']}: tool {tool['name']} was left {tool['outcome'] or 'without an outcome'}"


def each_tool_ends_once(trace: Trace) -> Iterator[str]:
    """Whatever its policy: what was begun is done, has failed, was cancelled or withdrawn, and is told once."""
    for call in trace.calls():
        told = Counter(
            (str(entry["id"]), str(entry["event"])) for entry in trace.timeline(call) if "tool" in entry
        )
        for tool in {tool for tool, _ in told}:
            began, ended = told[tool, "tool"], told[tool, "tool_ended"]
            if began != ended:
                yield f"call {call}: tool {tool} began {began} times and ended {ended} times"


INVARIANTS: tuple[Invariant, ...] = (
    nothing_is_left,
    nothing_was_logged_as_an_error,
    packets_keep_their_cadence,
    each_call_and_turn_is_recorded_once,
    nothing_unheard_is_remembered,
    a_dead_turn_is_silent,
    holds_are_decided,
    histories_are_well_formed,
    tools_have_results,
    each_tool_ends_once,
)


def violations(trace: Trace) -> list[str]:
    """All that was broken, in the order of the invariants."""
    return [sentence for invariant in INVARIANTS for sentence in invariant(trace)]


def words(text: object) -> list[str]:
    return str(text).split()


def ms(trace: Trace, at_ns: int) -> str:
    return f"{(at_ns - BEGINNING_NS) / MS:.3f} ms"


def _u16(wired: Wired, at: int) -> int:
    return int.from_bytes(wired.data[at : at + 2], "big")


def _u32(wired: Wired, at: int) -> int:
    return int.from_bytes(wired.data[at : at + 4], "big")
