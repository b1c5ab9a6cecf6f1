"""Where a call touches the world: its leg and its providers, each with somebody who writes down what they bring.

Outside a recorded call these pass everything through. A voice is brought to its loudness here and not later, because
the gain is what an agent has learnt in other calls.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import trio

from mediasrv.audio import EarsChunk
from mediasrv.call.dialogue import ConversationAgent
from mediasrv.call.menu import MenuAgent
from mediasrv.call.services import Agent
from mediasrv.call.speech.ready import ReadySpeech
from mediasrv.conversation.agents.webhook import Webhook
from mediasrv.conversation.tools import Prepared, Tool, ToolResult, ToolSpec
from mediasrv.legs import Leg
from mediasrv.media import VoiceLevels
from mediasrv.providers.protocols import (
    EndOfTurn,
    Estimates,
    LanguageModel,
    LlmDelta,
    LlmRequest,
    Message,
    SpeechChunk,
    SpeechToText,
    SttStream,
    TextToSpeech,
    ToolCall,
    Transcript,
    Usage,
    Waits,
    waits_of,
)
from mediasrv.providers.registry import Providers
from mediasrv.replay.outcomes import CannotBeKept, kept, kept_error
from mediasrv.replay.recorder import RECORDER

T = TypeVar("T")


async def noted(
    name: str, asked: object, operation: Callable[[], Awaitable[T]], *, of: int = -1, keeps: bool = True
) -> T:
    """Does it, and tells the call's recorder, if there is one, what came of it and when.

    `of`: the stream that it is a piece of; not `keeps`: that it came is all.
    """
    recorder = RECORDER.get()
    if recorder is None:
        return await operation()
    begun = recorder.operation()
    try:
        value = await operation()
    except StopAsyncIteration:
        recorder.over(begun, name, "end", None, asked, of)
        raise
    except trio.Cancelled:
        recorder.over(begun, name, "cancelled", None, asked, of)
        raise
    except BaseException as error:
        recorder.over(begun, name, "error", kept_error(error), asked, of)
        raise
    try:
        recorder.over(begun, name, "value", kept(value) if keeps else None, asked, of)
    except CannotBeKept as what:
        recorder.beyond(f"{name} brought {what}")
        recorder.over(begun, name, "cancelled", None, asked)
    return value


async def noted_pieces(name: str, asked: object, pieces: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Each piece is an operation of its own, and so is the end."""
    recorder = RECORDER.get()
    of = -1 if recorder is None else recorder.operation()[0]
    try:
        while True:
            try:
                piece = await noted(f"{name}.next", asked, pieces.__anext__, of=of)
            except StopAsyncIteration:
                return
            yield piece
    finally:
        await noted(f"{name}.close", asked, pieces.aclose, of=of)


@dataclass(slots=True)
class NotedModel:
    model: LanguageModel
    name: str = field(init=False)
    waits: Waits = field(init=False)

    def __post_init__(self) -> None:
        self.name, self.waits = self.model.name, waits_of(self.model)

    def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        said = [[message.role, message.text] for message in request.messages if message.role != "system"]
        return noted_pieces("model", said[-2:], self.model.stream(request))

    def estimate(self, request: LlmRequest, written: str) -> Usage | None:
        """A reply that is cut off costs the same in a call that is recorded."""
        if not isinstance(self.model, Estimates):
            return None
        usage = self.model.estimate(request, written)
        note_at_once("model.estimate", kept(usage))
        return usage


@dataclass(slots=True)
class NotedVoice:
    """`levelled`: brings a piece to the loudness of the agent's voices."""

    voice: TextToSpeech
    levelled: Callable[[str, SpeechChunk], SpeechChunk] = lambda name, chunk: chunk
    name: str = field(init=False)
    waits: Waits = field(init=False)

    def __post_init__(self) -> None:
        self.name, self.waits = self.voice.name, waits_of(self.voice)

    def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        return noted_pieces("voice", [text, voice], self._levelled(text, voice))

    async def _levelled(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        pieces = self.voice.stream(text, voice)
        try:
            async for piece in pieces:
                yield self.levelled(self.name, piece)
        finally:
            await pieces.aclose()


@dataclass(slots=True)
class NotedEars:
    ears: SpeechToText
    name: str = field(init=False)
    words_after_ms: float = field(init=False)
    waits: Waits = field(init=False)

    def __post_init__(self) -> None:
        self.name, self.words_after_ms = self.ears.name, self.ears.words_after_ms
        self.waits = waits_of(self.ears)

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SttStream]:
        session = self.ears.open(language)
        stream = await noted("ears.open", None, session.__aenter__, keeps=False)
        try:
            yield _NotedSession(stream)
        except BaseException as error:
            failed = error

            async def leave() -> None:
                if not await session.__aexit__(type(failed), failed, failed.__traceback__):
                    raise failed

            await noted("ears.close", None, leave)
        else:
            await noted("ears.close", None, lambda: session.__aexit__(None, None, None), keeps=False)


