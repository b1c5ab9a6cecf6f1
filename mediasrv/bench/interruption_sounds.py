"""What sounds while an agent speaks: a hundred things that are no interruption, and a hundred that are one.

All at 8 kHz, over noise 20 dB below a voice. Words are the built-in voice's, in its three pitches; when each of them
ends is known, which is what the scripted recogniser goes by. Coughs are bursts of coloured noise with the swell and
fall of a cough, some of them two in a row; clicks are what a receiver laid down or a keyboard gives; an echo is the
agent's own voice, 20 dB softer and 200 ms late.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from mediasrv.bench.speech import INTERRUPTIONS, RATE_HZ
from mediasrv.providers.formant import speak

Kind = Literal["backchannel", "cough", "click", "echo", "interruption"]

VOICES = ("low", "mid", "high")
BACKCHANNELS = ("mm-hm", "okay", "yeah", "right", "uh-huh", "okay right", "oh yeah", "sure")
NOISE_DB = -20.0
EACH = 25  # of the four kinds that are no interruption
NOISE_S = 5
ECHO_DB, ECHO_MS = -20.0, 200


@dataclass(frozen=True, slots=True)
class Sound:
    kind: Kind
    text: str
    pcm: array[int]
    words_end_ms: tuple[float, ...] = field(default=())  # from its beginning; a cough has none

    @property
    def duration_ms(self) -> float:
        return len(self.pcm) * 1000 / RATE_HZ

    def said_by(self, ms: float) -> str:
        """The words that have ended by then."""
        count = sum(1 for end in self.words_end_ms if end <= ms)
        return " ".join(self.text.split()[:count])


def harmless(chance: random.Random) -> Iterator[Sound]:
    for k in range(EACH):
        yield words("backchannel", BACKCHANNELS[k % len(BACKCHANNELS)], VOICES[k % len(VOICES)])
        yield Sound("cough", "", cough(chance))
        yield Sound("click", "", clicks(chance))
        yield Sound("echo", "", array("h"))


def interruptions() -> Iterator[Sound]:
    for k in range(4 * EACH):
        yield words("interruption", INTERRUPTIONS[k % len(INTERRUPTIONS)], VOICES[k // 2 % len(VOICES)])


def words(kind: Kind, text: str, voice: str) -> Sound:
    said = speak(text, RATE_HZ, voice)
    return Sound(kind, text, array("h", said.pcm), tuple(word.end_ms for word in said.words))


def cough(chance: random.Random) -> array[int]:
    """120-350 ms; every third is two."""
    pcm = _burst(chance, chance.uniform(120, 350))
    if chance.random() < 1 / 3:
        pcm.extend([0] * round(chance.uniform(0.12, 0.25) * RATE_HZ))
        pcm.extend(_burst(chance, chance.uniform(100, 220)))
    return pcm


def _burst(chance: random.Random, length_ms: float) -> array[int]:
    """Noise through a resonance at 500-1100 Hz, loud at once and dying away."""
    count, hz = round(length_ms * RATE_HZ / 1000), chance.uniform(500, 1_100)
    turn, pole = 2 * math.cos(2 * math.pi * hz / RATE_HZ), 0.93
    before, last, sound = 0.0, 0.0, array("h")
    for k in range(count):
        now = chance.gauss(0, 900) + pole * turn * last - pole * pole * before
        before, last = last, now
        swell = min(1.0, k / 80) * math.exp(-3.0 * k / count)
        sound.append(max(-32_000, min(32_000, round(now * swell))))
    return sound


def clicks(chance: random.Random) -> array[int]:
    """One to four impulses of 1-4 ms."""
    sound = array("h")
    for _ in range(chance.randint(1, 4)):
        sign = chance.choice((-1, 1))
        for k in range(round(chance.uniform(1, 4) * RATE_HZ / 1000)):
            sound.append(round(sign * (-1) ** k * 14_000 * math.exp(-k / 8)))
        sound.extend([0] * round(chance.uniform(0.06, 0.2) * RATE_HZ))
    return sound


def line_noise(chance: random.Random) -> array[int]:
    """A loop of noise at 20 dB below the voice that says the interruptions."""
    voice = speak(INTERRUPTIONS[0], RATE_HZ, "mid").pcm
    samples = [sample for sample in array("h", voice) if abs(sample) > 100]
    level = math.sqrt(sum(sample * sample for sample in samples) / len(samples)) * 10 ** (NOISE_DB / 20)
    return array("h", [round(chance.gauss(0, level)) for _ in range(NOISE_S * RATE_HZ)])
