"""Canceller and gate in a row: our own voice coming back is no interruption, the caller's is."""

import numpy as np
import pytest

from mediasrv_native.echo import EchoCanceller
from mediasrv_native.speech import Gate
from tests.reference import echo_path, sounds
from tests.reference.echo_path import FRAME, RATE_HZ, Caller

ONSET = 1
NS_PER_MS = 1_000_000
PATHS = {"room": echo_path.room(), "line": echo_path.line(), "none": np.zeros(8)}
LATE_PATHS = [
    echo_path.room(delay_ms=60, loss_db=12, seed=3),
    echo_path.room(delay_ms=40, loss_db=6, seed=4),
    echo_path.line(delay_ms=40),
]
SENTENCES = (
    "Good morning, this is the service desk. How can I help you today?",
    "I have found your order. It was sent on Monday and should be there by now.",
    "One moment please, let me have a look at that for you.",
)


def onsets_ms(caller: Caller) -> list[float]:
    """In the caller's time: when the sample that told was spoken."""
    echo, gate = EchoCanceller(RATE_HZ, 128), Gate(RATE_HZ)
    mic, sent, tick, told = caller.microphone(), sounds.to_pcm(caller.far), 0, []
    for k, arrival_ms in enumerate(caller.arrivals_ms()):
        while tick * 20 <= arrival_ms:
            part = sent[tick * FRAME : (tick + 1) * FRAME]
            echo.reference(part.tobytes(), tick * 20 * NS_PER_MS)
            tick += 1
        echo.arrival(k * FRAME, round(arrival_ms * NS_PER_MS))
        heard = echo.process(mic[k * FRAME : (k + 1) * FRAME].tobytes(), k * FRAME)
        for half in (0, 1):
            if gate.process(heard[half * FRAME : (half + 1) * FRAME], echo.residual_dbfs) == ONSET:
                told.append(k * 20 + 10.0 * (half + 1))
    return told


@pytest.mark.parametrize("path", PATHS)
def test_the_agents_own_voice_is_no_onset(path: str) -> None:
    for seed in (0, 1):
        assert onsets_ms(Caller(sounds.talk(6, seed), PATHS[path])) == []


@pytest.mark.parametrize("path", LATE_PATHS, ids=["room", "loud room", "line"])
@pytest.mark.parametrize("pitch", ["low", "mid", "high"])
def test_sounds_that_the_filter_has_not_met_yet_are_no_onset(path: sounds.Samples, pitch: str) -> None:
    """A canceller that has learnt one vowel is no better than none at the next."""
    said = np.concatenate([sounds.voice(sentence, pitch)[0] for sentence in SENTENCES])
    assert onsets_ms(Caller(said[: 7 * RATE_HZ], path)) == []


def test_a_new_sound_after_eight_seconds_is_no_onset() -> None:
    said = np.concatenate([sounds.voice(sentence, "low")[0] for sentence in SENTENCES])
    assert onsets_ms(Caller(said, LATE_PATHS[2])) == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("begins_s", [1.5, 3.0])
def test_a_caller_who_interrupts_is_noticed_within_sixty_milliseconds(path: str, begins_s: float) -> None:
    for word in ("stop please", "okay", "no wait"):
        said, voiced_at = sounds.voice(word, "high", dbfs=-24)
        near = np.concatenate([sounds.silence(begins_s), said])
        told = onsets_ms(Caller(sounds.talk(4, seed=1), PATHS[path], near=near))
        assert told
        assert 0 < told[0] - (begins_s * 1000 + voiced_at / 8) <= 60
