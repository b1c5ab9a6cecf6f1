"""Concealment: goes on as the voice did, fades, comes back without a seam, and does not care how it is asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv_native.repair import METHODS, Concealer
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


def repeat_last(pcm: Pcm, lost_frames: set[int]) -> Pcm:
    out = pcm[: len(pcm) // FRAME * FRAME].copy()
    for k in sorted(lost_frames):
        out[k * FRAME : (k + 1) * FRAME] = out[(k - 1) * FRAME : k * FRAME]
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


def test_a_voice_keeps_its_level_for_forty_milliseconds_and_is_gone_after_a_hundred() -> None:
    concealer = Concealer(8_000)
    pcm = sounds.to_pcm(hum(10 * FRAME))
    concealer.good(pcm.tobytes())
    gap = np.frombuffer(concealer.lost(1_600), np.int16)
    before_db = sounds.power_db(pcm)
    assert sounds.power_db(gap[:320]) - before_db == pytest.approx(0, abs=3)
    assert sounds.power_db(gap[400:480]) - before_db == pytest.approx(20 * np.log10(0.9**1.5), abs=3)
    assert sounds.power_db(gap[800:]) - before_db < -40


def test_a_long_gap_sounds_like_the_quiet_of_the_line() -> None:
    concealer = Concealer(8_000)
    quiet = sounds.to_pcm(sounds.white(8, -55, seed=3))
    concealer.good(quiet.tobytes())
    concealer.good(sounds.to_pcm(hum(10 * FRAME)).tobytes())
    gap = np.frombuffer(concealer.lost(4_000), np.int16)
    assert sounds.power_db(gap[1_000:]) == pytest.approx(sounds.power_db(quiet), abs=4)


def test_what_comes_after_the_merge_is_untouched() -> None:
    pcm = sounds.to_pcm(hum(20 * FRAME))
    out = conceal(pcm, {10, 11, 12})
    assert np.array_equal(out[13 * FRAME + 96 :], pcm[13 * FRAME + 96 :])
    assert not np.array_equal(out[13 * FRAME : 13 * FRAME + 96], pcm[13 * FRAME : 13 * FRAME + 96])


def gap_of(method: str, before: Pcm, samples: int = FRAME, rate_hz: int = 8_000) -> Pcm:
    concealer = Concealer(rate_hz, METHODS[method])
    concealer.good(before.tobytes())
    return np.frombuffer(concealer.lost(samples), np.int16)


def test_repeat_is_the_last_frame_again_softer_each_time() -> None:
    pcm = sounds.to_pcm(sounds.talk(1, seed=6))
    gap = gap_of("repeat", pcm, 3 * FRAME)
    for k in range(3):
        expected = pcm[-FRAME:] * 0.7 ** (k + 1)
        assert np.abs(gap[k * FRAME : (k + 1) * FRAME] - expected).max() <= 0.51


def linear_oracle(pcm: Pcm, samples: int) -> Samples:
    """Levinson-Durbin by solving the normal equations, then the filter left to itself."""
    order, window = 16, 240
    x = pcm[-window:] * np.hamming(window)
    blur = np.exp(-0.5 * (2 * np.pi * 40 * np.arange(order + 1) / 8_000) ** 2)
    r = np.array([x[: window - k] @ x[k:] for k in range(order + 1)]) * blur
    r[0] = r[0] * 1.0001 + 1
    matrix = np.array([[r[abs(i - j)] for j in range(order)] for i in range(order)])
    predictor = np.linalg.solve(matrix, r[1:])
    signal = list(pcm[-order:].astype(float))
    for _ in range(samples):
        signal.append(float(predictor @ np.array(signal[-1 : -order - 1 : -1])))
    return np.array(signal[order:]) * 0.7 ** (1 + np.arange(samples) // FRAME)


def test_linear_is_what_a_predictor_makes_of_the_last_samples() -> None:
    pcm = sounds.to_pcm(hum(20 * FRAME))
    gap, expected = gap_of("linear", pcm, 2 * FRAME), linear_oracle(pcm, 2 * FRAME)
    assert sounds.power_db(gap - expected) < sounds.power_db(expected) - 40


@pytest.mark.parametrize("hz", [312.5, 1_000.0, 2_900.0])
def test_spectral_goes_on_with_a_tone_in_its_phase(hz: float) -> None:
    at = np.arange(20 * FRAME + 160)
    tone = np.rint(6_000 * np.sin(2 * np.pi * hz * at / 8_000)).astype(np.int16)
    gap = gap_of("spectral", tone[: 20 * FRAME], 160)
    expected = 0.7 * tone[20 * FRAME :]
    assert sounds.power_db(gap - expected) < sounds.power_db(expected) - 15


def test_auto_takes_the_method_that_recent_loss_asks_for() -> None:
    pcm = sounds.to_pcm(sounds.talk(3, seed=8))
    seldom = gap_of("auto", pcm)
    assert np.array_equal(seldom, gap_of("linear", pcm))
    often, waveform = Concealer(8_000, METHODS["auto"]), Concealer(8_000)
    for k, at in enumerate(range(0, len(pcm), FRAME)):
        if k % 5 == 4:
            often.lost(FRAME)
        else:
            often.good(pcm[at : at + FRAME].tobytes())
    assert 0.1 < often.loss < 0.25
    steady = sounds.to_pcm(hum(10 * FRAME)).tobytes()
    often.good(steady)
    waveform.good(steady)
    assert often.lost(FRAME) == waveform.lost(FRAME)


def test_how_the_gap_is_asked_for_does_not_change_it() -> None:
    pcm = sounds.to_pcm(sounds.talk(0.5, seed=4)).tobytes()
    whole, cut = Concealer(8_000), Concealer(8_000)
    whole.good(pcm)
    for at in range(0, len(pcm), 2 * 37):
        cut.good(pcm[at : at + 2 * 37])
    assert whole.lost(640) == b"".join(cut.lost(n) for n in (1, 79, 0, 160, 33, 367))


@pytest.mark.parametrize("loss", [0.1, 0.2])
@pytest.mark.parametrize("pitch", ["low", "mid", "high"])
def test_voiced_speech_with_losses_is_nearer_than_repeated(loss: float, pitch: str) -> None:
    pcm = sounds.to_pcm(np.tile(sounds.voice("eau oui aia uoa eie iou aeo", pitch)[0], 3))
    rng = np.random.default_rng(5)
    lost = {int(k) for k in np.flatnonzero(rng.random(len(pcm) // FRAME) < loss) if k > 5}
    ours, repeated = conceal(pcm, lost), repeat_last(pcm, lost)
    assert error_db(pcm, ours) < error_db(pcm, repeated)
    assert spectral_distance_db(pcm, ours) < 1.15 * spectral_distance_db(pcm, repeated)


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


@pytest.mark.parametrize(
    ("rate_hz", "method"), [(4_000, 0), (8_000, -1), (8_000, 5), (44_100, 0), (96_000, 0)]
)
def test_what_cannot_be_is_refused(rate_hz: int, method: int) -> None:
    with pytest.raises(ValueError, match="range"):
        Concealer(rate_hz, method)


@given(
    method=st.sampled_from(sorted(METHODS)),
    cuts=st.lists(st.tuples(st.booleans(), st.integers(0, 700)), min_size=1, max_size=12),
    seed=st.integers(0, 1_000),
)
def test_chunks_do_not_matter_to_any_method(method: str, cuts: list[tuple[bool, int]], seed: int) -> None:
    """Good audio in whatever pieces, and a gap in whatever pieces, sound the same."""
    rng = np.random.default_rng(seed)
    whole, cut = Concealer(8_000, METHODS[method]), Concealer(8_000, METHODS[method])
    for is_lost, n in cuts:
        first = int(rng.integers(0, n + 1))
        if is_lost:
            assert whole.lost(n) == cut.lost(first) + cut.lost(n - first)
            continue
        pcm = rng.integers(-20_000, 20_000, n, np.int16)
        if n < 96 or first < 96:  # the merge looks at the piece in hand: a shorter one is merged over less
            first = 0
        assert whole.good(pcm.tobytes()) == cut.good(pcm[:first].tobytes()) + cut.good(pcm[first:].tobytes())
