"""The sounds that kernels are tried on: seeded noise, tones, clicks, speech, rooms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mediasrv.providers.formant import speak

Samples = NDArray[np.float64]
Pcm = NDArray[np.int16]

FULL_SCALE = 32_768.0
WORDS = ("hello", "there", "how", "can", "I", "help", "you", "today", "please", "tell", "me", "one", "moment")


def amplitude(dbfs: float) -> float:
    return FULL_SCALE * float(10 ** (dbfs / 20))


def to_pcm(samples: Samples) -> Pcm:
    return np.clip(np.round(samples), -32_768, 32_767).astype(np.int16)


def power_db(samples: Samples | Pcm) -> float:
    return float(10 * np.log10(np.mean(np.square(samples.astype(np.float64))) + 1e-9))


def silence(seconds: float, rate_hz: int = 8_000) -> Samples:
    return np.zeros(round(seconds * rate_hz))


def white(seconds: float, dbfs: float, seed: int, rate_hz: int = 8_000) -> Samples:
    return np.random.default_rng(seed).standard_normal(round(seconds * rate_hz)) * amplitude(dbfs)


def pink(seconds: float, dbfs: float, seed: int, rate_hz: int = 8_000) -> Samples:
    count = round(seconds * rate_hz)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    shaped = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.fft.rfftfreq(count, 1 / rate_hz), 20)), count)
    return np.asarray(shaped / shaped.std() * amplitude(dbfs))


def tone(seconds: float, dbfs: float, *frequencies_hz: float, rate_hz: int = 8_000) -> Samples:
    """Sines whose peaks together reach `dbfs`."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    total = np.sum([np.sin(2 * np.pi * hz * at) for hz in frequencies_hz], axis=0)
    return np.asarray(total * amplitude(dbfs) / len(frequencies_hz))


def voice(text: str, pitch: str = "mid", dbfs: float = -21, rate_hz: int = 8_000) -> tuple[Samples, int]:
    """Speech at about `dbfs`, and the sample at which its first vowel begins."""
    said = speak(text, rate_hz, pitch)
    samples = np.frombuffer(said.pcm, np.int16).astype(np.float64) * 10 ** ((dbfs + 21) / 20)
    return samples, said.voiced_at[0]


def talk(seconds: float, seed: int, rate_hz: int = 8_000) -> Samples:
    """Running speech in clauses of six words."""
    rng = np.random.default_rng(seed)
    parts: list[Samples] = []
    while sum(map(len, parts)) < seconds * rate_hz:
        parts += [voice(" ".join(rng.choice(WORDS, 6)), rate_hz=rate_hz)[0], silence(0.1, rate_hz)]
    return np.concatenate(parts)[: round(seconds * rate_hz)]
