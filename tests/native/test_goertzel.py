"""Keys in band: every key at every rate, what a line does to it, and what is none."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mediasrv.bench.quality import material
from mediasrv_native.tones import Detector, Tones
from tests.reference import goertzel as oracle
from tests.reference import sounds
from tests.reference.goertzel import HIGH_HZ, LOW_HZ

RATES_HZ = (8_000, 16_000, 24_000, 48_000)
KEYPAD = ((1, 2, 3, 12), (4, 5, 6, 13), (7, 8, 9, 14), (10, 0, 11, 15))
FREQUENCIES = {KEYPAD[low][high]: (LOW_HZ[low], HIGH_HZ[high]) for low in range(4) for high in range(4)}


def detect(samples: sounds.Samples, rate_hz: int = 8_000, piece_ms: int = 20) -> list[tuple[int, int]]:
    detector, pcm, size = Detector(rate_hz), sounds.to_pcm(samples).tobytes(), rate_hz // 500 * piece_ms
    found = (detector.process(pcm[at : at + size]) for at in range(0, len(pcm), size))
    return [key for key in found if key is not None]


def key_sound(
    key: int,
    ms: float = 60,
    low_dbfs: float = -20,
    high_dbfs: float = -20,
    off: float = 1.0,
    rate_hz: int = 8_000,
) -> sounds.Samples:
    low, high = FREQUENCIES[key]
    sine = sounds.tone(ms / 1000, low_dbfs, low * off, rate_hz=rate_hz)
    return sine + sounds.tone(ms / 1000, high_dbfs, high * off, rate_hz=rate_hz)


def padded(samples: sounds.Samples, rate_hz: int = 8_000, before_ms: float = 50) -> sounds.Samples:
    quiet = sounds.silence(before_ms / 1000, rate_hz), sounds.silence(0.1, rate_hz)
    return np.concatenate([quiet[0], samples, quiet[1]])


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("key", range(16))
def test_every_key_is_told_once_with_its_duration(key: int, rate_hz: int) -> None:
    found = detect(padded(key_sound(key, 100, rate_hz=rate_hz), rate_hz), rate_hz)
    assert [code for code, _ in found] == [key]
    assert 80 <= found[0][1] <= 115


@pytest.mark.parametrize("key", range(16))
def test_forty_milliseconds_are_enough_wherever_they_begin(key: int) -> None:
    for before_ms in np.arange(20, 34, 0.5):
        assert [c for c, _ in detect(padded(key_sound(key, 40), before_ms=before_ms))] == [key]


@pytest.mark.parametrize("off", [0.985, 1.015])
@pytest.mark.parametrize("key", range(16))
def test_tones_off_by_one_and_a_half_percent_are_keys(key: int, off: float) -> None:
    assert [c for c, _ in detect(padded(key_sound(key, 60, off=off)))] == [key]


@pytest.mark.parametrize(("high_db", "is_key"), [(3, True), (-7, True), (6, False), (-11, False)])
@pytest.mark.parametrize("key", range(16))
def test_twist_is_borne_as_far_as_a_line_makes_it(key: int, high_db: float, is_key: bool) -> None:
    found = detect(padded(key_sound(key, 60, -20, -20 + high_db)))
    assert [c for c, _ in found] == [key] * is_key


def test_keys_are_found_in_noise_fifteen_decibels_below() -> None:
    for key in range(16):
        sound = padded(key_sound(key, 60))
        assert [c for c, _ in detect(sound + sounds.white(len(sound) / 8_000, -35, key))] == [key]


def test_the_same_key_twice_is_two_keys_and_a_short_break_is_none() -> None:
    twice = [key_sound(5), sounds.silence(0.04), key_sound(5)]
    broken = [key_sound(5), sounds.silence(0.01), key_sound(5)]
    assert [c for c, _ in detect(padded(np.concatenate(twice)))] == [5, 5]
    assert [c for c, _ in detect(padded(np.concatenate(broken)))] == [5]


def test_speech_and_noise_press_no_key() -> None:
    assert detect(sounds.talk(60, 1)) == []
    assert detect(sounds.white(30, -15, 2)) == []
    assert detect(sounds.pink(30, -15, 3)) == []


@pytest.mark.parametrize("pitch", ["low", "mid", "high"])
def test_no_voice_presses_a_key(pitch: str) -> None:
    """A minute of each; half an hour is the benchmark's."""
    chance, said = np.random.default_rng(6), []
    while sum(map(len, said)) < 60 * 8_000:
        said.append(sounds.voice(" ".join(chance.choice(sounds.WORDS, 6)), pitch)[0])
    assert detect(np.concatenate(said)) == []


