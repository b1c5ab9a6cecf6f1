"""The search for the echo's delay: the lag that a cross-correlation finds, and none where nothing echoes."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediasrv_native.echo import DelaySearch
from tests.reference import echo_path, sounds
from tests.reference import echo_search as oracle
from tests.reference.echo_path import RATE_HZ
from tests.reference.sounds import Samples


def lags(far: Samples, near: Samples, rate_hz: int = RATE_HZ) -> list[int]:
    """After each 10 ms, in 10 ms; -1: not known."""
    search, n = DelaySearch(rate_hz), rate_hz // 100
    said, came = sounds.to_pcm(far), sounds.to_pcm(near)
    return [
        search.process(said[at : at + n].tobytes(), came[at : at + n].tobytes())
        for at in range(0, len(said) - n + 1, n)
    ]


@pytest.mark.parametrize("delay_ms", [0, 40, 120, 250, 400, 580])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_an_echo_is_found_to_ten_milliseconds_within_two_seconds(delay_ms: int, rate_hz: int) -> None:
    far = sounds.talk(3, seed=1, rate_hz=rate_hz)
    late = np.concatenate([np.zeros(delay_ms * rate_hz // 1000), far])[: len(far)] / 4
    found = lags(far, late + sounds.white(3, -65, 2, rate_hz), rate_hz)
    since = round(150 + delay_ms / 5)
    assert all(abs(lag - delay_ms // 10) <= 1 for lag in found[since:])


def test_a_quieter_second_path_does_not_hide_the_first() -> None:
    far = sounds.talk(4, seed=2)
    path = np.zeros(2_800)
    path[240], path[2_560] = 0.3, 0.15  # 30 ms, and 320 ms at half of that
    found = lags(far, np.convolve(far, path)[: len(far)])
    assert found[-1] == pytest.approx(3, abs=1)


def test_without_an_echo_none_is_found() -> None:
    far = sounds.talk(6, seed=3)
    assert set(lags(far, sounds.white(6, -40, seed=4))) == {-1}
    assert set(lags(far, sounds.tone(6, -20, 440))) == {-1}
    assert set(lags(far, sounds.silence(6))) == {-1}


def test_what_was_found_is_kept_while_the_caller_talks() -> None:
    far = sounds.talk(6, seed=5)
    near = np.concatenate([np.zeros(800), far])[: len(far)] / 4
    near[3 * RATE_HZ :] += sounds.talk(3, seed=6)
    found = lags(far, near)
    assert all(abs(lag - 10) <= 1 for lag in found[150:])


@pytest.mark.parametrize("through", [echo_path.line, echo_path.room], ids=["line", "room"])
@pytest.mark.parametrize("loss_db", [3, 12, 20])
@pytest.mark.parametrize("delay_ms", [0, 33, 127, 290, 451, 560])
def test_it_is_the_delay_at_which_the_samples_are_most_alike(
    through: Callable[..., Samples], loss_db: float, delay_ms: float
) -> None:
    far = sounds.talk(4, seed=delay_ms)
    path = through(delay_ms=delay_ms, loss_db=loss_db)
    near = np.convolve(far, path)[: len(far)] + sounds.white(4, -65, seed=1)
    found = lags(far, near)[-1]
    assert found >= 0
    assert abs(found * 10 - oracle.delay_ms(far, near, RATE_HZ)) <= 10


@given(seed=st.integers(0, 2**32 - 1), rate_hz=st.sampled_from([8_000, 16_000, 24_000, 48_000]))
@settings(max_examples=20, deadline=None)
def test_anything_on_either_side_is_borne(seed: int, rate_hz: int) -> None:
    """Full-scale noise, silence and the two in turn: an answer within reach or none, and the next echo is found."""
    rng, n = np.random.default_rng(seed), rate_hz // 100
    search = DelaySearch(rate_hz)
    for _ in range(100):
        far, near = (
            (rng.choice([-32_768, 0, 32_767], n) * rng.integers(2)).astype(np.int16) for _ in range(2)
        )
        assert -1 <= search.process(far.tobytes(), near.tobytes()) < 60


def test_after_a_din_on_both_sides_the_echo_is_found_all_the_same() -> None:
    din = [sounds.white(2, -3, seed) for seed in (1, 2)]
    far = sounds.talk(6, seed=3)
    came = np.concatenate([np.zeros(800), far])[: len(far)] / 4
    found = lags(np.concatenate([din[0], far]), np.concatenate([din[1], came]))
    assert found[-1] == pytest.approx(10, abs=1)


@pytest.mark.parametrize("rate_hz", [0, 7_999, 11_025, 96_000])
def test_other_rates_are_refused(rate_hz: int) -> None:
    with pytest.raises(ValueError, match="range"):
        DelaySearch(rate_hz)
