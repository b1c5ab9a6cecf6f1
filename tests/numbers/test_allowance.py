from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.numbers import DailyAllowance, TokenBucket

DAY_S = 86_400.0


def test_a_second_s_worth_goes_at_once_and_then_one_after_the_other() -> None:
    bucket = TokenBucket(2.0)
    assert [bucket.take(100.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    assert bucket.take(100.5) == 0.0
    assert bucket.take(100.5) == 0.5


def test_less_than_one_a_second_still_lets_the_first_one_in() -> None:
    bucket = TokenBucket(0.1)
    assert bucket.take(0.0) == 0.0
    assert bucket.take(0.0) == pytest.approx(10.0)
    assert bucket.take(10.0) == 0.0


def test_a_clock_that_steps_back_fills_nothing() -> None:
    bucket = TokenBucket(1.0)
    assert bucket.take(50.0) == 0.0
    assert bucket.take(10.0) == 1.0
    assert bucket.take(50.5) == 0.5


@given(st.lists(st.floats(0, 0.5), max_size=200), st.sampled_from([0.5, 1.0, 3.0, 10.0]))
def test_no_window_lets_through_more_than_its_rate_and_one_burst(gaps: list[float], rate: float) -> None:
    bucket, now, taken = TokenBucket(rate), 0.0, 0
    for gap in gaps:
        now += gap
        taken += bucket.take(now) == 0.0
    assert taken <= now * rate + bucket.depth + 1e-6


def test_a_bucket_that_never_fills_is_refused() -> None:
    with pytest.raises(ValueError, match="never filled"):
        TokenBucket(0.0)


def test_calls_of_a_day_are_counted_and_the_next_day_begins_anew() -> None:
    day = DailyAllowance(calls_max=2, minutes_max=100)
    assert [day.begin(10.0), day.begin(20.0), day.begin(30.0)] == [True, True, False]
    assert not day.begin(DAY_S - 1)
    assert day.begin(DAY_S)


def test_minutes_of_calls_that_run_together_are_taken_from_one_day() -> None:
    day = DailyAllowance(calls_max=9, minutes_max=3)
    assert day.begin(0.0)
    assert [day.take_minute(float(at)) for at in (0, 0, 60, 60, 120)] == [True, True, True, False, False]
    assert not day.begin(120.0)


def test_a_minute_that_was_not_begun_is_given_back_to_its_own_day_only() -> None:
    day = DailyAllowance(calls_max=9, minutes_max=1)
    assert day.take_minute(10.0)
    day.give_minute_back(10.0)
    assert day.take_minute(20.0)
    assert day.take_minute(DAY_S)
    day.give_minute_back(20.0)
    assert not day.take_minute(DAY_S + 1)


@given(st.lists(st.floats(0, 400), max_size=200), st.integers(0, 20))
def test_no_day_spends_more_than_its_minutes(pauses_min: list[float], minutes_max: int) -> None:
    day, wall_s, spent = DailyAllowance(calls_max=9, minutes_max=minutes_max), 0.0, dict[int, int]()
    for pause_min in pauses_min:
        wall_s += pause_min * 60
        spent.setdefault(int(wall_s // DAY_S), 0)
        spent[int(wall_s // DAY_S)] += day.take_minute(wall_s)
    assert all(minutes <= minutes_max for minutes in spent.values())


def test_a_wall_clock_set_back_does_not_hand_out_the_day_twice() -> None:
    day = DailyAllowance(calls_max=1, minutes_max=9)
    assert day.begin(DAY_S * 3)
    assert not day.begin(DAY_S * 2)
