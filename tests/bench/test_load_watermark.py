"""The sound that load calls carry: read as it was made, through a telephone line, and in the company of others."""

from __future__ import annotations

import random

import numpy as np
import pytest

from mediasrv.audio import PTIME_MS
from mediasrv_native.kernels import Resampler
from tests.reference.g711 import decode_mu
from tools.load.verdict import Verdict
from tools.load.watermark import CALLS_MAX, FRAME, HAND_MS, SPEAKS_RATE_HZ, TURN_MS, Frame, read, turn_of

SEED = 20261121
MU_LAW = np.array([decode_mu(octet) for octet in range(256)])


def heard(pcm: bytes, shift: int = 0) -> bytes:
    """Mu-law, then 16 kHz, cut into frames somewhere."""
    resampler = Resampler(SPEAKS_RATE_HZ, 2 * SPEAKS_RATE_HZ)
    companded = MU_LAW[np.abs(np.frombuffer(pcm, "<i2")[:, None] - MU_LAW).argmin(axis=1)]
    wide = resampler.process(companded.astype("<i2").tobytes())[2 * shift :]
    return wide[: len(wide) // (2 * FRAME) * 2 * FRAME]


def test_every_call_is_told_from_every_other() -> None:
    print("seed", SEED)
    for call in random.Random(SEED).sample(range(CALLS_MAX), 40):
        frames = read(heard(turn_of(call)))[1:]
        assert {frame.call for frame in frames} == {call}


@pytest.mark.parametrize("shift", [0, 1, 37, 160, 319])
def test_the_clock_goes_round_wherever_the_frames_are_cut(shift: int) -> None:
    verdict = Verdict(7)
    for frame in read(heard(turn_of(7) * 3, shift))[1:]:
        verdict.hear(frame)
    verdict.finish()
    assert (verdict.jumps, verdict.gaps_ms, verdict.foreign_ms) == (0, [], 0)
    assert verdict.own_ms >= 3 * TURN_MS - 3 * PTIME_MS


def test_a_turn_has_no_seam_and_does_not_clip() -> None:
    samples = np.frombuffer(turn_of(3), "<i2").astype(int)
    assert len(samples) == SPEAKS_RATE_HZ * TURN_MS // 1000
    assert 8_000 < np.abs(samples).max() < 20_000
    assert abs(samples[0] - samples[-1]) < 8_000


def test_noise_and_silence_are_nobodys() -> None:
    print("seed", SEED)
    noise = np.random.default_rng(SEED).normal(0, 3_000, 50 * FRAME).astype("<i2").tobytes()
    assert sum(frame.call is not None for frame in read(noise)) <= 1
    assert read(bytes(2 * FRAME)) == [Frame(None, None, silent=True)]


def test_a_call_number_beyond_the_last_is_refused() -> None:
    with pytest.raises(ValueError, match="told apart"):
        turn_of(CALLS_MAX)


def said(*frames: Frame | None) -> Verdict:
    """A verdict on call 1 after those frames; None: one that was concealed."""
    verdict = Verdict(1)
    for frame in frames:
        verdict.hear(frame or Frame(1, 0), concealed=frame is None)
    verdict.finish()
    return verdict


SILENCE, OTHER, BLUR = Frame(None, None, silent=True), Frame(2, 0), Frame(None, None)


def own(*hands: int | None) -> list[Frame]:
    return [Frame(1, hand) for hand in hands]


def test_what_comes_before_the_first_sound_of_ones_own_is_no_gap() -> None:
    verdict = said(SILENCE, SILENCE, *own(0, 0))
    assert (verdict.gaps_ms, verdict.silent_ms, verdict.own_ms) == ([], 0, 40)


def test_a_gap_is_as_long_as_what_is_missing_between() -> None:
    verdict = said(*own(0), SILENCE, BLUR, None, *own(1), SILENCE)
    assert (verdict.gaps_ms, verdict.max_gap_ms) == ([60, 20], 60)
    assert (verdict.silent_ms, verdict.unclear_ms, verdict.concealed_ms) == (40, 20, 20)


def test_another_calls_sound_is_counted_even_before_ones_own() -> None:
    assert said(OTHER, *own(0)).foreign_ms == 20
    assert said(*own(0), OTHER, *own(0)).foreign_ms == 20


@pytest.mark.parametrize(
    ("hands", "jumps"),
    [
        ((0, 0, 0, 1, 1, 1), 0),
        ((0, 0, None, 1, 1, None, 2), 0),
        ((7, 7, 0), 0),
        ((0, 0, 2), 1),  # a hand was left out
        ((1, 1, 0), 1),  # back
        ((3, 3, 3, 3, 3, 3), 1),  # stands still
    ],
)
def test_a_clock_that_does_not_go_on_is_a_jump(hands: tuple[int | None, ...], jumps: int) -> None:
    assert said(*own(*hands)).jumps == jumps


def test_the_clock_may_stand_anywhere_after_a_gap() -> None:
    verdict = said(*own(0, 0), SILENCE, *own(5, 5, 5, 6))
    assert (verdict.jumps, verdict.gaps_ms) == (0, [20])


def test_the_hand_is_a_whole_number_of_frames() -> None:
    assert HAND_MS % PTIME_MS == 0
