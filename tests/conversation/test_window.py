"""How much of a conversation a model is told: whole exchanges, the newest, in steps; and always the prompt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mediasrv.conversation.history import PENDING, History, malformed
from mediasrv.conversation.window import STEPS, HistoryWindow, estimated_tokens, left_out, still_told
from mediasrv.providers.protocols import Message, ToolCall

PROMPT = "Be kind."
windows = st.builds(HistoryWindow, turns=st.integers(1, 40), tokens=st.integers(200, 4_000))


def talk(history: History, first: int, last: int) -> None:
    for turn in range(first, last + 1):
        history.open(turn, f"question {turn}")
        history.settle(turn, f"answer {turn}", interrupted=False)


def asked(messages: list[Message]) -> list[str]:
    return [message.text for message in messages if message.role == "user"]


def test_what_fits_is_told_whole() -> None:
    history = History(PROMPT, HistoryWindow(turns=8))
    talk(history, 1, 8)
    assert history.messages()[0] == Message("system", PROMPT)
    assert asked(history.messages()) == [f"question {k}" for k in range(1, 9)]


def test_what_does_not_is_left_out_in_steps_and_counted() -> None:
    history = History(PROMPT, HistoryWindow(turns=8))
    talk(history, 1, 9)
    assert asked(history.messages()) == [f"question {k}" for k in range(3, 10)]
    assert history.messages()[0].text == (
        f"{PROMPT}\n\n(What was said first in this call is left out here: 2 exchanges.)"
    )
    beginning = history.messages()[:3]
    talk(history, 10, 10)
    assert history.messages()[:3] == beginning, "what a provider has kept would be read again"


def test_a_call_without_a_prompt_is_told_that_something_is_missing() -> None:
    history = History(window=HistoryWindow(turns=1))
    talk(history, 1, 3)
    assert [message.role for message in history.messages()] == ["system", "user", "assistant"]


def test_an_exchange_that_is_larger_than_the_window_is_told_all_the_same() -> None:
    history = History(PROMPT, HistoryWindow(tokens=200))
    talk(history, 1, 3)
    history.open(4, "long " * 1_000)
    assert asked(history.messages()) == ["long " * 1_000]


def test_who_waits_for_a_tool_learns_its_result_however_long_that_takes() -> None:
    history = History(PROMPT, HistoryWindow(turns=2))
    history.open(1, "book it")
    history.called(1, "", [ToolCall("c1", "book", {})])
    history.settle(1, "I do.", interrupted=False)
    talk(history, 2, 6)
    assert any(message.text == PENDING for message in history.messages())
    assert malformed(history.messages()) == []
    history.resolve("c1", "booked")
    assert asked(history.messages()) == ["question 5", "question 6"]


def test_a_tool_that_never_ends_keeps_its_own_exchange_and_no_other() -> None:
    history = History(PROMPT, HistoryWindow(turns=8))
    talk(history, 1, 1)
    history.open(2, "book it")
    history.called(2, "", [ToolCall("c1", "book", {})])
    history.settle(2, "I do.", interrupted=False)
    for last in range(3, 203):
        talk(history, last, last)
        assert len(asked(history.messages())) <= 8 + 1
    told = history.messages()
    assert asked(told)[:2] == ["book it", "question 195"], "202 less the eight newest, in whole steps of two"
    assert asked(told)[-1] == "question 202"
    assert [message.text for message in told if message.role == "tool"] == [PENDING]
    assert malformed(told) == []
    assert f"{202 - len(asked(told))} exchanges" in told[0].text


def test_of_many_tools_that_never_end_the_newest_are_told_within_a_step_of_the_window() -> None:
    history = History(PROMPT, HistoryWindow(turns=8))
    for turn in range(1, 101):
        history.open(turn, f"question {turn}")
        history.called(turn, "", [ToolCall("c", "book", {})])
        history.settle(turn, "I do.", interrupted=False)
    questions = [int(text.split()[1]) for text in asked(history.messages())]
    assert len(questions) <= 8 + 8 // STEPS
    assert questions == list(range(101 - len(questions), 101))


def test_the_length_of_a_text_is_that_of_its_letters_in_any_script() -> None:
    english = estimated_tokens([Message("user", "word " * 100)])
    hindi = estimated_tokens([Message("user", "शब्द " * 100)])
    assert 100 <= english <= 200
    assert english < hindi
    calls = (ToolCall("c", "book", {"people": 4}),)
    assert estimated_tokens([Message("assistant", "", calls)]) > estimated_tokens([Message("assistant", "")])


@given(windows, st.lists(st.integers(0, 1_000), max_size=200))
def test_what_is_left_out_is_enough_and_never_the_newest(window: HistoryWindow, sizes: list[int]) -> None:
    cut = left_out(window, sizes)
    assert 0 <= cut < max(1, len(sizes))
    told = sizes[cut:]
    assert len(told) <= 1 or (len(told) <= window.turns and sum(told) <= window.tokens)
    if len(sizes) <= window.turns and sum(sizes) <= window.tokens:
        assert cut == 0


@given(windows, st.lists(st.integers(0, 100), min_size=1, max_size=300))
def test_the_beginning_moves_forwards_only_and_in_large_steps(
    window: HistoryWindow, sizes: list[int]
) -> None:
    cuts = [left_out(window, sizes[:k]) for k in range(1, len(sizes) + 1)]
    assert cuts == sorted(cuts)
    by_turns = STEPS * len(sizes) / window.turns
    by_tokens = STEPS * sum(sizes) / window.tokens
    if window.turns >= STEPS:
        assert len(set(cuts)) <= 2 * by_turns + by_tokens + 2


@given(
    windows,
    st.lists(st.integers(0, 1_000), min_size=1, max_size=200),
    st.sets(st.integers(0, 199), max_size=200),
)
def test_what_waits_is_told_within_a_step_of_the_window_and_the_newest_of_it_always(
    window: HistoryWindow, sizes: list[int], places: set[int]
) -> None:
    waiting = sorted(place for place in places if place < len(sizes))
    kept = still_told(window, sizes, waiting)
    assert kept == waiting[len(waiting) - len(kept) :]
    assert bool(kept) == bool(waiting)
    assert len(kept) <= max(1, window.turns // STEPS)
    assert len(kept) <= 1 or sum(sizes[k] for k in kept) <= window.tokens // STEPS


@given(
    windows,
    st.lists(st.sampled_from(["open", "call", "resolve", "settle", "drop", "long"]), max_size=80),
)
def test_what_is_told_is_well_formed_bounded_and_in_the_order_of_all_that_was_said(
    window: HistoryWindow, steps: list[str]
) -> None:
    history, whole = History(PROMPT, window), History(PROMPT, HistoryWindow(turns=10_000, tokens=10_000_000))
    turn, calls, running = 0, 0, False
    for do in steps:
        if do == "open" and not running:
            turn, running = turn + 1, True
        elif do == "call" and running:
            calls += 1
        elif do in ("settle", "drop") and running:
            running = False
        elif do != "long" or not running:
            continue
        for one in (history, whole):
            _do(one, do, turn, calls)
        told, all_said = history.messages(), whole.messages()
        assert malformed(told) == []
        assert told[0].role == "system"
        assert told[0].text.startswith(PROMPT)
        rest, left = told[1:], iter(all_said)
        assert all(message in left for message in rest), "out of order, or never said"
        assert len(asked(rest)) <= window.turns + max(1, window.turns // STEPS)
        assert not running or asked(rest)[-1:] == asked(all_said)[-1:]


def _do(history: History, do: str, turn: int, calls: int) -> None:
    match do:
        case "open":
            history.open(turn, f"question {turn}")
        case "call":
            history.called(turn, "", [ToolCall(f"c{calls}", "t", {}), ToolCall(f"d{calls}", "t", {})])
        case "long":
            history.reword(turn, "a long story " * 200)
        case "drop":
            if not history.drop(turn):
                history.settle(turn, "", interrupted=True)
        case "settle":
            for name in ("c", "d"):
                history.resolve(f"{name}{calls}", "done")
            history.settle(turn, "heard", interrupted=True)
