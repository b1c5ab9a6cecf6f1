"""Providers that can be made to die from outside, at whatever they are awaiting.

A death is not drawn up beforehand, as the misdeeds of the book of faults are: it comes at a checkpoint of any task, and
meets the provider as it opens, as it is waited for, between two pieces, or while nobody asks anything of it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import trio

from mediasrv.audio import EarsChunk
from mediasrv.providers.protocols import (
    LanguageModel,
    LlmDelta,
    LlmRequest,
    ProviderError,
    SpeechChunk,
    SpeechToText,
    SttStream,
    TextToSpeech,
    Transcript,
    Usage,
)
from tests.sim.faults.stage import Parts
from tests.sim.sip.phone import Phone

T = TypeVar("T")


@dataclass(eq=False)
class Fate:
    """Of one kind of provider: all of that kind share it."""

    name: str
    is_dead: bool = False
    _owes: bool = False  # one failure, whoever asks next
    _waiting: set[trio.CancelScope] = field(default_factory=set)

    def die(self) -> None:
        """For good: what is under way fails, and whatever is begun after it."""
        self.is_dead = True
        self._interrupt()

    def falter(self) -> None:
        """Once: what is under way fails, or what is begun next."""
        self._owes = not self._waiting
        self._interrupt()

    async def outlive(self, step: Callable[[], Awaitable[T]]) -> T:
        """The step's own result; ProviderError when death was quicker."""
        if not self.is_dead and not self._owes:
            with trio.CancelScope() as scope:
                self._waiting.add(scope)
                try:
                    return await step()
                finally:
                    self._waiting.discard(scope)
        self._owes = False
        await trio.lowlevel.checkpoint()
        raise ProviderError(self.name, "the connection was lost", retryable=True)

    async def each(self, pieces: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        async with aclosing(pieces):
            while True:
                try:
                    piece = await self.outlive(pieces.__anext__)
                except StopAsyncIteration:
                    return
                yield piece

    def _interrupt(self) -> None:
        for scope in self._waiting:
            scope.cancel()


@dataclass
class Fates:
    """What may die in one call, and who else takes part in it."""

    model: Fate = field(default_factory=lambda: Fate("mortal model"))
    voice: Fate = field(default_factory=lambda: Fate("mortal voice"))
    ears: Fate = field(default_factory=lambda: Fate("mortal ears"))
    phones: list[Phone] = field(default_factory=list)

    def parts(self, *, spare_voice: bool = True) -> Parts:
        """An agent's, every one of them mortal but the voice that stands in."""
        return Parts(
            ears=lambda ears: MortalEars(ears, self.ears),
            model=lambda model: MortalModel(model, self.model),
            voice=lambda voice: MortalVoice(voice, self.voice),
            spare=spare_voice,
            rehearses=True,
        )


@dataclass
class MortalModel:
    inner: LanguageModel
    fate: Fate
    name: str = "mortal model"

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        async with aclosing(self.fate.each(self.inner.stream(request))) as deltas:
            async for delta in deltas:
                yield delta


@dataclass
class MortalVoice:
    inner: TextToSpeech
    fate: Fate
    name: str = "mortal voice"

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        async with aclosing(self.fate.each(self.inner.stream(text, voice))) as chunks:
            async for chunk in chunks:
                yield chunk


@dataclass
class MortalEars:
    inner: SpeechToText
    fate: Fate
    name: str = "mortal ears"
    words_after_ms: float = 0.0

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SttStream]:
        await self.fate.outlive(trio.lowlevel.checkpoint)
        async with self.inner.open(language) as stream:
            yield _MortalStream(stream, self.fate)


@dataclass
class _MortalStream:
    inner: SttStream
    fate: Fate

    async def push(self, chunk: EarsChunk) -> None:
        await self.fate.outlive(lambda: self.inner.push(chunk))

    async def next(self) -> Transcript:
        return await self.fate.outlive(self.inner.next)

    def used(self) -> Sequence[Usage]:
        return self.inner.used()
