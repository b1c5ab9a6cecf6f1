"""Servers that speak as ElevenLabs, OpenAI and Sarvam do, as documented; each says a tone of 60 ms a word.

https://elevenlabs.io/docs/api-reference/text-to-speech/stream-with-timestamps and .../websocket,
https://platform.openai.com/docs/api-reference/audio/createSpeech, https://docs.sarvam.ai (text-to-speech/ws).
"""

from __future__ import annotations

import base64
import json
import math
import struct
from array import array
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trio
import trio_websocket

from tests.fakes.providers.web import Exchange, HttpServer, WebSocketServer

KEY = "speech-key"
WORD_MS = 60.0


def tone(ms: float, rate_hz: int) -> bytes:
    count = round(ms * rate_hz / 1000)
    return array(
        "h", (round(8_000 * math.sin(2 * math.pi * 440 * k / rate_hz)) for k in range(count))
    ).tobytes()


def wav(pcm: bytes, rate_hz: int, *, length: int | None = None, extra: bytes = b"") -> bytes:
    """A WAV file; `length`: what its header claims; `extra`: chunks before the sound."""
    claimed = len(pcm) if length is None else length
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 0xFFFFFFFF)
        + b"WAVE"
        + form
        + extra
        + struct.pack("<4sI", b"data", claimed)
        + pcm
    )


def letters(text: str) -> list[tuple[str, float, float]]:
    """Each character with its times in ms: a word takes 60 ms, its letters share them, spaces take none."""
    found, at_ms = list[tuple[str, float, float]](), 0.0
    for k, word in enumerate(text.split()):
        if k:
            found.append((" ", at_ms, at_ms))
        each = WORD_MS / len(word)
        found += [(letter, at_ms + n * each, at_ms + (n + 1) * each) for n, letter in enumerate(word)]
        at_ms += WORD_MS
    return found


@dataclass
class OpenAiSpeech:
    """`cut` bytes a piece; `format` wraps the samples, as some services do unasked."""

    cut: int = 1_000
    as_wav: bool = False
    instead: Callable[[Exchange], Awaitable[None]] | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def server(self) -> HttpServer:
        return HttpServer(self.handle)

    async def handle(self, exchange: Exchange) -> None:
        if exchange.method == "HEAD":
            await exchange.answer(405)
            return
        if exchange.headers.get("authorization") != f"Bearer {KEY}":
            await exchange.answer(401, {"error": {"message": "Incorrect API key provided"}})
            return
        if (exchange.method, exchange.path) != ("POST", "/v1/audio/speech"):
            await exchange.answer(404, {"error": {"message": "Unknown request URL"}})
            return
        self.bodies.append(exchange.json())
        if self.instead is not None:
            await self.instead(exchange)
            return
        pcm = tone(WORD_MS * len(self.bodies[-1]["input"].split()), 24_000)
        data = wav(pcm, 24_000, length=0xFFFFFFFF) if self.as_wav else pcm
        await exchange.begin(200, {"Content-Type": "audio/pcm"})
        for at in range(0, len(data), self.cut):
            await exchange.piece(data[at : at + self.cut])
        await exchange.end()


@dataclass
class ElevenLabsHttp:
    letters_a_line: int = 3
    instead: Callable[[Exchange], Awaitable[None]] | None = None
    requests: list[Exchange] = field(default_factory=list)

    def server(self) -> HttpServer:
        return HttpServer(self.handle)

    async def handle(self, exchange: Exchange) -> None:
        if exchange.method == "HEAD":
            await exchange.answer(405)
            return
        if exchange.headers.get("xi-api-key") != KEY:
            await exchange.answer(
                401, {"detail": {"status": "invalid_api_key", "message": "Invalid API key"}}
            )
            return
        self.requests.append(exchange)
        if self.instead is not None:
            await self.instead(exchange)
            return
        _, _, _, voice, *rest = exchange.path.split("/")
        if rest != ["stream", "with-timestamps"] or voice == "nobody":
            await exchange.answer(404, {"detail": {"status": "voice_not_found", "message": "no such voice"}})
            return
        rate_hz = int(exchange.query["output_format"].removeprefix("pcm_"))
        await exchange.begin(200, {"Content-Type": "application/json"})
        for line in self.lines(exchange.json()["text"], rate_hz):
            await exchange.piece(line)
        await exchange.end()

    def lines(self, text: str, rate_hz: int) -> list[bytes]:
        all_letters, lines = letters(text), list[bytes]()
        for at in range(0, len(all_letters), self.letters_a_line):
            here = all_letters[at : at + self.letters_a_line]
            alignment = {
                "characters": [letter for letter, _, _ in here],
                "character_start_times_seconds": [start / 1000 for _, start, _ in here],
                "character_end_times_seconds": [end / 1000 for _, _, end in here],
            }
            pcm = tone(here[-1][2] - here[0][1], rate_hz)
            audio = base64.b64encode(pcm).decode()
            told = {"audio_base64": audio, "alignment": alignment, "normalized_alignment": alignment}
            lines.append(json.dumps(told).encode() + b"\n")
        return lines


