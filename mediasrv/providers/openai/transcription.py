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

import trio

from mediasrv.audio import EarsChunk
from mediasrv.providers.protocols import ProviderError, SttStream, Transcript, Usage
from mediasrv.providers.sound.utterances import Utterance, UtteranceCutter
from mediasrv.providers.sound.wav import wav_file
from mediasrv.providers.wire import HttpService

SURE, LOST = -0.5, -3.0  # mean log-probability
UNKNOWN = 0.7
PIECES_WAITING = 8  # full: whoever pushes waits, and the engine's own bounded buffer with him
SHORTEST_MS = 100.0  # the API refuses less
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
        stream = _Stream(self, language, self._settings.partial_s)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.work)
            yield stream
            nursery.cancel_scope.cancel()

    async def recognise(self, piece: Utterance, language: str) -> Transcript | None:
        """None: nothing was said in it."""
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
        if not text:
            return None
        said_in = str(told.get("language") or language)
        return Transcript(text, piece.whole, confidence_of(told), piece.start_ms, piece.end_ms, said_in)


class _Stream:
    def __init__(self, service: Transcription, language: str, partial_s: float) -> None:
        self._service, self._language, self._partial_s = service, language, partial_s
        self._cutter = UtteranceCutter()
        self._asked_at = -partial_s
        self._pieces_in, self._pieces = trio.open_memory_channel[Utterance](PIECES_WAITING)
        self._give, self._take = trio.open_memory_channel[Transcript](PIECES_WAITING)

    async def push(self, chunk: EarsChunk) -> None:
        await trio.lowlevel.checkpoint()
        piece = self._cutter.feed(chunk)
        if piece is not None:
            await self._pieces_in.send(piece)
        elif self._partial_s and trio.current_time() - self._asked_at >= self._partial_s:
            self._ask_so_far()

    def _ask_so_far(self) -> None:
        """Only when nothing else waits: a partial is worth nothing behind a final."""
        piece = self._cutter.so_far()
        if piece is not None and not self._pieces_in.statistics().current_buffer_used:
            self._asked_at = trio.current_time()
            self._pieces_in.send_nowait(piece)

    async def next(self) -> Transcript:
        return await self._take.receive()

    async def work(self) -> None:
        """One piece after the other, so that transcripts come in the order of the speech."""
        async for piece in self._pieces:
            if piece.end_ms - piece.start_ms < SHORTEST_MS:
                continue
            if not piece.whole and self._pieces.statistics().current_buffer_used:
                continue  # what has ended meanwhile says more
            transcript = await self._service.recognise(piece, self._language)
            if transcript is not None:
                await self._give.send(transcript)


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
