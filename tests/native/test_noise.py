"""The suppressor: noise goes down, speech stays."""

import numpy as np
import pytest

from mediasrv_native.echo import NoiseSuppressor
from tests.reference import sounds
from tests.reference.sounds import Pcm, Samples


def suppressed(samples: Samples, rate_hz: int = 8_000) -> Pcm:
    suppressor, pcm, frame = NoiseSuppressor(rate_hz), sounds.to_pcm(samples), rate_hz // 50
    frames = (pcm[at : at + frame] for at in range(0, len(pcm) - frame + 1, frame))
    return np.frombuffer(b"".join(suppressor.process(f.tobytes()) for f in frames), np.int16)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_steady_noise_goes_down_by_ten_decibels(rate_hz: int) -> None:
    noise = sounds.white(4, -40, seed=1, rate_hz=rate_hz)
    out = suppressed(noise, rate_hz)
    assert sounds.power_db(noise[2 * rate_hz :]) - sounds.power_db(out[2 * rate_hz :]) > 10


def test_speech_over_noise_keeps_its_level() -> None:
    said = sounds.talk(4, seed=2)
    out = suppressed(np.concatenate([sounds.silence(1), said]) + sounds.white(5, -50, seed=2))
    assert sounds.power_db(out[8_000:]) == pytest.approx(sounds.power_db(said), abs=2)


def test_silence_stays_silence_and_full_scale_stays_in_range() -> None:
    assert np.abs(suppressed(sounds.silence(1))).max() <= 1
    square = np.where(np.arange(8_000) % 2, 32_767.0, -32_768.0)
    assert len(suppressed(square)) == 8_000


def test_a_frame_of_another_length_passes_untouched() -> None:
    assert NoiseSuppressor(8_000).process(b"\x01\x02" * 7) == b"\x01\x02" * 7


def test_a_rate_outside_the_range_is_refused() -> None:
    with pytest.raises(ValueError, match="range"):
        NoiseSuppressor(4_000)
