"""The power spectrum of 32 ms: Fourier's, under a Hann window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediasrv_native.speech import power_spectrum
from tests.reference.sounds import Pcm

SAMPLES, BINS = 256, 128
HANN = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(SAMPLES) + 0.5) / SAMPLES)


def kernel(pcm: Pcm) -> np.ndarray:
    return np.frombuffer(power_spectrum(pcm.tobytes()), np.float32)


@given(seed=st.integers(0, 2**32 - 1), most=st.sampled_from([1, 30, 1_000, 32_767]))
@settings(deadline=None)
def test_it_is_fouriers(seed: int, most: int) -> None:
    pcm = np.random.default_rng(seed).integers(-most - 1, most + 1, SAMPLES).astype(np.int16)
    expected = np.abs(np.fft.rfft(pcm * HANN)[:BINS]) ** 2 / SAMPLES
    assert np.abs(kernel(pcm) - expected).max() < 1e-5 * expected.max() + 1e-3


@pytest.mark.parametrize("hz", [250, 1_000, 2_500, 3_750])
def test_a_sine_stands_in_its_bin_as_high_as_the_header_says(hz: float) -> None:
    sine = (32_767 * np.sin(2 * np.pi * hz * np.arange(SAMPLES) / 8_000)).astype(np.int16)
    power = kernel(sine)
    assert np.argmax(power) == hz // 31.25
    assert power.max() == pytest.approx(2**30 * SAMPLES / 16, rel=0.01)


@pytest.mark.parametrize(
    "pcm", [np.full(SAMPLES, -32_768, np.int16), np.tile([32_767, -32_768], 128).astype(np.int16)]
)
def test_the_loudest_there_is_stays_finite(pcm: Pcm) -> None:
    assert np.isfinite(kernel(pcm)).all()
    assert kernel(np.zeros(SAMPLES, np.int16)).max() == 0


@pytest.mark.parametrize("octets", [0, 510, 514, 511])
def test_other_lengths_are_refused(octets: int) -> None:
    with pytest.raises(ValueError, match="not"):
        power_spectrum(bytes(octets))
