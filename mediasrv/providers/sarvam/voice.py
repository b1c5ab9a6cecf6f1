"""Sarvam's voices (bulbul), over a WebSocket: configure, say, flush; sound comes until an event ends it.

The language of the text is told apart by its script, because one agent may speak several; English by default.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from mediasrv.providers.protocols import ProviderError, SpeechChunk, Usage
from mediasrv.providers.sound import PcmPieces, charged
from mediasrv.providers.wire import Sockets

URL = "wss://api.sarvam.ai/text-to-speech/ws"
KEY_HEADER = "api-subscription-key"
IDLE_S = 50.0  # the service closes after 60
MODEL, SPEAKER = "bulbul:v2", "anushka"
CHARACTERS_MAX = 2_500
SCRIPTS: Mapping[range, str] = {  # Unicode blocks of the languages that it speaks
    range(0x0900, 0x0980): "hi-IN",
    range(0x0980, 0x0A00): "bn-IN",
    range(0x0A00, 0x0A80): "pa-IN",
    range(0x0A80, 0x0B00): "gu-IN",
    range(0x0B00, 0x0B80): "od-IN",
    range(0x0B80, 0x0C00): "ta-IN",
    range(0x0C00, 0x0C80): "te-IN",
    range(0x0C80, 0x0D00): "kn-IN",
    range(0x0D00, 0x0D80): "ml-IN",
}
TRANSIENT = frozenset((408, 429, 500, 502, 503, 504))


@dataclass(frozen=True, slots=True)
class SarvamVoiceSettings:
    name: str
    charge: Callable[[Usage], Usage]
    model: str = MODEL
    speaker: str = SPEAKER
    language: str = ""  # "": by the script of the text
    rate_hz: int = 16_000
    extra: Mapping[str, object] = field(default_factory=dict)  # `pace`, `pitch`, `loudness` ...


class SarvamVoice:
    """A TextToSpeech; serves all calls, each passage with a socket of its own."""

    def __init__(self, settings: SarvamVoiceSettings, url: str, key: str, sockets: Sockets) -> None:
        self.name, self._settings = settings.name, settings
        self._url, self._key, self._sockets = url, key, sockets

    async def warm(self) -> None:
        await self._sockets.warm(self.name, self._address(), {KEY_HEADER: self._key})

    def _address(self) -> str:
        return f"{self._url}?{urlencode({'model': self._settings.model, 'send_completion_event': 'true'})}"

    def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        return charged(self._speak(text, voice), self._used(text))

    async def _speak(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        if not text.strip():
            return
        pieces = PcmPieces(self._settings.rate_hz)
        async with self._sockets.open(self.name, self._address(), {KEY_HEADER: self._key}) as socket:
            await socket.send_json({"type": "config", "data": self._config(text, voice)})
            for part in _parts(text):
                await socket.send_json({"type": "text", "data": {"text": part}})
            await socket.send_json({"type": "flush"})
            while True:
                told = await socket.next_json()
                if self._is_over(told):
                    break
                if pcm := self._sound(told, pieces):
                    yield SpeechChunk(pcm, pieces.rate_hz)

    def _used(self, text: str) -> Usage:
        return self._settings.charge(Usage(self.name, self._settings.model, {"characters": len(text)}))

    def _config(self, text: str, voice: str) -> dict[str, object]:
        settings = self._settings
        return {
            "target_language_code": settings.language or language_of(text),
            "speaker": voice or settings.speaker,
            "speech_sample_rate": str(settings.rate_hz),
            "output_audio_codec": "linear16",
            "min_buffer_size": 30,
            **settings.extra,
        }

    def _is_over(self, told: dict[str, Any]) -> bool:
        data = told.get("data")
        data = data if isinstance(data, dict) else {}
        if told.get("type") == "error":
            code = data.get("code")
            problem = f"{code}: {data.get('message') or told.get('message') or 'an error'}"
            raise ProviderError(self.name, problem[:200], retryable=code in TRANSIENT)
        return told.get("type") == "event" and data.get("event_type") == "final"

    def _sound(self, told: dict[str, Any], pieces: PcmPieces) -> bytes:
        """Of an audio message; nothing of any other."""
        data = told.get("data")
        if told.get("type") != "audio" or not isinstance(data, dict):
            return b""
        try:
            return pieces.feed(base64.b64decode(str(data.get("audio") or ""), validate=True))
        except (binascii.Error, ValueError) as error:
            raise ProviderError(self.name, f"no sound: {error}", retryable=False) from error


def language_of(text: str) -> str:
    """By the first letter that is not Latin."""
    for character in text:
        for block, language in SCRIPTS.items():
            if ord(character) in block:
                return language
    return "en-IN"


def _parts(text: str) -> list[str]:
    """No longer than one message may be, cut at spaces."""
    parts, rest = list[str](), text
    while len(rest) > CHARACTERS_MAX:
        cut = rest.rfind(" ", 0, CHARACTERS_MAX) + 1 or CHARACTERS_MAX
        parts.append(rest[:cut])
        rest = rest[cut:]
    return [*parts, rest]
