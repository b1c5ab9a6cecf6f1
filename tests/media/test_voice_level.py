from __future__ import annotations

import math
from array import array

import pytest

from mediasrv.media import VoiceLevels
from mediasrv.providers.formant import speak

RATE_HZ = 8_000
TEXT = "This is a sentence that is long enough for anybody to learn how loud it is spoken. " * 2


def at_gain(pcm: bytes, gain_db: float) -> bytes:
    gain = 10 ** (gain_db / 20)
    return array("h", [max(-32_768, min(32_767, round(gain * s))) for s in array("h", pcm)]).tobytes()


def loudness_dbfs(pcm: bytes) -> float:
    """Of what sounds, in pieces of 60 ms."""
    samples = array("h", pcm)
    pieces = [samples[k : k + 480] for k in range(0, len(samples) - 480, 480)]
    powers = [sum(s * s for s in piece) / len(piece) for piece in pieces if max(map(abs, piece)) > 520]
    return 10 * math.log10(sum(powers) / len(powers) / 32_768**2)


@pytest.mark.parametrize("gain_db", [-18.0, -6.0, 6.0])
def test_a_soft_and_a_loud_voice_come_to_the_same_loudness(gain_db: float) -> None:
    levels, pcm = VoiceLevels(), at_gain(speak(TEXT, RATE_HZ, "mid").pcm, gain_db)
    levels.level("a voice", pcm, RATE_HZ)
    assert loudness_dbfs(levels.level("a voice", pcm, RATE_HZ)) == pytest.approx(-20, abs=2)


def test_each_voice_has_a_gain_of_its_own() -> None:
    levels, pcm = VoiceLevels(), speak(TEXT, RATE_HZ, "mid").pcm
    soft, loud = at_gain(pcm, -15), at_gain(pcm, 3)
    for _ in range(2):
        came = levels.level("soft", soft, RATE_HZ), levels.level("loud", loud, RATE_HZ)
    assert loudness_dbfs(came[0]) == pytest.approx(loudness_dbfs(came[1]), abs=2)


def test_no_sample_is_lost_and_nothing_is_made_of_nothing() -> None:
    levels = VoiceLevels()
    assert levels.level("a voice", b"", RATE_HZ) == b""
    assert levels.level("a voice", bytes(2 * 777), RATE_HZ) == bytes(2 * 777)
