"""ElevenLabs over a WebSocket: text goes in, sound comes out with the characters that lie in it.

Its times are milliseconds from the beginning of the piece that they come with, so the length of what came before is
added. One socket a passage: it is closed by the service at the end, and a turn that is interrupted just leaves. An
unused one the service closes after 20 s, or after `inactivity_timeout`, which may be 180 s.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlencode

from mediasrv.audio import duration_ms
from mediasrv.providers.elevenlabs.settings import KEY_HEADER, ElevenLabsSettings, numbers, sound_in, texts
from mediasrv.providers.protocols import ProviderError, SpeechChunk
from mediasrv.providers.sound import Characters, PcmPieces, charged, words_of
from mediasrv.providers.wire import Sockets, WebSocket

IDLE_S = 170.0
TRANSIENT = ("rate_limit", "too_many_concurrent", "system_busy", "internal")


class ElevenLabsSocketVoice:
    """A TextToSpeech; serves all calls, each passage with a socket of its own."""

    def __init__(self, settings: ElevenLabsSettings, base_url: str, key: str, sockets: Sockets) -> None:
        self.name, self._settings = settings.name, settings
        self._base_url, self._key, self._sockets = base_url.replace("http", "ws", 1), key, sockets

    async def warm(self) -> None:
        await self._sockets.warm(self.name, self._url(self._settings.voice), {KEY_HEADER: self._key})

    def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        return charged(self._speak(text, voice), self._settings.used(text))

    async def _speak(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        if not text.strip():
            return
        settings = self._settings
        async with self._sockets.open(
            self.name, self._url(voice or settings.voice), {KEY_HEADER: self._key}
        ) as socket:
            await socket.send_json({"text": " ", "voice_settings": settings.voice_settings()})
            await socket.send_json({"text": f"{text.strip()} ", "flush": True})
            await socket.send_json({"text": ""})
            passage = _Passage(self.name, settings.rate_hz)
            while not passage.over:
                for chunk in passage.take(await self._next(socket)):
                    yield chunk

    def _url(self, voice: str) -> str:
        query = {
            "model_id": self._settings.model,
            "output_format": f"pcm_{self._settings.rate_hz}",
            "sync_alignment": "true",
            "inactivity_timeout": "180",
            **{key: str(value) for key, value in self._settings.other_settings().items()},
        }
        return f"{self._base_url}text-to-speech/{voice}/stream-input?{urlencode(query)}"

    async def _next(self, socket: WebSocket) -> dict[str, Any]:
        told = await socket.next_json()
        if told.get("error"):
            problem = f"{told['error']}: {told.get('message') or ''}"
            again = any(word in problem for word in TRANSIENT)
            raise ProviderError(self.name, problem[:200], retryable=again)
        return told


class _Passage:
    def __init__(self, name: str, rate_hz: int) -> None:
        self._name, self._pcm, self._characters = name, PcmPieces(rate_hz), Characters()
        self._ms = 0.0
        self.over = False

    def take(self, told: dict[str, Any]) -> list[SpeechChunk]:
        began_ms = self._ms
        try:
            pcm = self._pcm.feed(sound_in(self._name, told.get("audio")))
        except ValueError as error:
            raise ProviderError(self._name, str(error), retryable=False) from error
        if pcm:
            self._ms += duration_ms(pcm, self._pcm.rate_hz)
        words = self._characters.feed(_aligned(told.get("alignment"), began_ms))
        self.over = bool(told.get("isFinal"))
        if self.over:
            words += self._characters.close()
        return [SpeechChunk(pcm, self._pcm.rate_hz, words)] if pcm or words else []


def _aligned(alignment: Any, began_ms: float) -> list[tuple[str, float, float]]:
    if not isinstance(alignment, dict):
        return []
    starts = [began_ms + each for each in numbers(alignment.get("charStartTimesMs"), 1)]
    ends = [
        start + each
        for start, each in zip(starts, numbers(alignment.get("charDurationsMs"), 1), strict=False)
    ]
    return words_of(texts(alignment.get("chars")), starts, ends)
