"""Providers that misbehave: at a request, after so many pieces of it, in some way; and are themselves again afterwards.

A *misdeed* is what is given instead of the rest of a request: it may yield what cannot be, raise what it should not, or
never come back. One that returns ends the request early.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

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

EVERY_S = 0.005  # what has no end costs time, too

Misdeed = Callable[[], AsyncGenerator[Any, None]]


def fails(problem: Callable[[], Exception | None]) -> Misdeed:
    async def fail() -> AsyncGenerator[Any, None]:
        await trio.lowlevel.checkpoint()
        if (error := problem()) is not None:
            raise error
        yield

    return fail


async def stalls() -> AsyncGenerator[Any, None]:
    await trio.sleep(math.inf)
    yield


dies = fails(lambda: ProviderError("unruly", "the connection was lost", retryable=True))
raises = fails(lambda: KeyError("choices"))  # an error of its own, which no adapter ought to let out


def gives(*things: object) -> Misdeed:
    """These, and then the end."""

    async def give() -> AsyncGenerator[Any, None]:
        for thing in things:
            await trio.lowlevel.checkpoint()
            yield thing

    return give


def gives_for_ever(thing: object) -> Misdeed:
    async def give() -> AsyncGenerator[Any, None]:
        while True:
            await trio.sleep(EVERY_S)
            yield thing

    return give


@dataclass(frozen=True)
class Trouble:
    misdeed: Misdeed
    requests: Sequence[int] = (1,)  # of this call, from 1; none: all of them
    after: int = 0  # pieces that come before it; -1: all of them

    def concerns(self, request: int) -> bool:
        return not self.requests or request in self.requests


@dataclass
class UnrulyModel:
    inner: LanguageModel
    trouble: Trouble
    name: str = "unruly model"
    requests: int = 0

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        self.requests += 1
        troubled = self.trouble.concerns(self.requests)
        async with aclosing(self.inner.stream(request)) as deltas:
            given = 0
            async for delta in deltas:
                last = isinstance(delta, Usage)
                if troubled and (given == self.trouble.after or (last and self.trouble.after < 0)):
                    break
                given += 1
                yield delta
        if troubled:
            async with aclosing(self.trouble.misdeed()) as rubbish:
                async for delta in rubbish:
                    yield delta


@dataclass
class UnrulyVoice:
    inner: TextToSpeech
    trouble: Trouble
    name: str = "unruly voice"
    requests: int = 0

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        self.requests += 1
        troubled = self.trouble.concerns(self.requests)
        async with aclosing(self.inner.stream(text, voice)) as chunks:
            given = 0
            async for chunk in chunks:
                if troubled and given == self.trouble.after:
                    break
                given += 1
                yield chunk
        if troubled:
            async with aclosing(self.trouble.misdeed()) as rubbish:
                async for chunk in rubbish:
                    yield chunk


@dataclass
class UnrulyEars:
    """`where`: as it is opened, takes sound, is asked for what it heard, or is closed."""

    inner: SpeechToText
    where: str
    trouble: Trouble  # requests are openings; pieces are those that were taken or given there
    name: str = "unruly ears"
    words_after_ms: float = 0.0
    openings: int = 0

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SttStream]:
        self.openings += 1
        troubled = self.trouble.concerns(self.openings)
        if troubled and self.where == "open":
            await self._misbehave()
        async with self.inner.open(language) as stream:
            yield _UnrulyStream(self, stream, self.where if troubled else "", self.trouble.after)
            if troubled and self.where == "close":
                await self._misbehave()

    async def _misbehave(self) -> Transcript | None:
        async with aclosing(self.trouble.misdeed()) as rubbish:
            return await anext(rubbish, None)


@dataclass
class _UnrulyStream:
    ears: UnrulyEars
    inner: SttStream
    where: str
    after: int
    done: dict[str, int] = field(default_factory=dict)

    async def push(self, chunk: EarsChunk) -> None:
        if self._strikes("push"):
            await self.ears._misbehave()
        await self.inner.push(chunk)

    async def next(self) -> Transcript:
        if self._strikes("next"):
            rubbish = await self.ears._misbehave()
            if rubbish is not None:
                return rubbish
        return await self.inner.next()

    def used(self) -> Sequence[Usage]:
        return self.inner.used()

    def _strikes(self, where: str) -> bool:
        self.done[where] = self.done.get(where, 0) + 1
        return where == self.where and self.done[where] == self.after + 1
