"""The suppressor of residual echo: what is left of the echo goes down, the caller does not."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediasrv_native.echo import EchoCanceller, ResidualSuppressor
from tests.reference import echo_path, sounds
from tests.reference import residual as oracle
from tests.reference.echo_path import FRAME, RATE_HZ
from tests.reference.sounds import Pcm, Samples

LAG = RATE_HZ // 100
NS_PER_MS = 1_000_000


def listen(far: Samples, came: Samples) -> tuple[Pcm, Pcm]:
    """What the canceller leaves, and what the suppressor leaves of that, both in the caller's time."""
    echo = EchoCanceller(RATE_HZ, 128)
    residual = ResidualSuppressor(RATE_HZ, echo)
    sent, mic = sounds.to_pcm(far), sounds.to_pcm(came)
    cleaned, out = [], []
    for k in range(len(mic) // FRAME):
        part = slice(k * FRAME, (k + 1) * FRAME)
        echo.reference(sent[part].tobytes(), k * 20 * NS_PER_MS)
        echo.arrival(k * FRAME, (k * 20 + 1) * NS_PER_MS)
        cleaned.append(echo.process(mic[part].tobytes(), k * FRAME))
        out.append(residual.process(cleaned[-1]))
    left, gone = (np.frombuffer(b"".join(x), np.int16) for x in (cleaned, out))
    return left[:-LAG], gone[LAG:]


@pytest.mark.parametrize("path", [echo_path.room(40), echo_path.line(30)], ids=["room", "line"])
def test_canceller_and_suppressor_together_take_off_thirty_decibels(path: Samples) -> None:
    far = sounds.talk(8, seed=3)
    came = np.convolve(far, path)[: len(far)]
    left, gone = listen(far, came)
    after = slice(3 * RATE_HZ, len(gone))
    assert sounds.power_db(came[after]) - sounds.power_db(gone[after]) > 30
    assert sounds.power_db(left[after]) - sounds.power_db(gone[after]) > 3


def test_the_caller_is_not_turned_down_when_both_talk() -> None:
    far = sounds.talk(12, seed=4)
    near = np.concatenate([sounds.silence(6), sounds.talk(6, seed=5)])
    _, gone = listen(far, np.convolve(far, echo_path.room(40))[: len(far)] + near)
    both = slice(6 * RATE_HZ, len(gone))
    assert sounds.power_db(gone[both]) - sounds.power_db(near[both]) == pytest.approx(0, abs=1)


def test_a_caller_alone_is_only_delayed() -> None:
    near = sounds.talk(3, seed=6)
    left, gone = listen(sounds.silence(3), near)
    assert np.array_equal(left, sounds.to_pcm(near)[: len(left)])
    assert np.abs(gone.astype(int) - left).max() <= 1


def test_after_the_echo_has_gone_the_caller_is_only_delayed_again() -> None:
    far = np.concatenate([sounds.talk(3, seed=7), sounds.silence(4)])
    near = np.concatenate([sounds.silence(4), sounds.talk(3, seed=8)])
    left, gone = listen(far, np.convolve(far, echo_path.room(40))[: len(far)] + near)
    alone = slice(5 * RATE_HZ, len(gone))
    assert np.abs(gone[alone].astype(int) - left[alone]).max() <= 1


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 48_000])
def test_every_sample_is_the_one_of_the_definition(rate_hz: int) -> None:
    """Echo alone, both, the caller alone, and an echo that is there and not there."""
    n, far = rate_hz // 100, sounds.talk(2, 1, rate_hz)
    near = sounds.talk(2, 2, rate_hz) * np.array([0, 1]).repeat(rate_hz)
    echo = (far * 0.3).astype(np.float32)
    pcm = sounds.to_pcm(near + echo * 0.1 + sounds.white(2, -65, 3, rate_hz))
    suppressor, exact = ResidualSuppressor(rate_hz, EchoCanceller(rate_hz, 64)), oracle.Suppressor(rate_hz)
    for k in range(200):
        part, estimate = pcm[k * n : (k + 1) * n], echo[k * n : (k + 1) * n] if k % 60 > 9 else None
        out = suppressor.suppress(part.tobytes(), None if estimate is None else estimate.tobytes())
        expected = exact.process(part, None if estimate is None else estimate.astype(np.float64))
        assert np.abs(np.frombuffer(out, np.int16) - expected).max() < 1


@given(blocks=st.lists(st.integers(1, 6), min_size=1, max_size=6), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_how_many_blocks_come_at_once_makes_no_difference(blocks: list[int], seed: int) -> None:
    rng, n = np.random.default_rng(seed), RATE_HZ // 100
    pcm = rng.integers(-32_768, 32_768, sum(blocks) * n).astype(np.int16)
    echo = (rng.standard_normal(len(pcm)) * 8_000).astype(np.float32)
    whole, parts = (ResidualSuppressor(RATE_HZ, EchoCanceller(RATE_HZ, 64)) for _ in range(2))
    edges = np.cumsum([0, *blocks]) * n
    cut = [parts.suppress(pcm[a:b].tobytes(), echo[a:b].tobytes()) for a, b in pairwise(edges)]
    assert b"".join(cut) == whole.suppress(pcm.tobytes(), echo.tobytes())


def test_an_estimate_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="as many samples"):
        ResidualSuppressor(RATE_HZ, EchoCanceller(RATE_HZ, 64)).suppress(bytes(160), bytes(160))


@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_anything_stays_in_range(seed: int) -> None:
    rng, echo = np.random.default_rng(seed), EchoCanceller(RATE_HZ, 64)
    residual = ResidualSuppressor(RATE_HZ, echo)
    for k in range(20):
        far, near = (rng.choice(np.array([-32_768, 0, 32_767], np.int16), FRAME).tobytes() for _ in range(2))
        echo.reference(far, k * 20 * NS_PER_MS)
        echo.arrival(k * FRAME, k * 20 * NS_PER_MS)
        assert len(residual.process(echo.process(near, k * FRAME))) == 2 * FRAME


def test_a_length_that_is_not_whole_blocks_passes_untouched() -> None:
    assert ResidualSuppressor(RATE_HZ, EchoCanceller(RATE_HZ, 64)).process(b"\x01\x02" * 7) == b"\x01\x02" * 7


def test_a_rate_outside_the_range_is_refused() -> None:
    with pytest.raises(ValueError, match="range"):
        ResidualSuppressor(11_025, EchoCanceller(RATE_HZ, 64))
