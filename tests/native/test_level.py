"""High-pass and gain: rumble goes, voices come to their level, silence and noise stay where they are."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediasrv_native.echo import GainControl, HighPass
from tests.reference import level as oracle
from tests.reference import sounds
from tests.reference.sounds import Pcm, Samples

RATES = [8_000, 16_000, 48_000]
TARGET_DBFS = -20.0
FULL_SCALE_DB = sounds.power_db(np.full(10, 32_768.0))


def passed(samples: Samples, rate_hz: int = 8_000) -> Pcm:
    return np.frombuffer(HighPass(rate_hz).process(sounds.to_pcm(samples).tobytes()), np.int16)


def levelled(
    samples: Samples, *, speech: bool = True, rate_hz: int = 8_000, target_dbfs: float = TARGET_DBFS
) -> Pcm:
    gain, pcm, n = GainControl(rate_hz, target_dbfs), sounds.to_pcm(samples), rate_hz // 50
    frames = (pcm[at : at + n] for at in range(0, len(pcm), n))
    return np.frombuffer(b"".join(gain.process(f.tobytes(), speech) for f in frames), np.int16)


# ---- high-pass ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize(
    ("hz", "gain_db", "within_db"),
    [(30, -19, 1), (50, -10.6, 0.7), (90, -3, 0.3), (200, -0.2, 0.2), (1_000, 0, 0.1)],
)
def test_what_lies_below_a_voice_goes(rate_hz: int, hz: float, gain_db: float, within_db: float) -> None:
    """Second order at 90 Hz: 12 dB an octave."""
    tone = sounds.tone(2, -12, hz, rate_hz=rate_hz)
    out = passed(tone, rate_hz)[rate_hz:]
    assert sounds.power_db(out) - sounds.power_db(tone[rate_hz:]) == pytest.approx(gain_db, abs=within_db)


@pytest.mark.parametrize("rate_hz", RATES)
def test_the_high_pass_is_butterworths(rate_hz: int) -> None:
    noise = sounds.to_pcm(sounds.pink(0.5, -20, seed=1, rate_hz=rate_hz))
    expected = oracle.HighPass(rate_hz).process(noise)
    assert np.abs(passed(noise.astype(np.float64), rate_hz) - expected).max() <= 1


@given(cuts=st.lists(st.integers(0, 500), max_size=8), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_chunking_does_not_change_the_high_pass(cuts: list[int], seed: int) -> None:
    pcm = np.random.default_rng(seed).integers(-32_768, 32_768, 500).astype(np.int16)
    edges = [0, *sorted(cuts), len(pcm)]
    chunked = HighPass(8_000)
    parts = [chunked.process(pcm[a:b].tobytes()) for a, b in pairwise(edges)]
    assert b"".join(parts) == HighPass(8_000).process(pcm.tobytes())


# ---- gain ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level_dbfs", [-45, -33, -21, -12])
def test_a_voice_comes_to_the_target(level_dbfs: float) -> None:
    voice = sounds.talk(12, seed=1)
    voice *= 10 ** ((level_dbfs + FULL_SCALE_DB - sounds.power_db(voice)) / 20)
    out = levelled(voice)[-4 * 8_000 :]
    assert sounds.power_db(out) - FULL_SCALE_DB == pytest.approx(TARGET_DBFS, abs=2.5)


def test_the_gain_is_bounded_both_ways() -> None:
    faint, loud = sounds.white(12, -58, seed=1), sounds.white(12, -3, seed=2)
    gain = GainControl(8_000, TARGET_DBFS)
    gain.process(sounds.to_pcm(faint).tobytes(), True)
    for pcm, bound_db in ((faint, 30.0), (loud, -18.0)):
        gain = GainControl(8_000, -6 if bound_db > 0 else -40)
        frames = sounds.to_pcm(pcm).reshape(-1, 160)
        for frame in frames:
            gain.process(frame.tobytes(), True)
        assert gain.gain_db == pytest.approx(bound_db)


def test_pauses_are_not_pumped_up() -> None:
    noise = sounds.white(6, -50, seed=3)
    out = levelled(noise, speech=False)
    assert np.array_equal(out, sounds.to_pcm(noise))


def test_a_shout_after_a_whisper_does_not_clip() -> None:
    whisper, shout = sounds.white(5, -45, seed=4), sounds.white(1, -4, seed=5)
    out = levelled(np.concatenate([whisper, np.clip(shout, -32_768, 32_767)]))
    assert np.abs(out.astype(int)).max() <= 29_205


def test_the_gain_moves_without_steps() -> None:
    """A tone's envelope changes from one sample to the next by what 20 dB a second allows, no more."""
    tone = np.full(8_000 * 4, 1_000.0)
    out = levelled(tone).astype(float)
    assert np.abs(np.diff(out)).max() <= 20


