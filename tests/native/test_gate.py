"""The speech gate: quick on voices, deaf to everything that only sounds like one."""

import numpy as np
import pytest

from mediasrv_native.speech import Gate
from tests.reference import sounds
from tests.reference.sounds import Samples

ONSET, OFFSET = 1, 3
WORDS = ("okay", "stop", "no wait", "hello there", "yes", "please", "moment", "uh", "money", "ten", "is it")
DTMF = [(low, high) for low in (697, 770, 852, 941) for high in (1209, 1336, 1477, 1633)]
CALL_TONES = [
    (350, 440),
    (440, 480),
    (480, 620),
    (400, 450),
    (425,),
    (1000,),
    (1100,),
    (2100,),
    (300,),
    (950,),
    (1800,),
]


def verdicts(samples: Samples, residual_dbfs: float = -120, rate_hz: int = 8_000) -> list[tuple[float, int]]:
    """Onsets and offsets, at the ms by which the gate had heard what told it."""
    gate, pcm, frame = Gate(rate_hz), sounds.to_pcm(samples), rate_hz // 100
    told = []
    for at in range(0, len(pcm) - frame + 1, frame):
        verdict = gate.process(pcm[at : at + frame].tobytes(), residual_dbfs)
        if verdict in (ONSET, OFFSET):
            told.append(((at + frame) * 1000 / rate_hz, verdict))
    return told


