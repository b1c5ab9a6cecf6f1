"""A conversation told from a call's timeline and turns."""

from __future__ import annotations

from typing import Any

from mediasrv.cli.shown import talk


def turn(number: int, asked: str, said: str, heard: str | None = None, **more: Any) -> dict[str, Any]:
    plain = {"number": number, "asked": asked, "said": said, "heard": said if heard is None else heard}
    return {**plain, "rejects": 0, "tools": [], "error": "", **more}


def events(*told: tuple[float, str, int], **of_start: Any) -> list[dict[str, Any]]:
    return [
        {"ms": ms, "event": event, "turn": number, **(of_start if event == "turn_started" else {})}
        for ms, event, number in told
    ]


def text(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def test_a_reply_is_told_with_what_its_delay_went_into() -> None:
    timeline = events(
        (3_000, "speech_began", 0), (4_000, "lull", 0), (4_500, "turn_started", 1), (4_700, "first_token", 1),
        (4_800, "first_sound", 1), (4_820, "first_audio", 1), kind="reply", ahead=False,
    )  # fmt: skip
    told = text(talk([turn(1, "are you open", "Until six.")], timeline))
    assert told.startswith("3.0 s caller are you open 4.8 s agent Until six.")
    assert told.endswith(
        "820 ms after the caller fell silent: 500 waited for more, 200 thought, 100 voice, 20 on its way"
    )


def test_what_was_thought_ahead_is_part_of_the_waiting() -> None:
    timeline = events(
        (4_000, "lull", 0), (4_100, "turn_started", 1), (4_200, "first_token", 1), (4_500, "promoted", 1),
        (4_510, "first_sound", 1), (4_530, "first_audio", 1), kind="reply", ahead=True,
    )  # fmt: skip
    told = text(talk([turn(1, "are you open", "Until six.")], timeline))
    assert told.endswith("530 ms after the caller fell silent: 500 waited for more, 10 voice, 20 on its way")


def test_a_tool_that_was_done_after_the_turn_is_told_as_done() -> None:
    timeline = [{"ms": 9.0, "event": "tool_ended", "turn": 1, "id": "c-1", "outcome": "done"}]
    told = turn(1, "bye", "Bye.", tools=[{"id": "c-1", "name": "hang_up", "outcome": "prepared"}])
    assert text(talk([told], timeline)).endswith("tool hang_up: done")


def test_a_guess_that_nobody_wanted_is_left_out() -> None:
    timeline = events((4_100, "turn_started", 1), kind="reply", ahead=True)
    assert talk([turn(1, "are you", "Yes.", "")], timeline) == []


def test_what_the_caller_did_not_hear_stands_behind_a_bar() -> None:
    timeline = [
        *events((0, "turn_started", 1), (20, "first_audio", 1), kind="greeting", ahead=False),
        {"ms": 900, "event": "confirm", "turn": 1, "rule": "words", "words": "stop", "speech_ms": 312.4},
    ]
    told = text(talk([turn(1, "", "Good day to you.", "Good day")], timeline))
    assert told.startswith("0.0 s agent Good day |cut off| to you.")
    assert told.endswith("interrupted: words, 'stop', after 312 ms of speech")