Act = Callable[[trio_websocket.WebSocketConnection], Awaitable[None]]


@dataclass
class ElevenLabsSocket:
    """Says what it was sent once it is flushed, a word a message, with times from each message's own beginning."""

    after: int | None = None  # messages; then `act`
    act: Act | None = None
    sent: list[dict[str, Any]] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def server(self) -> WebSocketServer:
        self.web = WebSocketServer(self.converse)
        return self.web

    async def converse(self, connection: trio_websocket.WebSocketConnection) -> None:
        if self.web.headers[-1].get("xi-api-key") != KEY:
            await _send(
                connection, message="The API key you used is invalid", error="invalid_api_key", code=1008
            )
            await connection.aclose(1008, "invalid_api_key")
            return
        query = parse_qs(urlsplit(self.web.resources[-1]).query)
        rate_hz, text = int(query["output_format"][0].removeprefix("pcm_")), ""
        while True:
            told = json.loads(await connection.get_message())
            self.sent.append(told)
            text += told["text"]
            if told["text"] == "":
                break
        for count, word in enumerate(text.split()):
            if count == self.after and self.act is not None:
                await self.act(connection)
            await self._say(connection, word, rate_hz, first=count == 0)
        if self.after is not None and self.after < 0 and self.act is not None:
            await self.act(connection)
        await _send(connection, isFinal=True, audio=None)
        await connection.aclose(1000)

    async def _say(
        self, connection: trio_websocket.WebSocketConnection, word: str, rate_hz: int, *, first: bool
    ) -> None:
        said = letters(word)
        said = said if first else [(" ", 0.0, 0.0), *said]
        alignment = {
            "chars": [letter for letter, _, _ in said],
            "charStartTimesMs": [round(start) for _, start, _ in said],
            "charDurationsMs": [round(end) - round(start) for _, start, end in said],
        }
        audio = base64.b64encode(tone(WORD_MS, rate_hz)).decode()
        await _send(connection, audio=audio, isFinal=None, alignment=alignment, normalizedAlignment=alignment)


@dataclass
class SarvamSocket:
    """After `flush` everything that was said, 60 ms of sound a message; then the event that it was all."""

    after: int | None = None
    act: Act | None = None
    sent: list[dict[str, Any]] = field(default_factory=list)

    def server(self) -> WebSocketServer:
        self.web = WebSocketServer(self.converse)
        return self.web

    async def converse(self, connection: trio_websocket.WebSocketConnection) -> None:
        if self.web.headers[-1].get("api-subscription-key") != KEY:
            await _send(connection, type="error", data={"message": "Invalid API key", "code": 403})
            return
        config: dict[str, Any] = {}
        text = ""
        while True:
            told = json.loads(await connection.get_message())
            self.sent.append(told)
            match told["type"]:
                case "config":
                    config = told["data"]
                case "text":
                    text += told["data"]["text"]
                case "flush":
                    break
        for count, _ in enumerate(text.split()):
            if count == self.after and self.act is not None:
                await self.act(connection)
            audio = base64.b64encode(tone(WORD_MS, int(config["speech_sample_rate"]))).decode()
            await _send(
                connection,
                type="audio",
                data={"audio": audio, "content_type": "audio/pcm", "request_id": "r"},
            )
        await _send(connection, type="event", data={"event_type": "final", "request_id": "r"})
        await trio.sleep_forever()


async def _send(connection: trio_websocket.WebSocketConnection, **message: object) -> None:
    await connection.send_message(json.dumps(message))