def onset_delay_ms(word: str, pitch: str, dbfs: float, snr_db: float, rate_hz: int = 8_000) -> float:
    """From the first glottal pulse to the verdict, the word beginning anywhere within a frame."""
    said, voiced_at = sounds.voice(word, pitch, dbfs, rate_hz)
    lead = rate_hz + sum(map(ord, word)) % (rate_hz // 100)
    heard = np.concatenate([np.zeros(lead), said, np.zeros(rate_hz // 2)])
    heard += sounds.white(1, dbfs - snr_db, seed=len(word), rate_hz=rate_hz * 9)[: len(heard)]
    told = [at_ms for at_ms, verdict in verdicts(heard, rate_hz=rate_hz) if verdict == ONSET]
    return told[0] - (lead + voiced_at) * 1000 / rate_hz if told else float("inf")


@pytest.mark.parametrize("pitch", ["low", "mid", "high"])
@pytest.mark.parametrize(("dbfs", "snr_db"), [(-21, 60), (-21, 20), (-40, 20), (-21, 10)])
def test_a_voice_is_noticed_within_sixty_milliseconds(pitch: str, dbfs: float, snr_db: float) -> None:
    delays = [onset_delay_ms(word, pitch, dbfs, snr_db) for word in WORDS]
    assert all(0 < delay <= 60 for delay in delays)
    assert np.median(delays) <= 45


def test_wide_band_hears_as_quickly() -> None:
    assert all(0 < onset_delay_ms(word, "mid", -21, 20, rate_hz=16_000) <= 60 for word in WORDS)


def test_an_utterance_is_one_onset_and_one_offset_after_its_hangover() -> None:
    said, _ = sounds.voice("hello there how are you")
    heard = np.concatenate([sounds.silence(0.5), said, sounds.silence(1)]) + sounds.white(
        (len(said) + 12_000) / 8_000, -60, seed=1
    )
    (_, first), (ended_ms, last) = verdicts(heard)
    assert (first, last) == (ONSET, OFFSET)
    said_until_ms = 500 + np.flatnonzero(np.abs(said) > 100)[-1] / 8
    assert 190 <= ended_ms - said_until_ms <= 240


def test_activity_ends_with_the_sound_and_not_with_the_hangover() -> None:
    said, _ = sounds.voice("stop")
    pcm = sounds.to_pcm(np.concatenate([sounds.silence(0.5), said, sounds.silence(0.5)]))
    pcm = pcm + sounds.to_pcm(sounds.white(len(pcm) / 8_000 + 0.1, -60, seed=2))[: len(pcm)]
    gate, last_active_ms = Gate(8_000), 0
    for at in range(0, len(pcm) - 79, 80):
        gate.process(pcm[at : at + 80].tobytes())
        if gate.is_active:
            last_active_ms = (at + 80) // 8
    loud = np.flatnonzero(np.abs(said) > sounds.amplitude(-40))
    assert abs(last_active_ms - 500 - loud[-1] / 8) <= 40


@pytest.mark.parametrize("dbfs", [-60, -50, -40, -30, -20, -10])
@pytest.mark.parametrize("noise", [sounds.white, sounds.pink])
def test_steady_noise_is_no_speech(noise, dbfs: float) -> None:
    for seed in range(3):
        assert verdicts(noise(10, dbfs, seed)) == []


@pytest.mark.parametrize("noise", [sounds.white, sounds.pink])
def test_noise_that_begins_suddenly_is_no_speech(noise) -> None:
    for seed, dbfs in enumerate((-50, -35, -20)):
        assert verdicts(np.concatenate([sounds.white(2, -70, seed), noise(3, dbfs, seed)])) == []


@pytest.mark.parametrize("tones", DTMF + CALL_TONES, ids=str)
def test_tones_and_keys_are_no_speech(tones: tuple[float, ...]) -> None:
    for dbfs in (-6, -15, -25):
        for seconds in (0.06, 0.2, 1.0):
            for lead in (0, 37):
                heard = np.concatenate(
                    [sounds.silence(0.5), np.zeros(lead), sounds.tone(seconds, dbfs, *tones)]
                )
                heard = np.concatenate([heard, sounds.silence(0.2)])
                assert verdicts(heard + sounds.white(2, -55, seed=lead)[: len(heard)]) == []


def test_clicks_are_no_speech() -> None:
    rng = np.random.default_rng(12)
    for seed in range(40):
        heard = sounds.white(2, -60, seed)
        for _ in range(5):
            at, length = int(rng.integers(4_000, 15_900)), int(rng.integers(1, 40))
            heard[at : at + length] += (
                sounds.amplitude(-3) * rng.choice([-1, 1]) * np.exp(-np.arange(length) / 8)
            )
        assert verdicts(heard) == []


def test_echo_that_may_be_left_is_no_speech_but_a_louder_voice_is() -> None:
    echo, _ = sounds.voice("one moment please", dbfs=-45)
    assert verdicts(np.concatenate([sounds.silence(0.5), echo]), residual_dbfs=-38) == []
    voice, _ = sounds.voice("stop please", dbfs=-21)
    told = verdicts(np.concatenate([sounds.silence(0.5), voice]), residual_dbfs=-38)
    assert told[0][1] == ONSET


def test_the_levels_it_tells_are_those_of_noise_and_voice() -> None:
    gate, said = Gate(8_000), sounds.talk(4, seed=3)
    pcm = sounds.to_pcm(np.concatenate([sounds.silence(2), said]) + sounds.white(6, -50, seed=3))
    for at in range(0, 16_000, 80):
        gate.process(pcm[at : at + 80].tobytes())
    assert gate.noise_dbfs == pytest.approx(-50, abs=2)
    for at in range(16_000, len(pcm), 80):
        gate.process(pcm[at : at + 80].tobytes())
    assert gate.noise_dbfs < -40
    assert gate.speech_dbfs == pytest.approx(sounds.power_db(said) - 90.3, abs=5)


def test_random_full_scale_octets_do_no_harm() -> None:
    rng, gate = np.random.default_rng(9), Gate(16_000)
    for _ in range(3_000):
        assert (
            0 <= gate.process(rng.bytes(320), float(rng.choice([-120.0, 0.0, np.nan, np.inf, -np.inf]))) <= 3
        )
    assert np.isfinite([gate.noise_dbfs, gate.speech_dbfs]).all()


def test_digital_silence_for_a_minute_then_a_voice_is_noticed() -> None:
    said, voiced_at = sounds.voice("yes")
    told = verdicts(np.concatenate([sounds.silence(60), said]))
    assert told[0][0] - 60_000 - voiced_at / 8 <= 60


@pytest.mark.parametrize("rate_hz", [0, 11_025, 48_000])
def test_other_rates_are_refused(rate_hz: int) -> None:
    with pytest.raises(ValueError, match="range"):
        Gate(rate_hz)
