"""A small built-in voice: no words anyone would understand, but sound that is speech to every machine on the way.

A glottal pulse train runs through three formant resonators; consonants are shaped noise. So it has pitch, onsets,
pauses and a speech spectrum; it wakes a speech gate, survives a noise suppressor, and can be told apart by
content. The same text and voice always give the same samples. It knows where each word lies, and where its voiced
part begins, which makes it the label in benchmarks, the caller in simulations, and a voice where none is installed.
"""

from __future__ import annotations

import math
import re
from array import array
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

from mediasrv.providers.protocols import WordTime

SYLLABLE_MS = 150
CONSONANT_MS = 45
WORD_GAP_MS = 50
CLAUSE_GAP_MS = 180
SPEECH_RMS = 3_000  # about -21 dBFS
FADE_MS = 8

# F1, F2, F3 in Hz and their bandwidths: Peterson and Barney's averages, rounded
FORMANTS = {
    "a": ((730, 90), (1090, 110), (2440, 170)),
    "e": ((530, 60), (1840, 100), (2480, 150)),
    "i": ((270, 50), (2290, 110), (3010, 180)),
    "o": ((570, 70), (840, 90), (2410, 160)),
    "u": ((300, 50), (870, 90), (2240, 150)),
}
VOICES = {"low": 105.0, "mid": 140.0, "high": 210.0}  # pitch in Hz


@dataclass(frozen=True, slots=True)
class Utterance:
    pcm: bytes
    rate_hz: int
    words: tuple[WordTime, ...]
    voiced_at: tuple[int, ...]  # sample at which each word's voice begins

    @property
    def duration_ms(self) -> float:
        return len(self.pcm) / 2 * 1000 / self.rate_hz


@lru_cache(maxsize=512)
def speak(text: str, rate_hz: int = 8_000, voice: str = "mid") -> Utterance:
    """Says `text`; punctuation makes pauses."""
    samples = array("h")
    words: list[WordTime] = []
    voiced_at: list[int] = []
    for token in text.split():
        start = len(samples)
        voiced = _word(
            samples, re.sub(r"[^a-z0-9]", "", token.lower()), rate_hz, VOICES.get(voice, VOICES["mid"])
        )
        if voiced is not None:
            voiced_at.append(voiced)
            words.append(WordTime(token, start * 1000 / rate_hz, len(samples) * 1000 / rate_hz))
        _silence(samples, CLAUSE_GAP_MS if token[-1] in ".,;:!?" else WORD_GAP_MS, rate_hz)
    return Utterance(samples.tobytes(), rate_hz, tuple(words), tuple(voiced_at))


def _silence(samples: array[int], ms: int, rate_hz: int) -> None:
    samples.extend([0] * (ms * rate_hz // 1000))


def _word(samples: array[int], letters: str, rate_hz: int, pitch_hz: float) -> int | None:
    """Appends one word; returns the sample at which its voice begins, or None for a word without a sound."""
    if not letters:
        return None
    voiced: int | None = None
    for consonant, vowel in _syllables(letters):
        if consonant:
            samples.extend(_noise(consonant, rate_hz))
        voiced = len(samples) if voiced is None else voiced
        samples.extend(_vowel(vowel, rate_hz, pitch_hz * (0.92 + 0.16 * _fraction(letters + vowel))))
    return voiced


def _syllables(letters: str) -> list[tuple[str, str]]:
    found = [(c, v[0]) for c, v in re.findall(r"([^aeiou]*)([aeiouy]+)", letters)]
    return [(c, v if v in FORMANTS else "i") for c, v in found] or [(letters, "e")]


def _fraction(text: str) -> float:
    return crc32(text.encode()) / 2**32


@lru_cache(maxsize=256)
def _noise(consonant: str, rate_hz: int) -> array[int]:
    """A burst of high-passed noise, quieter than a vowel, faded at both ends."""
    count = CONSONANT_MS * rate_hz // 1000
    state, last, out = crc32(consonant.encode()) | 1, 0.0, array("h")
    for k in range(count):
        state = (state * 1_103_515_245 + 12_345) & 0x7FFFFFFF
        white = state / 0x3FFFFFFF - 1
        out.append(int(SPEECH_RMS * 0.35 * (white - last) * math.sin(math.pi * (k + 1) / (count + 1))))
        last = white
    return out


@lru_cache(maxsize=256)
def _vowel(vowel: str, rate_hz: int, pitch_hz: float) -> array[int]:
    """Glottal pulses through the vowel's formants, brought to one loudness."""
    count = SYLLABLE_MS * rate_hz // 1000
    signal = [0.0] * count
    phase = 1.0
    for k in range(count):
        phase += pitch_hz * (1.04 - 0.08 * k / count) / rate_hz
        if phase >= 1.0:
            phase -= 1.0
            signal[k] = 1.0
    for centre_hz, width_hz in FORMANTS[vowel]:
        signal = _resonate(signal, centre_hz, width_hz, rate_hz)
    gain = SPEECH_RMS / math.sqrt(sum(x * x for x in signal) / count)
    fade = FADE_MS * rate_hz // 1000
    return array(
        "h",
        (
            max(-32_000, min(32_000, int(gain * x * min(1.0, (k + 1) / fade, (count - k) / fade))))
            for k, x in enumerate(signal)
        ),
    )


def _resonate(signal: list[float], centre_hz: float, width_hz: float, rate_hz: int) -> list[float]:
    radius = math.exp(-math.pi * width_hz / rate_hz)
    b1, b2 = 2 * radius * math.cos(2 * math.pi * centre_hz / rate_hz), -radius * radius
    y1 = y2 = 0.0
    out = []
    for x in signal:
        y = x + b1 * y1 + b2 * y2
        out.append(y)
        y1, y2 = y, y1
    return out
