"""The suppressor: noise goes down, speech stays."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediasrv_native.echo import NoiseSuppressor
from tests.reference import noise as oracle
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


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
@pytest.mark.parametrize("noise_dbfs", [-40, -33])
@pytest.mark.parametrize("kind", [sounds.white, sounds.pink])
def test_speech_comes_within_five_decibels_of_what_is_possible(
    kind: Callable[..., Samples], noise_dbfs: float, rate_hz: int
) -> None:
    """What is possible: to be told which is which. The sound comes out 20 ms late."""
    said = np.concatenate([sounds.silence(2, rate_hz), sounds.talk(4, 3, rate_hz)])
    noise = kind(6, noise_dbfs, 1, rate_hz)
    late, talking = rate_hz // 50, slice(2 * rate_hz, 5 * rate_hz)
    before = oracle.snr_db(said[talking], (said + noise)[talking])
    best = oracle.snr_db(said[talking], oracle.suppressed(said, noise, rate_hz, floor_db=-15)[talking])
    ours = oracle.snr_db(said[talking], suppressed(said + noise, rate_hz)[late:][talking])
    assert before + 1.5 < ours < best
    assert ours > best - 5


@given(seeds=st.lists(st.integers(0, 3), min_size=2, max_size=4), strength=st.sampled_from([0.1, 0.5, 1.0]))
@settings(deadline=None)
def test_streams_side_by_side_do_not_hear_each_other(seeds: list[int], strength: float) -> None:
    heard = [sounds.to_pcm(sounds.talk(0.4, seed) + sounds.white(0.4, -40, seed)) for seed in seeds]
    together = [NoiseSuppressor(8_000, strength) for _ in seeds]
    outs: list[list[bytes]] = [[] for _ in seeds]
    for at in range(0, 3_200, 160):
        for suppressor, pcm, out in zip(together, heard, outs, strict=True):
            out.append(suppressor.process(pcm[at : at + 160].tobytes()))
    for pcm, out in zip(heard, outs, strict=True):
        alone = NoiseSuppressor(8_000, strength)
        assert out == [alone.process(pcm[at : at + 160].tobytes()) for at in range(0, 3_200, 160)]


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 48_000])
def test_four_seconds_after_a_din_speech_is_heard_again(rate_hz: int) -> None:
    """Two seconds at full scale are learnt as noise; what is said then is swallowed until that is unlearnt."""
    rng, said = np.random.default_rng(5), sounds.talk(6, 4, rate_hz)
    din = rng.choice([-32_768.0, 0.0, 32_767.0], 2 * rate_hz)
    out = suppressed(np.concatenate([din, said]), rate_hz)[6 * rate_hz :]
    assert sounds.power_db(out) == pytest.approx(sounds.power_db(said[4 * rate_hz :]), abs=3)


@pytest.mark.parametrize("strength", [0.0, -1.0, 1.01, float("nan"), float("inf")])
def test_a_strength_outside_the_range_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match="range"):
        NoiseSuppressor(8_000, strength)


def test_silence_stays_silence_and_full_scale_stays_in_range() -> None:
    assert np.abs(suppressed(sounds.silence(1))).max() <= 1
    square = np.where(np.arange(8_000) % 2, 32_767.0, -32_768.0)
    assert len(suppressed(square)) == 8_000


def test_a_frame_of_another_length_passes_untouched() -> None:
    assert NoiseSuppressor(8_000).process(b"\x01\x02" * 7) == b"\x01\x02" * 7


def test_a_rate_outside_the_range_is_refused() -> None:
    with pytest.raises(ValueError, match="range"):
        NoiseSuppressor(4_000)
