"""OpenAI's voices: one request a passage, bare samples at 24 kHz as they are made, no word times."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from mediasrv.providers.protocols import ProviderError, SpeechChunk, Usage
from mediasrv.providers.sound import PcmPieces, charged
from mediasrv.providers.wire import HttpService

RATE_HZ = 24_000
CHARACTERS_MAX = 4_096  # of one request


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    name: str
    model: str
    voice: str
    charge: Callable[[Usage], Usage]
    rate_hz: int = RATE_HZ
    extra: Mapping[str, object] = field(default_factory=dict)  # `instructions`, `speed`


class SpeechVoice:
    """A TextToSpeech over one service; serves all calls."""

    def __init__(self, settings: SpeechSettings, http: HttpService) -> None:
        self.name, self._settings, self._http = settings.name, settings, http

    async def warm(self) -> None:
        await self._http.warm("models")

    def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        return charged(self._speak(text, voice), self._used(text))

    async def _speak(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        if not text.strip():
            return
        if len(text) > CHARACTERS_MAX:
            raise ProviderError(self.name, f"more than {CHARACTERS_MAX} characters", retryable=False)
        body = {
            "model": self._settings.model,
            "input": text,
            "voice": voice or self._settings.voice,
            "response_format": "pcm",
        }
        pieces = PcmPieces(self._settings.rate_hz)
        async with self._http.request(
            "POST", "audio/speech", json=body | dict(self._settings.extra)
        ) as answer:
            async with aclosing(answer.pieces()) as arriving:
                async for piece in arriving:
                    try:
                        pcm = pieces.feed(piece)
                    except ValueError as error:
                        raise ProviderError(self.name, str(error), retryable=False) from error
                    if pcm:
                        yield SpeechChunk(pcm, pieces.rate_hz)

    def _used(self, text: str) -> Usage:
        return self._settings.charge(Usage(self.name, self._settings.model, {"characters": len(text)}))
