"""The account that buffers are compared by, NetEQ's control, and the curves: each on traces whose outcome is known."""

from __future__ import annotations

import math

import pytest

from mediasrv.bench.netem import Jitter, Loss, Profile
from mediasrv.bench.quality.jitter import delay_at
from mediasrv.bench.quality.networks import NETWORKS, observe
from mediasrv.bench.quality.playout import FixedBuffer, Outcome, play
from mediasrv.bench.quality.references.neteq import (
    BUCKET_MS,
    DelayManager,
    Histogram,
    NetEq,
    ReorderOptimizer,
)


def test_a_fixed_buffer_waits_as_long_as_it_says_and_up_to_a_packet_more() -> None:
    trace = observe(Profile(delay_ms=5.0), 30.0, seed=1)
    for delay_ms in (20, 60, 100):
        for phase_ms in (0.5, 10.0, 19.5):
            outcome = play(trace, FixedBuffer(delay_ms), phase_ms)
            assert delay_ms <= outcome.delay_ms < delay_ms + 20
            assert outcome.concealed == 0


def test_a_fixed_buffer_conceals_what_was_lost_and_nothing_else() -> None:
    trace = observe(Profile(loss=Loss(good=0.1)), 60.0, seed=2)
    lost = 1 - len({arrival.index for arrival in trace.arrivals}) / trace.packets
    assert play(trace, FixedBuffer(40), 5.0).concealed == pytest.approx(lost, abs=0.01)


def test_the_least_delay_grows_with_the_senders_skew() -> None:
    trace = observe(Profile(skew_ppm=100.0), 60.0, seed=1)
    assert trace.least_at(60_000) - trace.least_at(0) == pytest.approx(6.0)


def test_neteq_conceals_nothing_on_a_clean_path_and_stays_near_its_target() -> None:
    outcome = play(observe(Profile(), 60.0, seed=1), NetEq(), 5.0)
    assert outcome.concealed == 0
    assert 20 <= outcome.delay_ms <= 45


def test_neteq_waits_longer_where_the_jitter_is_higher_and_its_quantile_is_too() -> None:
    trace = observe(Profile(jitter=Jitter("gamma", 20.0, shape=0.8)), 60.0, seed=1)
    low, high = play(trace, NetEq(0.5), 5.0), play(trace, NetEq(0.99), 5.0)
    assert low.delay_ms < high.delay_ms
    assert low.concealed > high.concealed


def test_a_histogram_adds_up_to_one_and_forgets() -> None:
    histogram = Histogram(0.9)
    for bucket in [5] * 50 + [2] * 50:
        histogram.add(bucket)
        assert sum(histogram.shares) == pytest.approx(1, abs=1e-9)
    assert histogram.quantile(0.95) == 2
    assert histogram.quantile(0.999) == 5


def test_the_target_is_the_upper_edge_of_the_quantiles_bucket() -> None:
    manager = DelayManager(0.95, 0, 1_000, peaks=False)
    for index in range(5_000):
        manager.packet(index, index * 20 + (45 if index % 10 == 0 else 0))
    assert manager.target_ms == 3 * BUCKET_MS


def test_reordered_packets_are_waited_for_when_they_are_worth_it() -> None:
    rare, frequent = ReorderOptimizer(), ReorderOptimizer()
    for index in range(5_000):
        rare_ms = rare.update(70, index % 500 == 0, 20)
        frequent_ms = frequent.update(70, index % 20 == 0, 20)
    assert rare_ms == BUCKET_MS
    assert frequent_ms == 4 * BUCKET_MS


def test_peaks_that_return_are_waited_for_in_full() -> None:
    manager = DelayManager(0.5, 0, 1_000, peaks=True)
    for index in range(2_000):
        manager.packet(index, index * 20 + (300 if index % 150 == 149 else 0))
    assert manager.target_ms >= 300


def test_a_curve_is_read_between_its_points_and_not_beyond_them() -> None:
    points = [Outcome(100.0, 0.01), Outcome(50.0, 0.03), Outcome(80.0, 0.05), Outcome(60.0, 0.02)]
    assert delay_at(points, 0.04) == 50
    assert delay_at(points, 0.025) == pytest.approx(55)
    assert delay_at(points, 0.015) == pytest.approx(80)
    assert math.isinf(delay_at(points, 0.005))


def test_there_are_twenty_networks_and_more_each_with_a_name_of_its_own() -> None:
    assert len({profile.name for profile in NETWORKS}) == len(NETWORKS) >= 20
