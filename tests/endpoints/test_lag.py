"""When the loop is late, new calls are turned away, and when it is in time again, they are not."""

from __future__ import annotations

import pytest

from mediasrv.endpoints.lag import IN_TIME_S, LATE_S, Lag


def after(*late_s: float) -> list[bool]:
    lag = Lag()
    return [lag.looked(0.0, each) for each in late_s]


def test_a_loop_in_time_is_never_overloaded() -> None:
    assert not any(after(*[0.0, 0.01, LATE_S, -1.0] * 10))


def test_one_look_that_is_late_shuts_the_door_and_some_in_time_open_it() -> None:
    assert after(LATE_S + 0.01, 0.0, 0.0, 0.0) == [True, True, False, False]


def test_a_very_late_one_keeps_it_shut_for_longer() -> None:
    assert after(10 * LATE_S, *[0.0] * 10).count(True) > 4


def test_between_the_thresholds_the_door_stays_as_it_is() -> None:
    between = (IN_TIME_S + LATE_S) / 2
    assert after(between, between, LATE_S + 0.01, between, between, 0.0, 0.0) == [
        False, False, True, True, True, False, False,
    ]  # fmt: skip


def test_who_may_be_later_shuts_the_door_later() -> None:
    lag = Lag(10 * LATE_S)
    told = [lag.looked(0.0, 10 * late_s) for late_s in (LATE_S - 0.01, LATE_S + 0.01, 0.0, 0.0, 0.0)]
    assert told == [False, True, True, False, False]


@pytest.mark.parametrize("late_s", [float("inf"), float("nan")])
def test_nonsense_changes_nothing(late_s: float) -> None:
    assert after(0.0, late_s, 0.0) == [False, False, False]
