"""The resampler against its textbook form: every pair of rates, any chunking, little lag."""

import itertools
from math import gcd

import numpy as np
import pytest

from mediasrv_native.kernels import Resampler
from tests.reference import resample, sounds

RATES_HZ = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
PAIRS = list(itertools.permutations(RATES_HZ, 2))


@pytest.mark.parametrize(("in_hz", "out_hz"), PAIRS)
def test_every_pair_agrees_with_the_oracle_to_the_rounding(in_hz: int, out_hz: int) -> None:
    pcm = sounds.to_pcm(sounds.white(0.05, -12, seed=in_hz + out_hz, rate_hz=in_hz))
    got = np.frombuffer(Resampler(in_hz, out_hz).process(pcm.tobytes()), np.int16)
    expected = np.clip(resample.resample(pcm, in_hz, out_hz), -32_768, 32_767)
    assert len(got) == len(expected)
    assert np.abs(got - expected).max() < 0.75


@pytest.mark.parametrize(
    ("in_hz", "out_hz"),
    [(8_000, 16_000), (8_000, 48_000), (16_000, 48_000), (16_000, 8_000), (44_100, 8_000), (22_050, 48_000)],
)
def test_chunking_does_not_change_a_bit(in_hz: int, out_hz: int) -> None:
    pcm = sounds.to_pcm(sounds.white(0.3, -12, seed=4, rate_hz=in_hz)).tobytes()
    whole = Resampler(in_hz, out_hz).process(pcm)
    rng = np.random.default_rng(11)
    chunked, pieces, at = Resampler(in_hz, out_hz), [], 0
    while at < len(pcm):
        size = 2 * int(rng.integers(0, 700))
        pieces.append(chunked.process(pcm[at : at + size]))
        at += size
    assert b"".join(pieces) == whole


@pytest.mark.parametrize(("in_hz", "out_hz"), PAIRS)
def test_lag_stays_below_three_milliseconds_and_is_what_is_said(in_hz: int, out_hz: int) -> None:
    resampler = Resampler(in_hz, out_hz)
    click = np.zeros(in_hz // 20, np.int16)
    click[in_hz // 100] = 20_000
    out = np.frombuffer(resampler.process(click.tobytes()), np.int16)
    measured_ms = int(np.abs(out).argmax()) / out_hz * 1000 - 10
    assert resampler.lag_ms < 3
    assert measured_ms == pytest.approx(resampler.lag_ms, abs=1000 / out_hz + 0.1)


@pytest.mark.parametrize(("in_hz", "out_hz"), [(8_000, 16_000), (48_000, 8_000), (44_100, 16_000)])
def test_telephone_band_is_flat_and_images_and_aliases_are_gone(in_hz: int, out_hz: int) -> None:
    common = gcd(in_hz, out_hz)
    up, lower = out_hz // common, min(in_hz, out_hz)
    gain_db = 20 * np.log10(np.abs(np.fft.rfft(resample.prototype(up, in_hz // common), 1 << 18)) / up + 1e-9)
    hz = np.fft.rfftfreq(1 << 18, 1 / (in_hz * up))
    assert np.abs(gain_db[hz < 0.42 * lower]).max() < 0.1
    assert gain_db[hz > 0.53 * lower].max() < -68


def test_a_constant_stays_that_constant() -> None:
    out = np.frombuffer(
        Resampler(22_050, 16_000).process(np.full(4_000, 1_234, np.int16).tobytes()), np.int16
    )
    assert set(out[500:]) == {1_234}


def test_full_scale_square_saturates_instead_of_wrapping() -> None:
    square = np.where(np.arange(1_600) % 80 < 40, 32_767, -32_768).astype(np.int16)
    out = np.frombuffer(Resampler(8_000, 16_000).process(square.tobytes()), np.int16)
    settled = out[100:]
    assert np.abs(np.diff(settled.astype(int))).max() < 65_535
    assert settled.max() == 32_767
    assert settled.min() == -32_768


def test_equal_rates_pass_through() -> None:
    pcm = sounds.to_pcm(sounds.white(0.02, -6, seed=1)).tobytes()
    assert Resampler(8_000, 8_000).process(pcm) == pcm


def test_a_rate_outside_the_list_is_refused() -> None:
    with pytest.raises(ValueError, match="range"):
        Resampler(8_000, 11_025)
