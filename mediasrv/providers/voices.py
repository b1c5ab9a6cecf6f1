"""Voices that need nothing installed: the built-in formant voice, and a tone for each word."""

from __future__ import annotations

import math
from array import array
from collections.abc import AsyncGenerator, Iterable
from functools import lru_cache

import trio

from mediasrv.providers.formant import speak
from mediasrv.providers.protocols import SpeechChunk, Usage, WordTime

RATE_HZ = 8_000
TONE_HZ = 440
TONE_MS_PER_CHARACTER = 40
TONE_GAP_MS = 60


class FormantVoice:
    """The built-in voice, a word at a time: each is made when it is wanted, which keeps every step short."""

    name = "formant"

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        at_ms = 0.0
        for token in text.split():
            made = speak(token, RATE_HZ, voice)
            words = tuple(WordTime(w.text, at_ms + w.start_ms, at_ms + w.end_ms) for w in made.words)
            at_ms += made.duration_ms
            yield SpeechChunk(made.pcm, RATE_HZ, words)
            await trio.lowlevel.checkpoint()
        yield SpeechChunk(b"", RATE_HZ, usage=characters(self.name, voice, text))


def prepare(texts: Iterable[str], voice: str) -> None:
    """Makes the words of these texts ahead; what a call then needs of them costs it nothing."""
    for text in texts:
        for token in text.split():
            speak(token, RATE_HZ, voice)


class ToneVoice:
    """Each word is a tone as long as the word: what was sent can be recognised by its frequency and length."""

    name = "tone"

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        at_ms = 0
        for token in text.split():
            length_ms = TONE_MS_PER_CHARACTER * len(token)
            pcm = tone(length_ms, TONE_GAP_MS)
            yield SpeechChunk(pcm, RATE_HZ, (WordTime(token, at_ms, at_ms + length_ms),))
            at_ms += length_ms + TONE_GAP_MS
            await trio.lowlevel.checkpoint()
        yield SpeechChunk(b"", RATE_HZ, usage=characters(self.name, voice, text))


@lru_cache(maxsize=64)
def tone(length_ms: int, gap_ms: int) -> bytes:
    count = length_ms * RATE_HZ // 1000
    step = 2 * math.pi * TONE_HZ / RATE_HZ
    samples = array("h", (round(6_000 * math.sin(step * k)) for k in range(count)))
    samples.extend([0] * (gap_ms * RATE_HZ // 1000))
    return samples.tobytes()


def characters(provider: str, model: str, text: str) -> Usage:
    return Usage(provider, model, {"characters": len(text)})
