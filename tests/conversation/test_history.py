from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.conversation.history import PENDING, History, malformed
from mediasrv.errors import LocalError
from mediasrv.providers.protocols import Message, ToolCall

CALL = ToolCall("c1", "look_up", {})


def test_a_turn_leaves_the_question_and_what_was_heard() -> None:
    history = History("be kind")
    history.open(1, "hello")
    history.settle(1, "Good", interrupted=True)
    assert history.messages() == [
        Message("system", "be kind"),
        Message("user", "hello"),
        Message("assistant", "Good", interrupted=True),
    ]


def test_a_tool_call_has_a_result_before_there_is_one() -> None:
    history = History()
    history.open(1, "is it free")
    history.called(1, "One moment.", [CALL])
    assert malformed(history.messages()) == []
    assert history.messages()[-1].text == PENDING
    assert history.resolve("c1", "yes")
    assert history.messages()[-1] == Message("tool", "yes", tool_call_id="c1")


def test_a_late_result_reaches_a_turn_that_is_over() -> None:
    history = History()
    history.open(1, "book it")
    history.called(1, "", [CALL])
    history.settle(1, "", interrupted=True)
    history.open(2, "and then")
    assert history.resolve("c1", "booked")
    assert [m.text for m in history.messages() if m.role == "tool"] == ["booked"]
    assert malformed(history.messages()) == []


def test_words_written_beside_a_tool_call_are_not_told_twice() -> None:
    history = History()
    history.open(1, "is it free")
    history.called(1, "One moment.", [CALL])
    history.settle(1, "One moment. Yes.", interrupted=False)
    assert [m.text for m in history.messages() if m.role == "assistant"] == ["", "One moment. Yes."]


def test_a_turn_that_was_neither_heard_nor_acted_can_be_taken_back() -> None:
    history = History()
    history.open(1, "a table")
    assert history.drop(1)
    assert history.messages() == []
    history.open(2, "a table for four")
    history.called(2, "", [CALL])
    assert not history.drop(2)


def test_turns_open_in_order() -> None:
    history = History()
    history.open(2, "a")
    with pytest.raises(LocalError):
        history.open(2, "b")
    with pytest.raises(LocalError):
        history.settle(5, "", interrupted=False)


@given(st.lists(st.sampled_from(["open", "call", "resolve", "settle", "drop"]), max_size=40))
def test_the_history_is_well_formed_whatever_happens(steps: list[str]) -> None:
    history, turn, calls, running = History(), 0, 0, False
    for do in steps:
        if do == "open" and not running:
            turn, running = turn + 1, True
            history.open(turn, f"question {turn}")
        elif do == "call" and running:
            calls += 1
            history.called(turn, "", [ToolCall(f"c{calls}", "t", {}), ToolCall(f"d{calls}", "t", {})])
        elif do == "resolve" and calls:
            history.resolve(f"c{calls}", "done")
        elif do == "settle" and running:
            history.settle(turn, "heard", interrupted=True)
            running = False
        elif do == "drop" and running and history.drop(turn):
            running = False
        assert malformed(history.messages()) == []


def test_calls_whose_model_numbers_them_badly_are_told_apart() -> None:
    history = History()
    history.open(1, "book it")
    first = history.called(1, "", [CALL, CALL, ToolCall("", "look_up", {})])
    history.settle(1, "Yes.", interrupted=False)
    history.open(2, "and another")
    second = history.called(2, "", [CALL])
    ids = [call.id for call in (*first, *second)]
    assert ids[0] == "c1"
    assert all(ids)
    assert len(set(ids)) == 4
    assert malformed(history.messages()) == []
    history.resolve(first[0].id, "late")
    assert [m.text for m in history.messages() if m.role == "tool"] == ["late", PENDING, PENDING, PENDING]
