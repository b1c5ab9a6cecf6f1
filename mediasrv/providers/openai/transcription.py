"""Whisper behind OpenAI's shape of API (OpenAI, Groq, and servers of one's own): a piece of speech in, its words out.

The service takes whole files, so pieces are cut where the gate hears pauses. While somebody speaks, what there is so
far may be asked about too, at most once in a while; its words are a partial, and never waited for once the piece has
ended.

Confidence is what the model's own figures say: the mean log-probability of its tokens, from -0.5 (certain) to -3 (not
at all), less where it thinks that nobody spoke; 0.7 where it tells neither.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mediasrv.providers.protocols import ProviderError, SttStream, Transcript, Usage
from mediasrv.providers.sound import AudioMeter, Utterance, open_piecewise, wav_file
from mediasrv.providers.wire import HttpService

SURE, LOST = -0.5, -3.0  # mean log-probability
UNKNOWN = 0.7
NOBODY = 0.5  # above it the model doubts that there was speech


@dataclass(frozen=True, slots=True)
class TranscriptionSettings:
    name: str
    model: str
    charge: Callable[[Usage], Usage]
    partial_s: float = 0.0  # pause between questions about a piece that goes on; 0: none
    prompt: str = ""  # words that are likely: names, products
    extra: Mapping[str, object] = field(default_factory=dict)


class Transcription:
    """A SpeechToText over one service; serves all calls."""

    words_after_ms = math.inf  # partial transcripts are asked for by the second, and answered late

    def __init__(self, settings: TranscriptionSettings, http: HttpService) -> None:
        self.name, self._settings, self._http = settings.name, settings, http

    async def warm(self) -> None:
        await self._http.warm("models")

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SttStream]:
        settings = self._settings
        meter = AudioMeter(self.name, settings.model, settings.charge)

        async def recognise(piece: Utterance) -> Transcript:
            return await self.recognise(piece, language)

        async with open_piecewise(recognise, meter, settings.partial_s) as stream:
            yield stream

    async def recognise(self, piece: Utterance, language: str) -> Transcript:
        settings = self._settings
        fields: dict[str, object] = {
            "model": settings.model, "response_format": "verbose_json", "temperature": "0", **settings.extra,
        }  # fmt: skip
        if language:
            fields["language"] = language
        if settings.prompt:
            fields["prompt"] = settings.prompt
        file = {"file": ("speech.wav", wav_file(piece.pcm), "audio/wav")}
        async with self._http.request("POST", "audio/transcriptions", data=fields, files=file) as answer:
            told = await answer.json()
        if not isinstance(told, dict) or not isinstance(told.get("text"), str):
            raise ProviderError(self.name, "an answer without text", retryable=True)
        text = told["text"].strip()
        said_in = str(told.get("language") or language)
        return Transcript(text, piece.whole, confidence_of(told), piece.start_ms, piece.end_ms, said_in)


def confidence_of(told: dict[str, Any]) -> float:
    segments = [each for each in told.get("segments") or () if isinstance(each, dict)]
    means = [each["avg_logprob"] for each in segments if isinstance(each.get("avg_logprob"), int | float)]
    if not means:
        return UNKNOWN
    mean: float = sum(means) / len(means)
    confidence = min(1.0, max(0.0, (mean - LOST) / (SURE - LOST)))
    doubts = [
        each["no_speech_prob"] for each in segments if isinstance(each.get("no_speech_prob"), int | float)
    ]
    nobody: float = max(doubts, default=0.0)
    return round(confidence * (1 - nobody) if nobody > NOBODY else confidence, 4)
