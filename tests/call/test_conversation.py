"""Whole calls with a scripted agent: what is said, what is heard, what is written down."""

from __future__ import annotations

import pytest

from tests.call.conversing import LONG, converse

HELLO = f"""
greeting = "Good day to you."
[[hears]]
text = "What do you do all day?"
[[reply]]
text = "{LONG}"
"""


async def test_a_question_is_answered_and_recorded(autojump_clock: object) -> None:
    call = await converse(HELLO, [(4.0, 5.2)], hang_up_at=40)
    greeting, reply, *_ = call.turns
    assert (greeting["kind"], greeting["heard"]) == ("greeting", "Good day to you.")
    assert greeting["ending"] == "completed"
    assert reply["asked"] == "What do you do all day?"
    assert reply["heard"].split() == LONG.split()
    assert call.record.ending == "caller_hung_up"


@pytest.mark.parametrize("after_ms", range(100, 3000, 100))
async def test_an_interruption_at_any_time_leaves_only_what_was_heard(
    autojump_clock: object, after_ms: int
) -> None:
    start = 6.0 + after_ms / 1000
    call = await converse(HELLO, [(4.0, 5.2), (start, start + 1.5)], hang_up_at=12)
    reply = call.turns[1]
    assert reply["ending"] in {"user_barge_in", "replaced"}
    assert len(reply["heard"]) < len(reply["said"]) or not reply["said"]
    sent = [sent.at for sent in call.stream.sent if sent.generation == 2]
    assert not sent or max(sent) <= start + 0.06, "the voice went on after the onset"
