"""Waterfalls of turns: out of the records of two whole calls (`recorded.py`), and drawn to scale."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mediasrv.cli import commands
from mediasrv.cli.shown import Span, TurnView, views, waterfall

RECORDS = Path(__file__).with_name("records")


def read(name: str, kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDS / f"{name}.{kind}.jsonl").read_text().splitlines()]


def view_of(call: str, number: int) -> TurnView:
    return {view.number: view for view in views(read(call, "turns"), read(call, "timeline"))}[number]


def span(view: TurnView, name: str) -> Span:
    (found,) = [each for each in view.spans if each.name == name]
    return found


def near(ms: float) -> object:
    """What the script says, as the gate and the frames of 20 ms let it be seen."""
    return pytest.approx(ms, abs=65)


def test_a_reply_is_measured_from_the_callers_last_word() -> None:
    view = view_of("desk", 2)
    caller, pause, spoken = span(view, "caller"), span(view, "pause"), span(view, "spoken")
    assert (caller.from_ms, caller.to_ms, view.zero_ms) == (near(2_500), near(4_000), caller.to_ms)
    assert (pause.from_ms, pause.to_ms) == (caller.to_ms, span(view, "agent").from_ms)
    assert spoken.from_ms == span(view, "voice").to_ms + 20  # the engine's next frame
    assert f"heard after {(spoken.from_ms - caller.to_ms) / 1000:.2f} s" in view.headline


def test_a_stage_lasts_from_the_first_piece_before_it_to_its_own() -> None:
    view = view_of("desk", 2)
    agent, sentences = span(view, "agent"), span(view, "sentences")
    assert agent.to_ms - agent.from_ms == 250  # the model's first token, by the script
    assert (sentences.from_ms, sentences.to_ms) == (agent.to_ms, span(view, "voice").from_ms)


def test_an_interruption_says_by_what_and_after_how_long_and_what_was_not_heard() -> None:
    view = view_of("desk", 2)
    held = span(view, "held")
    assert "interrupted" in view.headline
    assert held.from_ms == near(6_800)
    assert held.told == f'stopped after {held.to_ms - held.from_ms:.0f} ms: keyword "no"'
    assert view.said.startswith(view.heard)
    assert len(view.heard) < len(view.said)
    assert any("of it in vain" in remark for remark in view.remarks)


def test_a_backchannel_holds_the_voice_and_lets_it_go_on() -> None:
    held = span(view_of("desk", 3), "held")
    assert held.from_ms == near(9_800)
    assert held.told.startswith("went on after")
    assert held.told.endswith('backchannel "right"')


def test_a_slow_tool_and_what_filled_the_silence_meanwhile() -> None:
    view = view_of("desk", 4)
    tool = span(view, "tool book")
    assert (tool.to_ms - tool.from_ms, tool.told) == (2_200, "2.20 s, done (cancel)")
    filled = [each for each in view.spans if each.name == "filled"]
    assert [each.told for each in filled] == ['"Just a second."', "a soft tone"]
    assert filled[0].from_ms == span(view, "agent").from_ms + 1_000
    assert all(tool.from_ms < each.from_ms < span(view, "spoken").from_ms for each in filled)


def test_a_turn_that_failed_says_of_what() -> None:
    view = view_of("desk", 5)
    assert "failed" in view.headline
    assert span(view, "failed").told == "scripted llm: the script says so"


def test_a_promoted_guess_began_before_its_turn_and_was_not_heard_before_it() -> None:
    view = view_of("ahead", 2)
    pause = span(view, "pause")
    (promoted,) = [
        e["ms"] for e in read("ahead", "timeline") if (e["event"], e.get("turn")) == ("promoted", 2)
    ]
    assert span(view, "agent").from_ms < pause.to_ms == promoted
    assert span(view, "spoken").from_ms >= pause.to_ms
    assert "begun ahead by 440 ms" in view.headline


def test_a_guess_that_was_wrong_has_no_sound_and_no_pause_and_is_all_in_vain() -> None:
    view = view_of("ahead", 1)
    assert "a guess, and not what was asked" in view.headline
    assert {each.kind for each in view.spans} == {"caller", "stage"}
    assert span(view, "promotion").told == "nothing came of it"
    (cost,) = [remark for remark in view.remarks if remark.startswith("cost")]
    _, usd, _, wasted, *_ = cost.split()
    assert wasted == usd


def test_a_merged_reply_is_told_from_an_interrupted_one() -> None:
    assert "answered with what was added" in view_of("ahead", 3).headline
    assert view_of("ahead", 4).asked == "and who will come to it from our own street"


def test_a_record_without_most_of_it_is_drawn_as_far_as_it_goes() -> None:
    (view,) = views([{"number": 1, "kind": "reply", "asked": "hello"}], [])
    assert [line.plain for line in waterfall([view], 100, terminal=False)] == [
        "turn 1      reply, 0 ms into the call", '            "hello"', "",
    ]  # fmt: skip


def test_bars_stand_where_their_times_are() -> None:
    """40 columns for a second: 25 ms each; zero is in the fourth part."""
    spans = [
        Span("caller", "caller", 0, 250, "250 ms"),
        Span("pause", "pause", 250, 500, ""),
        Span("stopped", "held", 750, 750, "at once"),
        Span("spoken", "spoken", 500, 1_000, "500 ms"),
    ]
    view = TurnView(7, "a turn", 250.0, "", "", "", spans)
    lines = [line.plain for line in waterfall([view], 12 + 40 + 44, terminal=False)]
    assert lines[1].index("0") == 12 + 10
    assert lines[2:6] == [
        f"{'caller':<12}{'~' * 10}|{' ' * 29}  250 ms",
        f"{'pause':<12}{' ' * 10}{'.' * 10}",
        f"{'stopped':<12}{' ' * 10}|{' ' * 19}!{' ' * 9}  at once",
        f"{'spoken':<12}{' ' * 10}|{' ' * 9}{'#' * 20}  500 ms",
    ]


@pytest.mark.parametrize("longest_ms", [1, 7, 90, 1_500, 42_000, 900_000])
def test_an_axis_has_round_labels_that_do_not_touch(longest_ms: float) -> None:
    view = TurnView(1, "", 0.0, "", "", "", [Span("spoken", "spoken", 0, longest_ms, "")])
    ticks = list(waterfall([view], 100, terminal=False))[1].plain
    labels = [each for each in ticks.split("  ") if each.strip()]
    assert labels[0].strip() == "0"
    assert 2 <= len(labels) <= 5
    assert all(
        label.strip().replace(" ms", "").replace(" s", "").strip("0123456789.") == "" for label in labels
    )


def test_a_terminal_has_blocks_and_paper_has_signs_of_the_same_length() -> None:
    all_views = [*views(read("desk", "turns"), read("desk", "timeline"))]
    paper = [line.plain for line in waterfall(all_views, 110, terminal=False)]
    screen = [line.plain for line in waterfall(all_views, 110, terminal=True)]
    assert all(line.isascii() for line in paper)
    assert [len(line) for line in paper] == [len(line) for line in screen]
    assert paper != screen


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "calls").mkdir()
    for file in RECORDS.glob("*.jsonl"):
        shutil.copy(file, tmp_path / "calls" / file.name)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "ladder", "turns"),
    [((), True, True), (("--turns",), False, True), (("--ladder",), True, False)],
)
def test_a_call_is_shown_as_a_ladder_and_as_turns_or_as_one_of_them(
    data: Path, options: tuple[str, ...], ladder: bool, turns: bool
) -> None:
    answer = CliRunner().invoke(commands, ["calls", "show", "desk", "--data-dir", str(data), *options])
    assert answer.exit_code == 0, answer.output
    assert ("call_began" in answer.stdout, "stopped after 400 ms" in answer.stdout) == (ladder, turns)


def test_a_line_half_written_is_passed_over(data: Path) -> None:
    with (data / "calls" / "desk.turns.jsonl").open("a") as file:
        file.write('{"number": 7, "kind": "re')
    answer = CliRunner().invoke(commands, ["calls", "show", "desk", "--turns", "--data-dir", str(data)])
    assert (answer.exit_code, "turn 6" in answer.stdout, "turn 7" in answer.stdout) == (0, True, False)
