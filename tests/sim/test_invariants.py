"""The judge is judged: a good trace has no violations, and each way of breaking it is told."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import pytest

from mediasrv.providers.protocols import Message, ToolCall
from tests.sim import g711
from tests.sim.invariants import MS, violations
from tests.sim.network import Wired
from tests.sim.scenarios import SCENARIOS
from tests.sim.trace import Trace, is_rtp
from tests.sim.witness import Witnessed
from tests.sim.world import SERVER, run


@cache
def good() -> Trace:
    draw, _ = SCENARIOS["interruption"]
    return run(draw(random.Random(1)), 1)


def broken(trace: Trace) -> str:
    return "\n".join(violations(trace))


def with_record(kind: str, changes: Mapping[str, object]) -> Trace:
    """The good trace, its last record of this kind changed."""
    records = list(good().records)
    last = max(k for k, witnessed in enumerate(records) if witnessed.kind == kind)
    records[last] = records[last]._replace(record={**records[last].record, **changes})
    return replace(good(), records=records)


def server_packet(number: int) -> int:
    """Where the nth RTP packet of the server stands on the wire."""
    ours = [k for k, wired in enumerate(good().wire) if wired.source[0] == SERVER[0] and is_rtp(wired.data)]
    return ours[number]


def cancelled() -> Witnessed:
    return next(w for w in good().records if w.kind == "timeline" and w.record["event"] == "cancelled")


def test_a_good_run_has_no_violations() -> None:
    assert violations(good()) == []


def test_a_packet_that_was_not_sent_is_noticed() -> None:
    wire = list(good().wire)
    del wire[server_packet(40)]
    assert "40 ms between two packets" in broken(replace(good(), wire=wire))


def test_sound_of_a_dead_turn_is_noticed() -> None:
    loud = g711.encode(b"\x00\x20" * 160)
    wire = list(good().wire)
    for k, wired in enumerate(wire):
        if (
            wired.source[0] == SERVER[0]
            and is_rtp(wired.data)
            and wired.sent_ns > cancelled().at_ns + 45 * MS
        ):
            wire[k] = Wired(*wired[:3], wired.data[:12] + loud, wired.arrives_ns)
            break
    assert "after cancelled" in broken(replace(good(), wire=wire))


@pytest.mark.parametrize("kind", ["turn", "call"])
def test_a_record_that_is_missing_or_written_twice_is_noticed(kind: str) -> None:
    records = list(good().records)
    last = max(k for k, witnessed in enumerate(records) if witnessed.kind == kind)
    assert broken(replace(good(), records=records[:last] + records[last + 1 :]))
    assert "2 records" in broken(replace(good(), records=[*records, records[last]]))


def test_words_that_nobody_heard_are_noticed() -> None:
    assert "is not how" in broken(with_record("turn", {"heard": "something else entirely"}))


def test_a_hold_that_nobody_decided_is_noticed() -> None:
    first = good().records[0]
    hold = first._replace(record={"event": "hold", "ms": 1e6, "turn": 1})
    assert "never decided" in broken(replace(good(), records=[*good().records, hold]))


def test_a_tool_call_without_a_result_is_noticed() -> None:
    asked = Message("assistant", "", tool_calls=(ToolCall("call-9", "work", {}),))
    assert "call without a result" in broken(replace(good(), histories=[[asked]]))


def test_a_tool_that_never_ends_or_ends_twice_is_noticed() -> None:
    first = good().records[0]
    began = first._replace(record={"event": "tool", "ms": 1.0, "turn": 1, "tool": "work", "id": "call-9"})
    ended = first._replace(record={**began.record, "event": "tool_ended"})
    for more in ([began], [began, ended, ended]):
        assert "tool call-9 began 1 times" in broken(replace(good(), records=[*good().records, *more]))
    assert not broken(replace(good(), records=[*good().records, began, ended]))


def test_a_time_stamp_that_jumps_is_noticed_unless_it_is_a_keys() -> None:
    at = server_packet(40)
    wired = good().wire[at]
    for payload_type, is_broken in ((0, True), (101, False)):
        wire = list(good().wire)
        data = wired.data[:1] + bytes([payload_type]) + wired.data[2:4] + bytes(4) + wired.data[8:]
        wire[at] = Wired(*wired[:3], data, wired.arrives_ns)
        assert ("time stamp" in broken(replace(good(), wire=wire))) == is_broken


def test_a_history_with_unheard_words_is_noticed() -> None:
    said = Message("assistant", "what nobody heard")
    assert "no turn's record has" in broken(replace(good(), histories=[[said]]))


def test_what_is_left_behind_and_what_is_logged_is_noticed() -> None:
    told = broken(replace(good(), leftovers={"tasks": ["mediasrv.call.turn.Turn.run"]}, logs=["ERROR x: y"]))
    assert "left behind: 1 tasks" in told
    assert "logged: ERROR" in told
