"""Deepgram, streamed over a WebSocket: bare samples in, revised and final transcripts out.

A result covers a stretch of sound (`start`, `duration`) and is revised until `is_final`; the next ones cover what
comes after it, so finals follow each other without a gap. The service waits by itself for a pause; told that our gate
has heard one (`Finalize`), it need not. A socket over which nothing comes for ten seconds is closed, hence
`KeepAlive`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import trio

from mediasrv.audio import EARS_RATE_HZ, EarsChunk, duration_ms
from mediasrv.providers.protocols import ProviderError, SttStream, Transcript, Usage
from mediasrv.providers.sound import AudioMeter
from mediasrv.providers.wire import Net, WebSocket, open_websocket

URL = "wss://api.deepgram.com/v1/listen"
MODEL = "nova-2-phonecall"
KEEP_ALIVE_S = 4.0
TRANSIENT = ("NET-", "overload", "timeout")


@dataclass(frozen=True, slots=True)
class DeepgramSettings:
    name: str
    charge: Callable[[Usage], Usage]
    model: str = MODEL
    extra: Mapping[str, object] = field(default_factory=dict)  # `keywords`, `numerals`, `endpointing` ...


class Deepgram:
    """A SpeechToText; serves all calls, each with a socket of its own."""

    words_after_ms = 200.0  # interim results come every 100 ms or so, and have travelled

    def __init__(self, settings: DeepgramSettings, url: str, key: str, net: Net) -> None:
        self.name, self._settings = settings.name, settings
        self._url, self._key, self._net = url, key, net

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SttStream]:
        url = f"{self._url}?{urlencode(self._query(language))}"
        async with open_websocket(
            self.name, url, {"Authorization": f"Token {self._key}"}, self._net
        ) as socket:
            meter = AudioMeter(self.name, self._settings.model, self._settings.charge)
            stream = _Stream(self.name, socket, language, meter)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream.keep_alive)
                yield stream
                nursery.cancel_scope.cancel()

    def _query(self, language: str) -> dict[str, object]:
        return {
            "model": self._settings.model,
            "language": language,
            "encoding": "linear16",
            "sample_rate": EARS_RATE_HZ,
            "channels": 1,
            "interim_results": "true",
            "punctuate": "true",
            "endpointing": 300,
            **self._settings.extra,
        }


class _Stream:
    def __init__(self, name: str, socket: WebSocket, language: str, meter: AudioMeter) -> None:
        self._name, self._socket, self._language = name, socket, language
        self._meter = meter
        self._pushed_at = trio.current_time()
        self._speaking = False

    async def push(self, chunk: EarsChunk) -> None:
        self._pushed_at = trio.current_time()
        await self._socket.send(chunk.pcm)
        self._meter.add(duration_ms(chunk.pcm, EARS_RATE_HZ))
        if self._speaking and not chunk.speech:
            await self._socket.send_json({"type": "Finalize"})
        self._speaking = chunk.speech

    async def next(self) -> Transcript:
        while True:
            told = await self._socket.next_json()
            if told.get("type") == "Error":
                raise self._failed(told)
            if told.get("type") == "Results":
                return self._transcript(told)

    def used(self) -> Sequence[Usage]:
        return self._meter.take()

    async def keep_alive(self) -> None:
        while True:
            await trio.sleep_until(self._pushed_at + KEEP_ALIVE_S)
            if trio.current_time() >= self._pushed_at + KEEP_ALIVE_S:
                await self._socket.send_json({"type": "KeepAlive"})
                self._pushed_at = trio.current_time()

    def _transcript(self, told: dict[str, Any]) -> Transcript:
        try:
            best = told["channel"]["alternatives"][0]
            text, start_ms = str(best["transcript"]).strip(), 1000 * float(told["start"])
            end_ms = start_ms + 1000 * float(told["duration"])
            confidence = min(1.0, max(0.0, float(best.get("confidence", 0.7))))
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise ProviderError(
                self._name, f"a result that cannot be read: {error!r}", retryable=True
            ) from error
        languages = best.get("languages") or (self._language,)
        return Transcript(text, bool(told.get("is_final")), confidence, start_ms, end_ms, str(languages[0]))

    def _failed(self, told: dict[str, Any]) -> ProviderError:
        problem = str(told.get("description") or told.get("message") or "an error")[:200]
        words = f"{told.get('variant', '')} {problem}".strip()
        return ProviderError(self._name, words, retryable=any(mark in words for mark in TRANSIENT))
