"""Sarvam's recogniser of Indian languages, over a WebSocket: sound in JSON, a transcript for each piece of speech.

It finds pauses by itself and gives no partials; told that our gate has heard one (`flush`), it need not wait for its
own. A transcript does not say what sound it covers: what was sent by then, from the one before it on. Its own signs
of speech come late, and are not used.
"""

from __future__ import annotations

import base64
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from mediasrv.audio import EARS_RATE_HZ, EarsChunk, duration_ms
from mediasrv.providers.protocols import ProviderError, SttStream, Transcript, Usage
from mediasrv.providers.sarvam.languages import DETECT, code_of, heard_in
from mediasrv.providers.sound import AudioMeter
from mediasrv.providers.wire import Net, WebSocket, open_websocket

URL = "wss://api.sarvam.ai/speech-to-text/ws"
KEY_HEADER = "api-subscription-key"
MODEL = "saarika:v2.5"
TRANSIENT = frozenset(
    ("rate_limit_exceeded_error", "internal_server_error", "service_unavailable", "timeout")
)


@dataclass(frozen=True, slots=True)
class SarvamEarsSettings:
    name: str
    charge: Callable[[Usage], Usage]
    model: str = MODEL
    extra: Mapping[str, object] = field(default_factory=dict)  # `mode`, `high_vad_sensitivity` ...


class SarvamEars:
    """A SpeechToText; serves all calls, each with a socket of its own."""

    words_after_ms = math.inf  # there are no partial transcripts

    def __init__(self, settings: SarvamEarsSettings, url: str, key: str, net: Net) -> None:
        self.name, self._settings = settings.name, settings
        self._url, self._key, self._net = url, key, net

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SttStream]:
        query = {
            "language-code": code_of(language) or DETECT,
            "model": self._settings.model,
            "sample_rate": EARS_RATE_HZ,
            "input_audio_codec": "pcm_s16le",
            "flush_signal": "true",
            **self._settings.extra,
        }
        url = f"{self._url}?{urlencode(query)}"
        async with open_websocket(self.name, url, {KEY_HEADER: self._key}, self._net) as socket:
            meter = AudioMeter(self.name, self._settings.model, self._settings.charge)
            yield _Stream(self.name, socket, language, meter)


class _Stream:
    def __init__(self, name: str, socket: WebSocket, language: str, meter: AudioMeter) -> None:
        self._name, self._socket, self._language = name, socket, language
        self._meter = meter
        self._pushed_ms = 0.0
        self._covered_ms = 0.0
        self._speaking = False

    async def push(self, chunk: EarsChunk) -> None:
        data = base64.b64encode(chunk.pcm).decode()
        audio = {"data": data, "sample_rate": EARS_RATE_HZ, "encoding": "audio/wav"}
        await self._socket.send_json({"audio": audio})
        length_ms = duration_ms(chunk.pcm, EARS_RATE_HZ)
        self._meter.add(length_ms)
        self._pushed_ms += length_ms
        if self._speaking and not chunk.speech:
            await self._socket.send_json({"type": "flush"})
        self._speaking = chunk.speech

    async def next(self) -> Transcript:
        while True:
            told = await self._socket.next_json()
            data = told.get("data")
            data = data if isinstance(data, dict) else {}
            if told.get("type") == "error":
                raise self._failed(data)
            if told.get("type") == "data" and isinstance(data.get("transcript"), str):
                return self._transcript(data)

    def used(self) -> Sequence[Usage]:
        return self._meter.take()

    def _transcript(self, data: dict[str, Any]) -> Transcript:
        """It says nothing of where its words lie; an answer without words is none about what was pushed since."""
        said = data["transcript"].strip()
        start_ms, self._covered_ms = self._covered_ms, self._pushed_ms if said else self._covered_ms
        language, sure = heard_in(data, self._language)
        return Transcript(said, bool(said), sure, start_ms, self._covered_ms, language)

    def _failed(self, data: dict[str, Any]) -> ProviderError:
        code = str(data.get("code") or "")
        problem = f"{code}: {data.get('error') or data.get('message') or 'an error'}"[:200]
        return ProviderError(
            self._name, problem, retryable=code in TRANSIENT or code.startswith(("429", "5"))
        )
