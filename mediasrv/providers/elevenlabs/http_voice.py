"""ElevenLabs over HTTP: JSON objects, one a line, each with sound and the characters that lie in it.

Times are seconds from the beginning of the passage.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

from mediasrv.providers.elevenlabs.settings import ElevenLabsSettings, numbers, sound_in, texts
from mediasrv.providers.protocols import ProviderError, SpeechChunk
from mediasrv.providers.sound import Characters, PcmPieces, charged, words_of
from mediasrv.providers.wire import HttpService

LINE_BYTES_MAX = 8_000_000


class ElevenLabsVoice:
    """A TextToSpeech; serves all calls."""

    def __init__(self, settings: ElevenLabsSettings, http: HttpService) -> None:
        self.name, self._settings, self._http = settings.name, settings, http

    async def warm(self) -> None:
        await self._http.warm("models")

    def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        return charged(self._speak(text, voice), self._settings.used(text))

    async def _speak(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        if not text.strip():
            return
        settings = self._settings
        path = f"text-to-speech/{voice or settings.voice}/stream/with-timestamps"
        body = {"text": text, "model_id": settings.model, **settings.other_settings()}
        if voice_settings := settings.voice_settings():
            body["voice_settings"] = voice_settings
        format_ = {"output_format": f"pcm_{settings.rate_hz}"}
        passage = _Passage(self.name, settings.rate_hz)
        async with self._http.request("POST", path, json=body, params=format_) as answer:
            async with aclosing(answer.pieces()) as pieces:
                async for piece in pieces:
                    for chunk in passage.feed(piece):
                        yield chunk
        for chunk in passage.close():
            yield chunk


class _Passage:
    """Lines of JSON into sound and words."""

    def __init__(self, name: str, rate_hz: int) -> None:
        self._name = name
        self._line = b""
        self._pcm, self._characters = PcmPieces(rate_hz), Characters()

    def feed(self, piece: bytes) -> Iterator[SpeechChunk]:
        *lines, self._line = (self._line + piece).split(b"\n")
        if len(self._line) > LINE_BYTES_MAX:
            raise ProviderError(self._name, "a line without end", retryable=False)
        for line in lines:
            yield from self._take(line)

    def close(self) -> Iterator[SpeechChunk]:
        line, self._line = self._line, b""
        yield from self._take(line)
        if words := self._characters.close():
            yield SpeechChunk(b"", self._pcm.rate_hz, words)

    def _take(self, line: bytes) -> Iterator[SpeechChunk]:
        if not line.strip():
            return
        try:
            told = json.loads(line)
            pcm = self._pcm.feed(sound_in(self._name, told.get("audio_base64")))
        except (ValueError, RecursionError, AttributeError) as error:
            raise ProviderError(self._name, f"not what was documented: {error}", retryable=True) from error
        words = self._characters.feed(_aligned(told.get("alignment")))
        if pcm or words:
            yield SpeechChunk(pcm, self._pcm.rate_hz, words)


def _aligned(alignment: Any) -> list[tuple[str, float, float]]:
    if not isinstance(alignment, dict):
        return []
    starts = numbers(alignment.get("character_start_times_seconds"), 1_000)
    ends = numbers(alignment.get("character_end_times_seconds"), 1_000)
    return words_of(texts(alignment.get("characters")), starts, ends)
