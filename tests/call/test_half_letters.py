"""Ears, a model and a tool that all write half a letter: the call goes on, and all of it can be written down."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import msgspec
import trio

from mediasrv.audio import EarsChunk
from mediasrv.call.dialogue import ConversationAgent, Persona
from mediasrv.conversation.tools import Prepared, ToolResult, ToolSpec
from mediasrv.providers.protocols import (
    LlmDelta,
    LlmRequest,
    SpeechToText,
    SttStream,
    TextDelta,
    ToolCall,
    ToolRequest,
    Transcript,
    Usage,
)
from mediasrv.providers.registry import Providers, scripted
from mediasrv.providers.script import parse_script
from tests.call.conversing import converse

HALF = "\ud83d"
MENDED = "\ufffd"
BOOK = ToolSpec("book")
SCRIPT = """
[[hears]]
text = "a table please"
[[hears]]
text = "and a chair please"
"""


@dataclass
class Ears:
    """The same words, each time with half a letter behind them."""

    ears: SpeechToText
    name: str = "ears"
    words_after_ms: float = 0.0

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SttStream]:
        async with self.ears.open(language) as stream:
            yield Heard(stream)


@dataclass
class Heard:
    stream: SttStream

    async def push(self, chunk: EarsChunk) -> None:
        await self.stream.push(chunk)

    async def next(self) -> Transcript:
        transcript = await self.stream.next()
        return replace(transcript, text=f"{transcript.text} {HALF}")

    def used(self) -> Sequence[Usage]:
        return self.stream.used()


@dataclass
class Model:
    name: str = "model"
    requests: list[LlmRequest] = field(default_factory=list)

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        await trio.lowlevel.checkpoint()
        self.requests.append(request)
        if request.messages[-1].role == "user":
            yield ToolRequest(ToolCall(HALF, "book", {"what": HALF}))
        else:
            yield TextDelta(f"It is booked {HALF}.")


@dataclass
class Booking:
    spec: ToolSpec = BOOK

    async def prepare(self, call: ToolCall) -> Prepared:
        await trio.lowlevel.checkpoint()
        return Prepared(call)

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        await trio.lowlevel.checkpoint()
        key.encode()
        return ToolResult(prepared.call.id, f"booked {HALF}")


async def test_half_a_letter_from_wherever_costs_no_turn_and_no_record(autojump_clock: object) -> None:
    script, model = parse_script(SCRIPT), Model()

    def providers() -> Providers:
        plain = scripted(script)
        return replace(plain, stt=Ears(plain.stt), llm=model)

    persona = Persona("test", voice=script.voice.name, speculates=False)
    agent = ConversationAgent(persona, providers, lambda end: [Booking()])
    call = await converse("", [(1.0, 2.2), (8.0, 9.2)], hang_up_at=16, agent=agent)
    assert call.record.error == ""
    first, second = call.turns
    assert (first["ending"], second["ending"]) == ("completed", "completed")
    assert first["heard"] == f"It is booked {MENDED}."
    assert first["asked"] == f"a table please {MENDED}"
    (tool,) = second["tools"]
    assert (tool["arguments"], tool["result"]) == ({"what": MENDED}, f"booked {MENDED}")
    for _, _, record in call.sink.records:
        msgspec.json.encode(record)
    for request in model.requests:
        msgspec.json.encode(request.messages)
