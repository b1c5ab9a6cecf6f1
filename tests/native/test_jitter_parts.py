"""The jitter buffer's parts against their definitions: what is waited for, and the shifts of time stretching."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediasrv_native.jitter import DelayEstimate, apply_shift, find_shift
from tests.reference import jitter as oracle
from tests.reference import sounds

RATE_HZ, FRAME, BLEND = 8_000, 160, 64
SHORTEST, LONGEST = 20, 120  # 2.5 and 15 ms
BIN_MS = 1.0


def arrivals(delays_ms: list[float], skew_ppm: float = 0.0) -> list[tuple[int, int]]:
    """Time stamp and arrival, in samples, of packets that take so long."""
    return [(k * FRAME, round(k * FRAME * (1 + skew_ppm / 1e6) + ms * 8)) for k, ms in enumerate(delays_ms)]


def ns(samples: int) -> int:
    return samples * 125_000


# ---- delay -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantile", [0.5, 0.8, 0.93, 0.99])
@pytest.mark.parametrize("mean_ms", [3.0, 20.0, 60.0])
def test_the_quantile_is_that_of_all_worst_delays_weighted_by_age(quantile: float, mean_ms: float) -> None:
    rng = random.Random(f"{quantile}/{mean_ms}")
    estimate, exact = DelayEstimate(RATE_HZ, quantile), oracle.DelayEstimate(RATE_HZ, quantile)
    for rtp, at in arrivals([min(rng.expovariate(1 / mean_ms), 400) for _ in range(6_000)]):
        estimate.arrival(rtp, ns(at))
        exact.arrival(rtp, at)
        assert estimate.delay_samples(rtp, ns(at)) == at - rtp - exact.least()
    assert estimate.quantile_ms == pytest.approx(
        exact.quantile_ms(), abs=BIN_MS + 0.1 * mean_ms * (quantile > 0.9)
    )


@pytest.mark.parametrize("longer_ms", [10.0, 40.0, 150.0])
def test_what_was_learnt_while_a_path_became_longer_counts_from_its_own_least(
    longer_ms: float,
) -> None:
    rng, half = random.Random(f"{longer_ms}"), 600
    estimate, exact = DelayEstimate(RATE_HZ, 0.9), oracle.DelayEstimate(RATE_HZ, 0.9)
    for rtp, at in arrivals([rng.uniform(0, 3) + longer_ms * (k > half) for k in range(2 * half)]):
        estimate.arrival(rtp, ns(at))
        exact.arrival(rtp, at)
    assert estimate.quantile_ms == pytest.approx(exact.quantile_ms(), abs=2 * BIN_MS)


def test_twelve_seconds_after_the_path_became_longer_it_is_waited_for_no_more_than_before() -> None:
    estimate, rng = DelayEstimate(RATE_HZ, 0.93), random.Random(7)
    delays = [rng.uniform(0, 6) for _ in range(1_500)] + [rng.uniform(40, 46) for _ in range(600)]
    for rtp, at in arrivals(delays):
        estimate.arrival(rtp, ns(at))
        if rtp == 1_400 * FRAME:
            before_ms = estimate.target_ms
    assert estimate.target_ms < before_ms + BIN_MS


def test_a_least_delay_that_rises_by_chance_takes_nothing_back() -> None:
    estimate, rng = DelayEstimate(RATE_HZ, 0.93), random.Random(8)
    delays = [0.0, *(rng.uniform(12, 60) for _ in range(800))]  # the first was faster than all that follow
    for rtp, at in arrivals(delays):
        estimate.arrival(rtp, ns(at))
    assert estimate.target_ms > 46


def test_packets_that_overtook_others_made_no_path() -> None:
    estimate, rng = DelayEstimate(RATE_HZ, 0.93), random.Random(9)
    strays = {50, 450, 520}
    delays = [0.0 if k in strays else rng.uniform(45, 49) for k in range(1_000)]
    for rtp, at in arrivals(delays):
        estimate.arrival(rtp, ns(at))
    assert estimate.target_ms > 40


def test_the_front_is_where_the_least_delayed_packet_would_stand() -> None:
    estimate = DelayEstimate(RATE_HZ, 0.9)
    for rtp, at in arrivals([30.0, 10.0, 25.0, 12.0]):
        estimate.arrival(rtp, ns(at))
    assert estimate.front(ns(1_000 + 80)) == 1_000


@pytest.mark.parametrize("skew_ppm", [-300.0, 300.0])
def test_a_drifting_clock_is_no_delay(skew_ppm: float) -> None:
    estimate = DelayEstimate(RATE_HZ, 0.95)
    for rtp, at in arrivals([5.0] * 15_000, skew_ppm):
        estimate.arrival(rtp, ns(at))
    assert estimate.target_ms < 4
    assert abs(estimate.delay_samples(rtp, ns(at))) < 4 * 8


def test_one_peak_is_an_accident_and_two_are_a_habit() -> None:
    estimate = DelayEstimate(RATE_HZ, 0.93)
    quiet = [1.0] * 2_000
    for rtp, at in arrivals([*quiet, 150.0, *([1.0] * 40)]):
        estimate.arrival(rtp, ns(at))
    assert estimate.target_ms < 40
    for rtp, at in arrivals([*quiet, 150.0, *([1.0] * 40), 120.0])[-1:]:
        estimate.arrival(rtp, ns(at))
    assert estimate.target_ms > 110


def test_a_high_jitter_raises_the_target_at_once() -> None:
    estimate, rng = DelayEstimate(RATE_HZ, 0.93), random.Random(4)
    delays = [1.0] * 2_000 + [rng.uniform(0, 200) for _ in range(60)]
    for rtp, at in arrivals(delays):
        estimate.arrival(rtp, ns(at))
    assert estimate.jitter_ms > 50
    assert estimate.target_ms > 150


def test_a_calm_path_is_believed_sooner() -> None:
    targets = []
    for calm in (False, True):
        estimate, rng = DelayEstimate(RATE_HZ, 0.93), random.Random(5)
        for rtp, at in arrivals([rng.uniform(0, 150) for _ in range(1_000)] + [1.0] * 3_500):
            estimate.arrival(rtp, ns(at), calm)
        targets.append(estimate.target_ms)
    assert targets[1] < targets[0]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-(2**47), 2**47), st.integers(0, 2**61), st.booleans(), st.booleans()),
        max_size=60,
    )
)
def test_no_clock_makes_a_wait_that_is_none(hostile: list[tuple[int, int, bool, bool]]) -> None:
    """Stamps and arrivals that jump anywhere: the wait stays between nothing and what is believed at most."""
    estimate = DelayEstimate(RATE_HZ, 0.93)
    for rtp, arrival_ns, calm, restarts in hostile:
        if restarts:
            estimate.restart()
        estimate.arrival(rtp, arrival_ns, calm)
        assert 0 <= estimate.quantile_ms <= estimate.target_ms + 512
        assert 0 <= estimate.target_ms <= 512
        assert 0 <= estimate.jitter_ms <= 10_000


def test_a_restart_keeps_what_is_known_of_the_network() -> None:
    estimate, rng = DelayEstimate(RATE_HZ, 0.93), random.Random(6)
    for rtp, at in arrivals([rng.uniform(0, 100) for _ in range(2_000)]):
        estimate.arrival(rtp, ns(at))
    before_ms = estimate.target_ms
    estimate.restart()
    estimate.arrival(10**9, ns(12_345))
    assert estimate.target_ms == before_ms
    assert estimate.delay_samples(10**9, ns(12_345)) == 0


# ---- shifts ----------------------------------------------------------------------------------------------------------


def vowel(pitch_hz: float, samples: int = 800) -> sounds.Pcm:
    at = np.arange(samples) / RATE_HZ
    return sounds.to_pcm(sum(np.sin(2 * np.pi * pitch_hz * k * at + k) / k for k in range(1, 9)) * 4_000)


@pytest.mark.parametrize("pitch_hz", [80.0, 100.0, 160.0, 200.0, 320.0])
@pytest.mark.parametrize("direction", [-1, 1])
def test_the_shift_is_whole_periods_of_the_pitch(pitch_hz: float, direction: int) -> None:
    first, last = sorted((direction * SHORTEST, direction * LONGEST))
    shift = find_shift(vowel(pitch_hz).tobytes(), 300, RATE_HZ, first, last, 0.9)
    periods = abs(shift) * pitch_hz / RATE_HZ
    assert periods == pytest.approx(round(periods), abs=0.05 * max(1, round(periods)))
    assert round(periods) >= 1


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([-1, 1]))
def test_no_other_shift_is_much_more_alike(seed: int, direction: int) -> None:
    rng = np.random.default_rng(seed)
    pcm = sounds.to_pcm(vowel(float(rng.uniform(80, 330))) + sounds.white(0.1, -45, seed=seed))
    shifts = [direction * k for k in range(SHORTEST, LONGEST + 1)]
    found = find_shift(pcm.tobytes(), 300, RATE_HZ, min(shifts), max(shifts), -1)
    best = oracle.likeness(pcm, 300, BLEND, oracle.best_shift(pcm, 300, BLEND, shifts))
    assert oracle.likeness(pcm, 300, BLEND, found) > best - 0.05


def test_what_is_like_nothing_is_not_shifted() -> None:
    pcm = sounds.to_pcm(sounds.white(0.1, -20, seed=1))
    assert find_shift(pcm.tobytes(), 300, RATE_HZ, SHORTEST, LONGEST, 0.9) == 0


@settings(deadline=None)
@given(st.integers(0, 1_000), st.integers(-160, 160))
def test_a_shift_is_a_straight_blend_from_here_to_there(seed: int, shift: int) -> None:
    pcm = np.random.default_rng(seed).integers(-32_768, 32_767, 700).astype(np.int16)
    out = np.frombuffer(apply_shift(pcm.tobytes(), 200, RATE_HZ, shift, FRAME), np.int16)
    assert np.abs(out - oracle.blended(pcm, 200, BLEND, shift, FRAME)).max() <= 0.51
    assert out[0] == pcm[200]
    assert np.array_equal(out[BLEND:], pcm[200 + shift + BLEND : 200 + shift + FRAME])


def test_the_binding_refuses_to_read_beyond_its_sound() -> None:
    with pytest.raises(ValueError, match="outside"):
        find_shift(bytes(400), 100, RATE_HZ, 1, 120, 0)
    with pytest.raises(ValueError, match="outside"):
        apply_shift(bytes(400), 100, RATE_HZ, -101, 10)
