"""Servers that hear as Deepgram, Whisper behind OpenAI's shape, and Sarvam (both ways) do, as documented.

What is said in the sound is told by its samples: a caller's word is 200 ms of one value, silence is zero. So each
server hears what was really sent to it, and nothing else.

https://developers.deepgram.com/reference/speech-to-text/listen-streaming, https://platform.openai.com/docs/api-reference/
audio/createTranscription, https://docs.sarvam.ai (speech-to-text, speech-to-text-translate, speech-to-text/ws).
"""

from __future__ import annotations

import base64
import json
import re
from array import array
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import trio
import trio_websocket

from mediasrv.audio import EARS_RATE_HZ, EarsChunk, Span
from tests.fakes.providers.web import Exchange, HttpServer, WebSocketServer

KEY = "hearing-key"
WORD_MS = 200
CHUNK_MS = 20
INTERIM_MS = 1_000
WORDS = ("", "one", "two", "three", "four", "five")  # by the value of their samples, in thousands
Act = Callable[[trio_websocket.WebSocketConnection], Awaitable[None]]


def pcm_of(value: int, ms: int) -> bytes:
    return array("h", [1_000 * value] * (ms * EARS_RATE_HZ // 1_000)).tobytes()


def spoken(*words: str, pause_ms: int = 600) -> list[EarsChunk]:
    """Chunks of 20 ms in which these words are said, silence before and behind; the gate hears them 60 ms late."""
    values = [0] * (pause_ms // CHUNK_MS)
    for word in words:
        values += [WORDS.index(word)] * (WORD_MS // CHUNK_MS)
    values += [0] * (pause_ms // CHUNK_MS)
    late, hangover = 3, 10
    chunks = []
    for k, value in enumerate(values):
        speech = any(values[max(0, k - hangover) : k - late + 1]) if k >= late else False
        span = Span(k * 320, k * CHUNK_MS * 1_000_000, 320, speech=speech)
        chunks.append(EarsChunk(pcm_of(value, CHUNK_MS), (span,)))
    return chunks


def heard_in(pcm: bytes) -> list[tuple[str, float, float]]:
    """The words in it, and where they lie in ms; a word of which less than half is there is not understood."""
    samples = np.frombuffer(pcm, "<i2")
    found = list[tuple[str, float, float]]()
    for at, end in pairwise([0, *(np.flatnonzero(np.diff(samples)) + 1).tolist(), len(samples)]):
        ms = (end - at) * 1_000 / EARS_RATE_HZ
        if ms >= WORD_MS / 2 and samples[at]:
            word = WORDS[samples[at] // 1_000]
            found.append((word, at * 1_000 / EARS_RATE_HZ, end * 1_000 / EARS_RATE_HZ))
    return found


@dataclass
class DeepgramSocket:
    """An interim result for each word and each second without one, and a final one when it is told to finalise."""

    after_bytes: int | None = None
    act: Act | None = None
    messages: list[Any] = field(default_factory=list)

    def server(self) -> WebSocketServer:
        self.web = WebSocketServer(self.converse)
        return self.web

    async def converse(self, connection: trio_websocket.WebSocketConnection) -> None:
        if self.web.headers[-1].get("authorization") != f"Token {KEY}":
            await connection.aclose(1008, "INVALID_AUTH")
            return
        await _send(connection, type="Metadata", request_id="r", channels=1)
        pcm, finished_ms, told, told_ms = b"", 0.0, 0, 0.0
        while True:
            message = await connection.get_message()
            if isinstance(message, bytes):
                pcm += message
                if self.after_bytes is not None and len(pcm) >= self.after_bytes and self.act is not None:
                    act, self.act = self.act, None
                    await act(connection)
                words = heard_in(pcm)
                if len(words) > told or len(pcm) / 32 >= told_ms + INTERIM_MS:
                    told, told_ms = len(words), len(pcm) / 32
                    await self._result(
                        connection, [w for w in words if w[1] >= finished_ms], finished_ms, pcm, final=False
                    )
                continue
            self.messages.append(json.loads(message))
            if self.messages[-1]["type"] == "Finalize":
                words = [w for w in heard_in(pcm) if w[1] >= finished_ms]
                await self._result(connection, words, finished_ms, pcm, final=True)
                finished_ms = told_ms = len(pcm) / 32

    async def _result(
        self, connection: Any, words: list[Any], start_ms: float, pcm: bytes, *, final: bool
    ) -> None:
        listed = [
            {
                "word": word,
                "start": start / 1_000,
                "end": end / 1_000,
                "confidence": 0.9,
                "punctuated_word": word,
            }
            for word, start, end in words
        ]
        best = {"transcript": " ".join(word for word, _, _ in words), "confidence": 0.9, "words": listed}
        await _send(
            connection, type="Results", channel_index=[0, 1], start=start_ms / 1_000,
            duration=len(pcm) / 32_000 - start_ms / 1_000, is_final=final, speech_final=final, from_finalize=final,
            channel={"alternatives": [best]}, metadata={"request_id": "r"},
        )  # fmt: skip


@dataclass
class SarvamSocketEars:
    """A transcript at each flush; signs of speech besides, which come late."""

    after_bytes: int | None = None
    act: Act | None = None

    def server(self) -> WebSocketServer:
        self.web = WebSocketServer(self.converse)
        return self.web

    async def converse(self, connection: trio_websocket.WebSocketConnection) -> None:
        if self.web.headers[-1].get("api-subscription-key") != KEY:
            await _send(
                connection, type="error", data={"error": "Invalid API key", "code": "invalid_api_key_error"}
            )
            return
        pcm, begun = b"", 0
        while True:
            told = json.loads(await connection.get_message())
            if "audio" in told:
                assert told["audio"]["encoding"] == "audio/wav"
                pcm += base64.b64decode(told["audio"]["data"])
                if self.after_bytes is not None and len(pcm) >= self.after_bytes and self.act is not None:
                    act, self.act = self.act, None
                    await act(connection)
                continue
            await _send(connection, type="events", data={"event_type": "vad", "signal_type": "END_SPEECH"})
            words = " ".join(word for word, _, _ in heard_in(pcm[begun:]))
            begun = len(pcm)
            data = {
                "request_id": "r",
                "transcript": words,
                "language_code": "en-IN",
                "language_probability": 0.8,
            }
            await _send(connection, type="data", data={**data, "metrics": {"audio_duration": 1.0}})


@dataclass
class Whisper:
    """Transcribes files; `figures` are its own doubts."""

    figures: dict[str, float] = field(default_factory=lambda: {"avg_logprob": -0.3, "no_speech_prob": 0.01})
    takes_s: float = 0.0
    instead: Callable[[Exchange], Awaitable[None]] | None = None
    fields: list[dict[str, str]] = field(default_factory=list)

    def server(self) -> HttpServer:
        return HttpServer(self.handle)

    async def handle(self, exchange: Exchange) -> None:
        if exchange.method == "HEAD":
            await exchange.answer(405)
            return
        if exchange.headers.get("authorization") != f"Bearer {KEY}":
            await exchange.answer(401, {"error": {"message": "Incorrect API key provided"}})
            return
        if not exchange.path.endswith("/audio/transcriptions"):
            await exchange.answer(404, {"error": {"message": "Unknown request URL"}})
            return
        parts = form(exchange)
        wav = parts.pop("file")
        assert wav[:4] == b"RIFF"
        self.fields.append({name: value.decode() for name, value in parts.items()})
        await trio.sleep(self.takes_s)
        if self.instead is not None:
            await self.instead(exchange)
            return
        words = heard_in(wav[44:])
        segments = (
            [{"id": 0, "start": 0.0, "end": len(wav) / 32_000, "text": "", **self.figures}] if words else []
        )
        text = " ".join(word for word, _, _ in words)
        body = {
            "task": "transcribe",
            "language": "english",
            "duration": 1.0,
            "text": f" {text}",
            "segments": segments,
        }
        await exchange.answer(200, body)


@dataclass
class SarvamFiles:
    """Transcribes files; the address of the older translating models answers in English and is told no language."""

    probability: float | None = None  # of the language, where it was to be found out
    takes_s: float = 0.0
    instead: Callable[[Exchange], Awaitable[None]] | None = None
    fields: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def server(self) -> HttpServer:
        return HttpServer(self.handle)

    async def handle(self, exchange: Exchange) -> None:
        if exchange.method == "HEAD":
            await exchange.answer(404)
            return
        if exchange.headers.get("api-subscription-key") != KEY:
            await exchange.answer(403, _refusal("Invalid API key", "invalid_api_key_error"))
            return
        parts = form(exchange)
        wav = parts.pop("file", b"")
        self.fields.append({name: value.decode() for name, value in parts.items()})
        self.paths.append(exchange.path)
        translates = exchange.path == "/speech-to-text-translate"
        if wav[:4] != b"RIFF" or translates == ("language_code" in self.fields[-1]):
            await exchange.answer(422, _refusal("Validation error", "unprocessable_entity_error"))
            return
        await trio.sleep(self.takes_s)
        if self.instead is not None:
            await self.instead(exchange)
            return
        text = " ".join(word for word, _, _ in heard_in(wav[44:]))
        told = {"request_id": "r", "transcript": text, "language_code": "hi-IN" if translates else "en-IN"}
        await exchange.answer(200, {**told, "language_probability": self.probability, "timestamps": None})


def _refusal(message: str, code: str) -> dict[str, object]:
    return {"error": {"message": message, "code": code, "request_id": "r"}}


def form(exchange: Exchange) -> dict[str, bytes]:
    """The parts of a multipart body."""
    boundary = exchange.headers["content-type"].partition("boundary=")[2].encode()
    parts = {}
    for part in exchange.body.split(b"--" + boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]+)"', head)
        assert name is not None
        parts[name[1].decode()] = value.removesuffix(b"\r\n")
    return parts


async def _send(connection: trio_websocket.WebSocketConnection, **message: object) -> None:
    await connection.send_message(json.dumps(message))
