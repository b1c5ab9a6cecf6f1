"""When the softphone takes the other side to have begun to speak, and to have finished."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tools.softphone.attention import LOOK_S, LOUD, SILENT_AFTER_S, Attention

STEP_S = 0.02


def noted(levels: Iterable[int]) -> list[tuple[float, str]]:
    attention = Attention()
    heard = [(k * STEP_S, attention.hear(level, k * STEP_S)) for k, level in enumerate(levels)]
    return [(round(at_s, 2), name) for at_s, name in heard if name]


def test_a_pause_between_sentences_is_not_the_end() -> None:
    pause = round(0.8 * SILENT_AFTER_S / STEP_S)
    levels = [0] * 5 + [LOUD] * 10 + [0] * pause + [LOUD] * 10 + [0] * 100
    assert [name for _, name in noted(levels)] == ["speaks 1", "silent 1"]


def test_silence_is_told_when_it_has_lasted_long_enough() -> None:
    (speaks, silent) = noted([LOUD] * 10 + [0] * 100)
    assert speaks == (0.0, "speaks 1")
    assert silent == (round(9 * STEP_S + SILENT_AFTER_S, 2), "silent 1")


def test_what_is_said_is_counted() -> None:
    levels = ([LOUD] * 5 + [0] * 60) * 3
    assert [name for _, name in noted(levels)][-2:] == ["speaks 3", "silent 3"]


def test_who_says_nothing_is_not_silent_either() -> None:
    assert noted([LOUD - 1] * 500) == []


def test_how_long_somebody_spoke_is_added_up_and_a_look_after_a_long_time_counts_little() -> None:
    attention = Attention()
    for at_s, level in ((1.0, 0), (1.02, LOUD), (1.04, LOUD), (1.06, 0), (9.0, LOUD)):
        attention.hear(level, at_s)
    assert attention.heard_s == pytest.approx(0.02 + 0.02 + LOOK_S)