@pytest.mark.parametrize("seed", range(3))
def test_music_presses_no_key(seed: int) -> None:
    assert detect(material.music(8_000, 30, seed).astype(np.float64)) == []


@st.composite
def nearly_keys(draw: st.DrawFn, rate_hz: int) -> sounds.Samples:
    """Too short, too soft, off, twisted, broken, one straight after the other: and some that are keys."""
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        low_dbfs, high_dbfs = (draw(st.floats(-45, -10)) for _ in range(2))
        off, ms = draw(st.sampled_from([0.97, 0.985, 1.0, 1.0, 1.015, 1.03])), draw(st.floats(15, 90))
        parts.append(key_sound(draw(st.integers(0, 15)), ms, low_dbfs, high_dbfs, off, rate_hz))
        parts.append(sounds.silence(draw(st.sampled_from([0, 0.01, 0.03, 0.06])), rate_hz))
    sound = np.concatenate([*parts, sounds.silence(0.1, rate_hz)])
    noise = sounds.white(len(sound) / rate_hz, draw(st.floats(-80, -30)), draw(st.integers(0, 99)), rate_hz)
    return np.asarray(sound + noise[: len(sound)])


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@given(data=st.data())
@settings(deadline=None)
def test_what_is_heard_is_what_the_spectrum_of_each_block_says(data: st.DataObject, rate_hz: int) -> None:
    sound = data.draw(nearly_keys(rate_hz))
    assume(oracle.are_certain(sounds.to_pcm(sound), rate_hz))
    heard = oracle.keys(sounds.to_pcm(sound), rate_hz)
    assert detect(sound, rate_hz) == [(key.code, key.duration_ms) for key in heard]


@given(st.lists(st.integers(0, 320), min_size=1, max_size=40), st.integers(0, 15), st.integers(0, 99))
@settings(deadline=None)
def test_any_pieces_change_nothing(sizes: list[int], key: int, seed: int) -> None:
    sound = padded(key_sound(key, 60, rate_hz=16_000), 16_000)
    pcm = sounds.to_pcm(sound + sounds.white(len(sound) / 16_000, -40, seed, 16_000))
    detector, found, at = Detector(16_000), [], 0
    while at < len(pcm):
        size = sizes[at % len(sizes)] or 1
        found.append(detector.process(pcm[at : at + size].tobytes()))
        at += size
    assert [told for told in found if told] == detect(pcm.astype(np.float64), 16_000)


def test_pieces_change_nothing() -> None:
    sound = np.concatenate([padded(key_sound(k)) for k in range(16)])
    whole = detect(sound)
    assert [c for c, _ in whole] == list(range(16))
    assert detect(sound, piece_ms=1) == detect(sound, piece_ms=7) == whole


def test_any_samples_are_borne_and_too_many_refused() -> None:
    detector, rng = Detector(8_000), np.random.default_rng(4)
    for _ in range(500):
        detector.process(rng.integers(-32_768, 32_768, 160).astype(np.int16).tobytes())
        detector.process(np.full(160, -32_768, np.int16).tobytes())
    with pytest.raises(ValueError, match="range"):
        detector.process(bytes(322))


def test_our_own_keys_are_heard() -> None:
    for key in range(16):
        pcm, _ = Tones.of_key(8_000, key, 80).process(2_000)
        assert [c for c, _ in detect(np.frombuffer(pcm, np.int16).astype(np.float64))] == [key]