def shaped(kind: str, seed: int, rate_hz: int) -> Pcm:
    """Speech from soft to loud, or anything."""
    if kind == "anything":
        return np.random.default_rng(seed).integers(-32_768, 32_768, rate_hz).astype(np.int16)
    rising = np.geomspace(0.02, 4, 2 * rate_hz)[:: -1 if kind == "falling" else 1]
    return sounds.to_pcm(sounds.talk(2, seed, rate_hz) * rising)


@pytest.mark.parametrize("kind", ["rising", "falling", "anything"])
@pytest.mark.parametrize("packets_ms", [(20,), (10, 60, 30)], ids=str)
@pytest.mark.parametrize("target_dbfs", [-40, -20, -6])
def test_the_gain_is_the_one_of_its_definition(
    kind: str, packets_ms: tuple[int, ...], target_dbfs: float
) -> None:
    gain, exact = GainControl(8_000, target_dbfs), oracle.GainControl(8_000, target_dbfs)
    pcm, at, number = shaped(kind, 3, 8_000), 0, 0
    while at < len(pcm):
        part = pcm[at : at + 8 * packets_ms[number % len(packets_ms)]]
        speech, at, number = number % 7 != 0, at + len(part), number + 1
        out, expected = (
            np.frombuffer(gain.process(part.tobytes(), speech), np.int16),
            exact.process(part, speech),
        )
        assert np.all(np.abs(out - expected) <= 1 + 1e-3 * np.abs(expected))
        assert gain.gain_db == pytest.approx(exact.gain_db, abs=0.01)


@given(packet_ms=st.sampled_from([10, 30, 60]), seed=st.integers(0, 9))
@settings(max_examples=8, deadline=None)
def test_the_length_of_packets_hardly_changes_the_gain(packet_ms: int, seed: int) -> None:
    """What was heard counts by its duration; a gain is decided on once a packet, and falls by 20 dB a second."""
    voice = sounds.to_pcm(sounds.talk(4, seed) / 4)
    usual, other = GainControl(8_000, TARGET_DBFS), GainControl(8_000, TARGET_DBFS)
    for gain, n in ((usual, 160), (other, 8 * packet_ms)):
        for at in range(0, len(voice), n):
            gain.process(voice[at : at + n].tobytes(), True)
    assert other.gain_db == pytest.approx(usual.gain_db, abs=20 * max(packet_ms, 20) / 1_000)


@pytest.mark.parametrize("samples", [0, 1, 479, 480, 481, 5_000])
def test_a_voice_without_a_gate_is_levelled_by_60_ms_of_which_the_soft_ones_are_pauses(samples: int) -> None:
    pcm, peak = shaped("rising", 5, 8_000)[-samples:] if samples else np.array([], np.int16), 900
    whole, pieces = GainControl(8_000, TARGET_DBFS), [pcm[at : at + 480] for at in range(0, samples, 480)]
    by_hand = GainControl(8_000, TARGET_DBFS)
    expected = [by_hand.process(p.tobytes(), bool(np.abs(p.astype(int)).max() > peak)) for p in pieces]
    assert whole.level(pcm.tobytes(), peak) == b"".join(expected)


@pytest.mark.parametrize(("sample", "is_speech"), [(520, False), (-520, False), (521, True), (-521, True)])
def test_a_pause_is_no_louder_than_its_peak_at_its_loudest(sample: int, is_speech: bool) -> None:
    quiet = np.full(8_000, 100, np.int16)
    quiet[::480] = sample
    gain = GainControl(8_000, TARGET_DBFS)
    gain.level(quiet.tobytes(), 520)
    assert (gain.gain_db != 0) == is_speech


@given(cuts=st.lists(st.integers(0, 800), max_size=6), speech=st.booleans(), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_anything_stays_in_range_and_keeps_its_length(cuts: list[int], speech: bool, seed: int) -> None:
    pcm = np.random.default_rng(seed).choice(np.array([-32_768, 0, 32_767], np.int16), 800)
    gain, edges = GainControl(8_000, TARGET_DBFS), [0, *sorted(cuts), 800]
    out = b"".join(gain.process(pcm[a:b].tobytes(), speech) for a, b in pairwise(edges))
    assert len(out) == 1_600
    assert -18 <= gain.gain_db <= 30


@pytest.mark.parametrize("target_dbfs", [-41, -5, 0, float("nan"), float("inf")])
def test_targets_outside_the_range_are_refused(target_dbfs: float) -> None:
    with pytest.raises(ValueError, match="range"):
        GainControl(8_000, target_dbfs)


@pytest.mark.parametrize("rate_hz", [0, 7_999, 96_000])
def test_rates_outside_the_range_are_refused(rate_hz: int) -> None:
    with pytest.raises(ValueError, match="range"):
        HighPass(rate_hz)
