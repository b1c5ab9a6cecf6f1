"""Voices added up: gains that never jump, sums that never clip."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mediasrv_native.mixer import CEILING, Gain, Limiter
from tests.reference import mixer as reference

FRAME = 160
samples = st.lists(st.integers(-32_768, 32_767), min_size=FRAME, max_size=FRAME)
gains = st.floats(0, 8, allow_nan=False)


def floats(values: object) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def as_bytes(pcm: list[int]) -> bytes:
    return np.asarray(pcm, np.int16).tobytes()


def added(pcm: list[int], gain: Gain, at_once: int = FRAME) -> NDArray[np.float32]:
    total = np.zeros(len(pcm), np.float32)
    for k in range(0, len(pcm), at_once):
        gain.add(total[k : k + at_once], as_bytes(pcm[k : k + at_once]))
    return total


def limited(limiter: Limiter, total: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.frombuffer(limiter.process(total), np.int16)


@given(samples, gains, gains, st.integers(0, 400))
def test_a_gain_walks_in_a_straight_line(pcm: list[int], start: float, target: float, ramp: int) -> None:
    gain = Gain(start)
    gain.set(target, ramp)
    assert added(pcm, gain) == pytest.approx(reference.ramped(pcm, start, target, ramp), abs=2)


@given(samples, gains, st.integers(1, 400), st.integers(1, FRAME))
def test_how_the_sound_is_cut_into_calls_does_not_matter(
    pcm: list[int], target: float, ramp: int, at_once: int
) -> None:
    whole, cut = Gain(1), Gain(1)
    whole.set(target, ramp)
    cut.set(target, ramp)
    assert added(pcm, cut, at_once) == pytest.approx(added(pcm, whole), abs=1)
    assert cut.now == pytest.approx(whole.now, abs=1e-5)


def test_a_gain_that_has_walked_to_zero_is_silent_and_not_before() -> None:
    gain = Gain(1)
    gain.set(0, 2 * FRAME)
    total = np.zeros(FRAME, np.float32)
    gain.add(total, as_bytes([1000] * FRAME))
    assert not gain.is_silent
    gain.add(total, as_bytes([1000] * FRAME))
    assert gain.is_silent
    assert gain.now == 0


@pytest.mark.parametrize("wrong", [float("nan"), -1.0, float("-inf")])
def test_a_gain_that_is_none_is_silence(wrong: float) -> None:
    gain = Gain(1)
    gain.set(wrong, 0)
    assert gain.is_silent
    assert not added([32_767] * FRAME, gain).any()


def test_a_gain_beyond_measure_is_kept_within_18_db() -> None:
    gain = Gain(1)
    gain.set(float("inf"), 0)
    assert gain.now == 8


@given(st.lists(samples, min_size=1, max_size=6))
def test_a_sum_below_the_ceiling_passes_to_the_bit(frames: list[list[int]]) -> None:
    limiter = Limiter()
    for frame in frames:
        quiet = [sample * 9 // 11 for sample in frame]
        assert limited(limiter, floats(quiet)).tolist() == quiet


@given(st.lists(st.lists(st.floats(-300_000, 300_000, width=32), min_size=FRAME, max_size=FRAME), max_size=5))
def test_a_loud_sum_is_turned_down_as_the_reference_does(frames: list[list[float]]) -> None:
    limiter, slow = Limiter(), reference.Limiter()
    for frame in frames:
        out = limited(limiter, floats(frame))
        assert out == pytest.approx(slow.process([float(x) for x in floats(frame)]), abs=3)
        assert limiter.gain == pytest.approx(slow.gain, abs=1e-4)


@given(st.lists(st.floats(width=32), min_size=FRAME, max_size=FRAME))
def test_nothing_comes_out_beyond_16_bits_whatever_goes_in(frame: list[float]) -> None:
    limiter = Limiter()
    limited(limiter, floats(frame))
    after = [limited(limiter, np.zeros(FRAME, np.float32)) for _ in range(2)]
    assert not after[1].any()
    assert 0 <= limiter.gain <= 1


def test_eight_full_scale_voices_do_not_clip_or_click() -> None:
    angle = 2 * np.pi * 200 * np.arange(10 * FRAME) / 8_000
    loud = (8 * 32_767 * np.sin(angle)).astype(np.float32)
    limiter = Limiter()
    out = np.concatenate([limited(limiter, loud[k : k + FRAME]) for k in range(0, len(loud), FRAME)])
    settled = out[2 * FRAME :].astype(int)
    assert np.abs(settled).max() <= CEILING + 1
    assert np.abs(settled).max() > 0.95 * CEILING
    steepest = 2 * np.pi * 200 / 8_000 * CEILING
    assert np.abs(np.diff(settled)).max() < 1.1 * steepest


def test_the_limiter_lets_go_slowly() -> None:
    limiter = Limiter()
    limited(limiter, np.full(FRAME, 120_000, np.float32))
    steps = []
    for _ in range(5):
        before = limiter.gain
        limited(limiter, np.full(FRAME, 100, np.float32))
        steps.append(limiter.gain - before)
    assert max(steps) == pytest.approx(0.2, abs=1e-5)
    assert limiter.gain == 1
    assert limited(limiter, np.full(FRAME, 100, np.float32)).tolist() == [100] * FRAME


def test_frames_that_cannot_be_cut_into_pieces_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple"):
        Limiter().process(np.zeros(10, np.float32))
    with pytest.raises(ValueError, match="samples"):
        Gain().add(np.zeros(10, np.float32), b"\0\0")
