"""In place of leg and providers: they bring what was brought, when it was brought.

In step each answers by the number of the operation, which the stage knows. Loose, they answer as the one that they
stand for may have done: words come at the times at which they came, for the caller's sound is the same; a question that
was asked then is answered as fast as then, and one that was not is the provider's failure, because nobody knows the
answer. A line that was not spoken then is spoken by the built-in voice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio
import trio.lowlevel

from mediasrv.audio import EarsChunk
from mediasrv.call.dialogue import ConversationAgent
from mediasrv.call.menu import MenuAgent
from mediasrv.call.services import Agent
from mediasrv.call.speech.ready import ReadySpeech
from mediasrv.clock import NS_PER_S
from mediasrv.conversation.agents.webhook import Webhook
from mediasrv.conversation.tools import Prepared, Tool, ToolResult, ToolSpec
from mediasrv.media import VoiceLevels
from mediasrv.providers.protocols import (
    LlmDelta,
    LlmRequest,
    Message,
    ProviderError,
    SpeechChunk,
    SttStream,
    TextToSpeech,
    ToolCall,
    Transcript,
    Usage,
    Waits,
    waits_of,
)
from mediasrv.providers.registry import Providers
from mediasrv.providers.voices import FormantVoice
from mediasrv.replay.edges import LevelSpeech
from mediasrv.replay.outcomes import brought, brought_error
from mediasrv.replay.stage import Stage
from mediasrv.replay.tape import Outcome, Tape


@dataclass(frozen=True, slots=True)
class Piece:
    after_ns: int  # since the one before was asked for
    outcome: Outcome


@dataclass(slots=True)
class Memory:
    """What was brought then, for whoever asks otherwise than then."""

    words: deque[tuple[int, Outcome]] = field(default_factory=deque)  # and when
    streams: list[tuple[str, Any, list[Piece]]] = field(default_factory=list)
    others: dict[str, deque[tuple[int, Outcome]]] = field(default_factory=dict)

    @classmethod
    def of(cls, tape: Tape) -> Memory:
        memory = cls()
        streams: dict[int, list[Piece]] = {}
        for each in tape.passes:
            for outcome in each.over:
                if outcome.name == "ears.next":
                    memory.words.append((each.at_ns, outcome))
                elif outcome.of >= 0 and outcome.name.endswith(".next"):
                    if outcome.of not in streams:
                        streams[outcome.of] = []
                        name = outcome.name.partition(".")[0]
                        memory.streams.append((name, outcome.asked, streams[outcome.of]))
                    streams[outcome.of].append(Piece(each.at_ns - outcome.began_ns, outcome))
                else:
                    memory.others.setdefault(outcome.name, deque()).append((each.at_ns, outcome))
        return memory

    def answer(self, name: str, asked: Any) -> list[Piece] | None:
        """To the same question, or to one that ends alike; the longest, where it was cut off and asked again."""
        of_kind = [(question, pieces) for kind, question, pieces in self.streams if kind == name]
        same = [pieces for question, pieces in of_kind if question == asked]
        if not same and name == "model":
            same = [pieces for question, pieces in of_kind if question[-1:] == asked[-1:]]
        return max(same, key=len, default=None)


def _come(outcome: Outcome) -> Any:
    """Brings it, or raises what it raised."""
    if outcome.how == "error":
        raise brought_error(outcome.value)
    if outcome.how == "end":
        raise StopAsyncIteration
    return brought(outcome.value)


@dataclass(frozen=True, slots=True)
class World:
    stage: Stage
    memory: Memory

    async def sleep_until(self, at_ns: int) -> None:
        await trio.sleep_until(max(at_ns, self.stage.clock.now_ns()) / NS_PER_S)

    async def stream(self, name: str, asked: Any, failed: Callable[[], Any]) -> AsyncGenerator[Any, None]:
        """`failed`: what is brought in place of an answer that nobody has; a list, or an error to raise."""
        count = 0
        number = self.stage.stream_number()
        try:
            while True:
                found = await self.stage.wait_over(f"{name}.next", asked)
                if found.outcome is None:
                    break
                try:
                    piece = _come(found.outcome)
                except StopAsyncIteration:
                    return
                count += 1
                yield piece
            async for piece in self._loose(name, asked, count, failed):
                yield piece
        finally:
            if not self.stage.loosened and number >= 0:
                found = await self.stage.wait_over(f"{name}.close", asked)
                if found.outcome is not None and found.outcome.how == "error":
                    _come(found.outcome)

    async def _loose(
        self, name: str, asked: Any, begun: int, failed: Callable[[], Any]
    ) -> AsyncGenerator[Any, None]:
        pieces = self.memory.answer(name, asked)
        if pieces is None:
            for piece in failed():
                await trio.lowlevel.checkpoint()
                yield piece
            return
        for each in pieces[begun:]:
            await trio.sleep(each.after_ns / NS_PER_S)
            if each.outcome.how == "cancelled":
                await trio.sleep_forever()
            try:
                piece = _come(each.outcome)
            except StopAsyncIteration:
                return
            yield piece


@dataclass(slots=True)
class SubstituteModel:
    name: str
    world: World
    waits: Waits = field(default_factory=Waits)

    def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        said = [[message.role, message.text] for message in request.messages if message.role != "system"]

        def failed() -> Any:
            raise ProviderError(self.name, "was not asked this then", retryable=False)

        return self.world.stream("model", said[-2:], failed)

    def estimate(self, request: LlmRequest, written: str) -> Usage | None:
        """As it was then; a model that told all it used, or a recording that is older, has none."""
        if "model.estimate" not in self.world.memory.others:
            return None
        usage: Usage | None = brought(self.world.stage.at_once("model.estimate"))
        return usage


@dataclass(slots=True)
class SubstituteVoice:
    name: str
    world: World
    waits: Waits = field(default_factory=Waits)

    def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        return self._stream(text, voice)

    async def _stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        unknown: list[bool] = []

        def failed() -> Any:
            unknown.append(True)
            return []

        pieces = self.world.stream("voice", [text, voice], failed)
        try:
            async for piece in pieces:
                yield piece
        finally:
            await pieces.aclose()
        if unknown:
            async for piece in FormantVoice().stream(text, ""):
                yield piece


@dataclass(slots=True)
class SubstituteEars:
    name: str
    words_after_ms: float
    world: World
    waits: Waits = field(default_factory=Waits)

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SttStream]:
        stage = self.world.stage
        found = await stage.wait_over("ears.open")
        if found.outcome is not None:
            _come(found.outcome)
        failed: Exception | None = None
        with trio.CancelScope() as session:
            try:
                yield _Session(self.world, session)
            finally:
                found = await stage.wait_over("ears.close")
                if found.outcome is not None and found.outcome.how == "error":
                    error = brought_error(found.outcome.value)
                    failed = error if isinstance(error, Exception) else None
        if failed is not None:
            raise failed


@dataclass(frozen=True, slots=True)
class _Session:
    world: World
    scope: trio.CancelScope

    async def push(self, chunk: EarsChunk) -> None:
        found = await self.world.stage.wait_over("ears.push", None, self.scope)
        if found.outcome is not None:
            _come(found.outcome)
        else:
            await trio.lowlevel.checkpoint()

    def used(self) -> Sequence[Usage]:
        return [brought(usage) for usage in self.world.stage.at_once("ears.used") or ()]

    async def next(self) -> Transcript:
        words = self.world.memory.words
        found = await self.world.stage.wait_over("ears.next", None, self.scope)
        if found.outcome is not None:
            words.popleft()
            return _come(found.outcome)  # type: ignore[no-any-return]
        while words:
            at_ns, outcome = words[0]
            await self.world.sleep_until(at_ns)
            words.popleft()
            if outcome.how == "value":
                return _come(outcome)  # type: ignore[no-any-return]
        await trio.sleep_forever()
        raise AssertionError("for ever is over")


@dataclass(slots=True)
class SubstituteJudge:
    name: str
    world: World

    async def finished(self, said: str, before: Sequence[Message]) -> float:
        found = await self.world.stage.wait_over("judge", said)
        if found.outcome is None:
            raise ProviderError(self.name, "was not asked this then", retryable=False)
        return float(_come(found.outcome))


@dataclass(frozen=True, slots=True)
class SubstituteTool:
    """In place of one that reaches into the world."""

    spec: ToolSpec
    world: World

    async def prepare(self, call: ToolCall) -> Prepared:
        prepared: Prepared = await self._then("tool.prepare", call)
        return prepared

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        result: ToolResult = await self._then("tool.commit", prepared.call)
        return result

    async def _then(self, name: str, call: ToolCall) -> Any:
        found = await self.world.stage.wait_over(name, call.name)
        if found.outcome is not None:
            return _come(found.outcome)
        if name == "tool.prepare":
            return Prepared(call)
        return ToolResult(call.id, "failed: was not called then", ok=False)


def substituted(agent: Agent, world: World) -> Agent:
    """The same agent, with what its providers had brought, and the lines that it had ready."""
    if isinstance(agent, MenuAgent):
        return agent.with_voices(lambda voice: SubstituteVoice(voice.name, world, waits_of(voice)))
    if not isinstance(agent, ConversationAgent):
        return agent

    def providers() -> Providers:
        names = _names(world.stage)
        spare, judge = names.get("spare_voice"), names.get("end_of_turn")
        return Providers(
            SubstituteEars(
                names.get("stt", ""), float(names.get("words_after_ms", 0)), world, _waits(names, "stt")
            ),
            SubstituteModel(names.get("llm", ""), world, _waits(names, "llm")),
            SubstituteVoice(names.get("tts", ""), world, _waits(names, "tts")),
            None if spare is None else SubstituteVoice(spare, world, _waits(names, "spare_voice")),
            None if judge is None else SubstituteJudge(judge, world),
        )

    def tools(end_call: Callable[[], None]) -> Sequence[Tool]:
        found = agent.tools(end_call)
        return [SubstituteTool(tool.spec, world) if isinstance(tool, Webhook) else tool for tool in found]

    return _AgentAgain(agent, providers, tools, world.stage)


class _AgentAgain(ConversationAgent):
    def __init__(
        self,
        agent: ConversationAgent,
        providers: Callable[[], Providers],
        tools: Callable[[Callable[[], None]], Sequence[Tool]],
        stage: Stage,
    ) -> None:
        super().__init__(agent.persona, providers, tools, agent.needs)
        self._stage = stage

    def speech_of_call(self) -> ReadySpeech:
        return _SpeechAgain(lambda: self.providers().tts, self.persona.voice, self._stage)


class _SpeechAgain(LevelSpeech):
    """Ready is what was ready; the sound of a line that was not said then is not there."""

    def __init__(self, new_voice: Callable[[], TextToSpeech], voice: str, stage: Stage) -> None:
        super().__init__(new_voice, voice, VoiceLevels())
        self._stage = stage
        self._asked: set[str] = set()
        for text in stage.at_once("ready") or ():
            self._lines[text] = ()

    def get(self, text: str) -> Sequence[SpeechChunk] | None:
        if text not in self._asked:
            self._asked.add(text)
            made = self._stage.at_once("ready.get")
            if made is not None and text in self._lines:
                self._lines[text] = tuple(brought(chunk) for chunk in made)
        return super().get(text) or None


def _waits(names: Mapping[str, str], kind: str) -> Waits:
    """None are told of one that was not several, nor in a recording that is older."""
    first_s, next_s = names.get(f"{kind}_waits", "0 0").split()
    return Waits(float(first_s), float(next_s))


def _names(stage: Stage) -> dict[str, str]:
    return dict(stage.at_once("providers") or stage.first("providers"))
