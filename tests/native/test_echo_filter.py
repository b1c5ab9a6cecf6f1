"""The canceller's transform and filter on their own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv_native.echo import AdaptiveFilter, fft_forward, fft_inverse
from tests.reference import echo_filter, echo_path, sounds
from tests.reference.echo_path import RATE_HZ
from tests.reference.sounds import Pcm, Samples

BLOCK = RATE_HZ // 100


def blocks(pcm: Pcm, block: int = BLOCK) -> list[Pcm]:
    return [pcm[at : at + block] for at in range(0, len(pcm) - block + 1, block)]


def filtered(far: Pcm, near: Pcm, tail_ms: int = 128, rate_hz: int = RATE_HZ) -> Samples:
    adaptive, n = AdaptiveFilter(rate_hz, tail_ms), rate_hz // 100
    pairs = zip(blocks(far, n), blocks(near, n), strict=True)
    return np.concatenate(
        [np.frombuffer(adaptive.process(f.tobytes(), d.tobytes())[0], np.float32) for f, d in pairs]
    ).astype(np.float64)


# ---- the transform ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [160, 320, 480, 960])
@given(seed=st.integers(0, 2**32 - 1), level=st.floats(1e-3, 1e7))
def test_the_transform_is_fouriers_and_its_inverse_undoes_it(n: int, seed: int, level: float) -> None:
    samples = (np.random.default_rng(seed).standard_normal(n) * level).astype(np.float32)
    re, im = (np.frombuffer(part, np.float32) for part in fft_forward(samples.tobytes()))
    expected = np.fft.rfft(samples.astype(np.float64))
    assert np.abs(re + 1j * im - expected).max() < 1e-5 * np.sqrt(n) * level * 4
    again = np.frombuffer(fft_inverse(re.tobytes(), im.tobytes()), np.float32)
    assert np.abs(again - samples).max() < 1e-5 * level * 4


@pytest.mark.parametrize("n", [0, 2, 159, 161, 128, 1_920])
def test_other_lengths_are_refused(n: int) -> None:
    with pytest.raises(ValueError, match="no transform"):
        fft_forward(bytes(4 * n))


# ---- the filter ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate_hz", "tail_ms"), [(8_000, 128), (16_000, 64)])
def test_the_filter_is_the_one_of_the_papers(rate_hz: int, tail_ms: int) -> None:
    far = sounds.to_pcm(sounds.talk(1.5, seed=1, rate_hz=rate_hz))
    near = sounds.to_pcm(
        np.convolve(far, echo_path.room(10))[: len(far)] + sounds.white(1.5, -70, 2, rate_hz)
    )
    reference, n = echo_filter.AdaptiveFilter(rate_hz, tail_ms), rate_hz // 100
    expected = np.concatenate(
        [reference.process(f, d) for f, d in zip(blocks(far, n), blocks(near, n), strict=True)]
    )
    got = filtered(far, near, tail_ms, rate_hz)
    assert sounds.power_db(got - expected) < sounds.power_db(expected) - 40


def test_what_is_left_and_what_was_taken_off_are_what_came() -> None:
    far = sounds.to_pcm(sounds.pink(1, -20, seed=1))
    near = sounds.to_pcm(np.convolve(far, echo_path.line())[: len(far)])
    adaptive = AdaptiveFilter(RATE_HZ, 128)
    for f, d in zip(blocks(far), blocks(near), strict=True):
        left, echo = (np.frombuffer(part, np.float32) for part in adaptive.process(f.tobytes(), d.tobytes()))
        assert np.abs(left + echo - d).max() < 0.5


def test_a_filter_that_is_moved_by_whole_blocks_goes_on_as_if_nothing_were() -> None:
    far = sounds.to_pcm(sounds.pink(6, -20, seed=2))
    near = sounds.to_pcm(np.convolve(far, echo_path.line(delay_ms=50))[: len(far)])
    adaptive, levels = AdaptiveFilter(RATE_HZ, 128), []
    for k, (f, d) in enumerate(zip(blocks(far), blocks(near), strict=True)):
        if k == 300:  # from now on the far end comes 30 ms later, and so did its past
            adaptive.shift(3)
            for past in range(k - 3 - 13, k - 3):
                adaptive.hear(far[past * BLOCK : (past + 1) * BLOCK].tobytes())
        late = far[(k - 3) * BLOCK : (k - 2) * BLOCK] if k >= 300 else f
        left = np.frombuffer(adaptive.process(late.tobytes(), d.tobytes())[0], np.float32)
        levels.append(sounds.power_db(left))
    assert np.mean(levels[320:400]) < np.mean(levels[260:300]) + 3


@given(blocks_moved=st.integers(-1_000, 1_000), seed=st.integers(0, 2**32 - 1))
def test_a_filter_moved_anywhere_and_given_anything_stays_finite(blocks_moved: int, seed: int) -> None:
    rng, adaptive = np.random.default_rng(seed), AdaptiveFilter(RATE_HZ, 64)
    for _ in range(20):
        far, near = (rng.choice(np.array([-32_768, 0, 32_767], np.int16), BLOCK).tobytes() for _ in range(2))
        left, echo = adaptive.process(far, near)
        assert np.isfinite(np.frombuffer(left + echo, np.float32)).all()
        adaptive.shift(blocks_moved)


def test_a_filter_stays_stable_while_both_talk_for_a_minute() -> None:
    """Ten minutes are the benchmark's; this is both talking all the time, the caller as loud as the echo or louder."""
    far = np.tile(sounds.to_pcm(sounds.talk(10, seed=3)), 6)
    near = np.tile(sounds.talk(10, seed=4), 6) / 2
    came = sounds.to_pcm(np.convolve(far, echo_path.room())[: len(far)] + near)
    left = filtered(far, came)
    assert np.isfinite(left).all()
    assert sounds.power_db(left) < sounds.power_db(came) + 1


@pytest.mark.parametrize(("rate_hz", "tail_ms"), [(8_001, 128), (11_025, 128), (8_000, 19), (8_000, 501)])
def test_filters_outside_the_range_are_refused(rate_hz: int, tail_ms: int) -> None:
    with pytest.raises(ValueError, match="range"):
        AdaptiveFilter(rate_hz, tail_ms)


@pytest.mark.parametrize("delay", [1, 30, 104, 140, 400])
def test_a_path_is_learnt_though_its_echo_was_not_there_when_the_far_end_began(delay: int) -> None:
    """The first blocks show sound without its echo: that must not count as proof that there is none."""
    far = sounds.to_pcm(sounds.white(2, -23, seed=1))
    near = np.concatenate([np.zeros(delay, np.int16), far // 3])[: len(far)]
    left = filtered(far, near)
    assert sounds.power_db(near[8_000:]) - sounds.power_db(left[8_000:]) > 20
