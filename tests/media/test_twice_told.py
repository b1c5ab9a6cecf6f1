"""Keys that come by both ways: one key is one key."""

from __future__ import annotations

import pytest

from mediasrv.clock import NS_PER_MS
from mediasrv.media import Dtmf
from mediasrv.media.streams.twice_told import TwiceTold

Told = tuple[str, int, bool]  # digit, milliseconds, by signalling


@pytest.mark.parametrize(
    ("told", "pressed"),
    [
        ([("5", 0, False), ("5", 30, True)], "5"),
        ([("5", 0, True), ("5", 120, False)], "5"),
        ([("5", 0, False), ("5", 30, True), ("5", 200, False), ("5", 230, True)], "55"),
        ([("5", 0, True), ("5", 100, True)], "55"),
        ([("5", 0, False), ("5", 100, False)], "55"),
        ([("5", 0, False), ("6", 30, True)], "56"),
        ([("5", 0, False), ("5", 700, True)], "55"),
    ],
)
def test_a_key_that_comes_by_both_ways_is_pressed_once(told: list[Told], pressed: str) -> None:
    keys = TwiceTold()
    news = [
        digit
        for digit, at_ms, signalled in told
        if keys.is_news(Dtmf(digit, 100, at_ms * NS_PER_MS), signalled=signalled)
    ]
    assert "".join(news) == pressed
