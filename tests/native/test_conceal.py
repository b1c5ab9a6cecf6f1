"""Concealment: goes on as the voice did, fades, comes back without a seam, and does not care how it is asked."""

import numpy as np
import pytest

from mediasrv_native.kernels import Concealer
from tests.reference import sounds
from tests.reference.sounds import Pcm, Samples

FRAME = 160


def hum(samples: int, pitch_hz: float = 125.0, rate_hz: int = 8_000) -> Samples:
    """A vowel without end: twelve harmonics of one pitch."""
    at = np.arange(samples) / rate_hz
    return np.asarray(sum(np.sin(2 * np.pi * pitch_hz * k * at + k) / k for k in range(1, 13)) * 5_000)


def conceal(pcm: Pcm, lost_frames: set[int]) -> Pcm:
    concealer, out = Concealer(8_000), []
    for k in range(len(pcm) // FRAME):
        frame = pcm[k * FRAME : (k + 1) * FRAME]
        out.append(concealer.lost(FRAME) if k in lost_frames else concealer.good(frame.tobytes()))
    return np.frombuffer(b"".join(out), np.int16)


def substitute(pcm: Pcm, lost_frames: set[int], *, repeat: bool) -> Pcm:
    out = pcm[: len(pcm) // FRAME * FRAME].copy()
    for k in sorted(lost_frames):
        out[k * FRAME : (k + 1) * FRAME] = out[(k - 1) * FRAME : k * FRAME] if repeat else 0
    return out


def spectral_distance_db(a: Pcm, b: Pcm) -> float:
    """Root mean square difference of log spectra, over the frames in which `a` is not silent."""
    window, distances = np.hanning(256), []
    for at in range(0, len(a) - 256, 80):
        if np.abs(a[at : at + 256].astype(int)).max() > 200:
            spectra = [20 * np.log10(np.abs(np.fft.rfft(x[at : at + 256] * window)) + 300) for x in (a, b)]
            distances.append(np.sqrt(np.mean(np.square(spectra[0] - spectra[1]))))
    return float(np.mean(distances))


def error_db(pcm: Pcm, heard: Pcm) -> float:
    """Power of the difference below that of the original."""
    cut = pcm[: len(heard)].astype(np.float64)
    return sounds.power_db(heard - cut) - sounds.power_db(cut)


def test_without_loss_nothing_is_touched() -> None:
    pcm = sounds.to_pcm(sounds.talk(1, seed=2))
    assert np.array_equal(conceal(pcm, set()), pcm)


@pytest.mark.parametrize("pitch_hz", [80.0, 125.0, 180.0])
def test_a_steady_voice_goes_on_in_its_own_pitch(pitch_hz: float) -> None:
    pcm = sounds.to_pcm(hum(20 * FRAME, pitch_hz))
    out = conceal(pcm, {10})
    first_ms = slice(10 * FRAME, 10 * FRAME + 80)
    error_db = sounds.power_db(out[first_ms].astype(int) - pcm[first_ms]) - sounds.power_db(pcm[first_ms])
    assert error_db < -10


def test_neither_the_gap_nor_its_end_is_a_step() -> None:
    pcm = sounds.to_pcm(hum(40 * FRAME))
    steepest = np.abs(np.diff(pcm.astype(int))).max()
    for gap in ({10}, {10, 11}, {10, 11, 12, 13}, {10, 12, 14}):
        assert np.abs(np.diff(conceal(pcm, gap).astype(int))).max() < 1.25 * steepest


def test_it_fades_by_a_fifth_each_ten_milliseconds_and_is_silent_after_sixty() -> None:
    concealer = Concealer(8_000)
    pcm = sounds.to_pcm(hum(10 * FRAME))
    concealer.good(pcm.tobytes())
    gap = np.frombuffer(concealer.lost(1_600), np.int16)
    before_db = sounds.power_db(pcm)
    for stage, level in ((0, 1.0), (2, 0.7), (4, 0.3)):
        stage_db = sounds.power_db(gap[stage * 80 : stage * 80 + 80])
        assert stage_db - before_db == pytest.approx(20 * np.log10(level), abs=3)
    assert not gap[480:].any()


def test_what_comes_after_the_merge_is_untouched() -> None:
    pcm = sounds.to_pcm(hum(20 * FRAME))
    out = conceal(pcm, {10, 11, 12})
    assert np.array_equal(out[13 * FRAME + 80 :], pcm[13 * FRAME + 80 :])
    assert not np.array_equal(out[13 * FRAME : 13 * FRAME + 80], pcm[13 * FRAME : 13 * FRAME + 80])


def test_how_the_gap_is_asked_for_does_not_change_it() -> None:
    pcm = sounds.to_pcm(sounds.talk(0.5, seed=4)).tobytes()
    whole, cut = Concealer(8_000), Concealer(8_000)
    whole.good(pcm)
    for at in range(0, len(pcm), 2 * 37):
        cut.good(pcm[at : at + 2 * 37])
    assert whole.lost(640) == b"".join(cut.lost(n) for n in (1, 79, 0, 160, 33, 367))


@pytest.mark.parametrize("loss", [0.1, 0.2])
@pytest.mark.parametrize("pitch", ["low", "mid", "high"])
def test_voiced_speech_with_losses_is_nearer_than_repeated_or_silenced(loss: float, pitch: str) -> None:
    pcm = sounds.to_pcm(np.tile(sounds.voice("eau oui aia uoa eie iou aeo", pitch)[0], 3))
    rng = np.random.default_rng(5)
    lost = {int(k) for k in np.flatnonzero(rng.random(len(pcm) // FRAME) < loss) if k > 5}
    ours, repeated, silenced = (
        conceal(pcm, lost), substitute(pcm, lost, repeat=True), substitute(pcm, lost, repeat=False)
    )  # fmt: skip
    assert error_db(pcm, ours) < error_db(pcm, repeated) - 1
    assert spectral_distance_db(pcm, ours) < 1.05 * spectral_distance_db(pcm, repeated)
    assert spectral_distance_db(pcm, ours) < 0.97 * spectral_distance_db(pcm, silenced)


def test_a_loss_before_any_sound_is_silence() -> None:
    assert Concealer(16_000).lost(320) == bytes(640)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
def test_full_scale_noise_and_random_sizes_stay_in_range(rate_hz: int) -> None:
    rng, concealer = np.random.default_rng(rate_hz), Concealer(rate_hz)
    for _ in range(300):
        n = int(rng.integers(0, rate_hz // 20))
        if rng.random() < 0.5:
            assert len(concealer.lost(n)) == 2 * n
        else:
            frame = rng.choice(np.array([-32_768, 32_767], np.int16), n)
            assert len(concealer.good(frame.tobytes())) == 2 * n


def test_a_rate_below_eight_kilohertz_is_refused() -> None:
    with pytest.raises(ValueError, match="range"):
        Concealer(4_000)