@dataclass(frozen=True, slots=True)
class _NotedSession:
    stream: SttStream

    async def push(self, chunk: EarsChunk) -> None:
        await noted("ears.push", None, lambda: self.stream.push(chunk))

    async def next(self) -> Transcript:
        return await noted("ears.next", None, self.stream.next)

    def used(self) -> Sequence[Usage]:
        usages = self.stream.used()
        note_at_once("ears.used", [kept(usage) for usage in usages])
        return usages


@dataclass(slots=True)
class NotedJudge:
    judge: EndOfTurn
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.judge.name

    async def finished(self, said: str, before: Sequence[Message]) -> float:
        return await noted("judge", said, lambda: self.judge.finished(said, before))


@dataclass(frozen=True, slots=True)
class NotedTool:
    """One that reaches into the world; a call's own are repeated with it."""

    tool: Tool

    @property
    def spec(self) -> ToolSpec:
        return self.tool.spec

    async def prepare(self, call: ToolCall) -> Prepared:
        return await noted("tool.prepare", call.name, lambda: self.tool.prepare(call))

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        return await noted("tool.commit", prepared.call.name, lambda: self.tool.commit(prepared, key))


class LevelSpeech(ReadySpeech):
    """Of voices that are at their loudness already."""

    def levelled(self, voice: str, chunk: SpeechChunk) -> SpeechChunk:
        return chunk

    def of_call(self, new_voice: Callable[[], TextToSpeech]) -> SpeechOfCall:
        """What is ready now, for a call that begins: what others make meanwhile is none of its business."""
        speech = SpeechOfCall(new_voice, self._voice, self.levels)
        speech._lines = dict(self._lines)
        return speech


class SpeechOfCall(LevelSpeech):
    """Tells which lines were ready, and the sound of those that are said."""

    _told: frozenset[str] = frozenset()

    def tell(self) -> Self:
        note_at_once("ready", list(self._lines))
        return self

    def get(self, text: str) -> Sequence[SpeechChunk] | None:
        made = super().get(text)
        if text not in self._told:
            self._told |= {text}
            note_at_once("ready.get", None if made is None else [kept(chunk) for chunk in made])
        return made


class NotedAgent(ConversationAgent):
    """Converses; what its providers bring is written down in calls that are recorded."""

    def speech_of_call(self) -> ReadySpeech:
        assert isinstance(self.ready, LevelSpeech)
        return self.ready.of_call(lambda: self.providers().tts).tell()


def noted_agent(agent: Agent) -> Agent:
    """The same agent, if it is one that converses; others have nothing to write down."""
    if isinstance(agent, MenuAgent):
        return agent.with_voices(NotedVoice)
    if not isinstance(agent, ConversationAgent):
        return agent
    voice_name, plain = agent.persona.voice, agent.providers
    by_loudness = ReadySpeech(lambda: plain().tts, voice_name, VoiceLevels())

    def providers() -> Providers:
        these = plain()
        note_names(these)
        return Providers(
            NotedEars(these.stt),
            NotedModel(these.llm),
            NotedVoice(these.tts, by_loudness.levelled),
            None if these.spare_voice is None else NotedVoice(these.spare_voice, by_loudness.levelled),
            None if these.end_of_turn is None else NotedJudge(these.end_of_turn),
        )

    def tools(end_call: Callable[[], None]) -> Sequence[Tool]:
        return [NotedTool(tool) if isinstance(tool, Webhook) else tool for tool in agent.tools(end_call)]

    noted_one = NotedAgent(agent.persona, providers, tools, agent.needs)
    noted_one.ready = LevelSpeech(lambda: providers().tts, voice_name, VoiceLevels())
    return noted_one


def note_names(providers: Providers) -> None:
    """What they are called, which of them there are, and how long they must be waited for."""
    if RECORDER.get() is not None:
        kinds = ("stt", "llm", "tts", "spare_voice", "end_of_turn")
        found = {kind: getattr(providers, kind) for kind in kinds}
        names = {kind: each.name for kind, each in found.items() if each is not None}
        waits = {f"{kind}_waits": waits_of(found[kind]) for kind in names}
        told = {kind: f"{each.first_s} {each.next_s}" for kind, each in waits.items() if each != Waits()}
        note_at_once("providers", names | told | {"words_after_ms": str(providers.stt.words_after_ms)})


def note_at_once(name: str, value: object) -> None:
    """Something that was found without a wait."""
    recorder = RECORDER.get()
    if recorder is not None:
        recorder.over(recorder.operation(), name, "value", value)


LEG_OPERATIONS = ("answer", "hang_up", "next_request", "press", "ring", "transfer", "wait_ended")


def note_leg(leg: Leg) -> None:
    """The leg itself stays who it is: others of its kind ask for it by identity."""
    for name in LEG_OPERATIONS:
        setattr(leg, name, _noted_operation(f"leg.{name}", getattr(leg, name)))


def _noted_operation(name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def operation(*arguments: Any) -> Any:
        return await noted(name, None, lambda: method(*arguments))

    return operation
