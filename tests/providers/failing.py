"""Providers that do what a list says, attempt by attempt; each plain enough to be read at a glance."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast

import trio

from mediasrv.audio import EARS_RATE_HZ, EarsChunk
from mediasrv.providers.protocols import (
    LlmDelta,
    LlmRequest,
    ProviderError,
    SpeechChunk,
    SttStream,
    TextDelta,
    Transcript,
    Usage,
)

Piece = object  # what is given, an error to be raised, or a pause in seconds


def failure(*, retryable: bool = True, retry_after_s: float | None = None) -> ProviderError:
    return ProviderError("x", "failed", retryable=retryable, retry_after_s=retry_after_s)


async def _act(piece: Piece) -> bool:
    """Whether the piece is to be given."""
    if isinstance(piece, Exception):
        raise piece
    if isinstance(piece, float):
        await trio.sleep(piece)
        return False
    await trio.lowlevel.checkpoint()
    return True


@dataclass
class Model:
    name: str
    attempts: Sequence[Sequence[Piece]]
    requests: int = 0

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        pieces = self.attempts[min(self.requests, len(self.attempts) - 1)]
        self.requests += 1
        for piece in pieces:
            if await _act(piece):
                yield TextDelta(piece) if isinstance(piece, str) else cast("LlmDelta", piece)


@dataclass
class Voice:
    name: str
    attempts: Sequence[Sequence[Piece]]
    texts: list[str] = field(default_factory=list)

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        pieces = self.attempts[min(len(self.texts), len(self.attempts) - 1)]
        self.texts.append(text)
        for piece in pieces:
            if await _act(piece):
                assert isinstance(piece, SpeechChunk)
                yield piece


@dataclass
class Ears:
    """Each attempt: after so many ms of sound, what is said, or what fails."""

    name: str
    attempts: Sequence[Sequence[tuple[float, Transcript | Exception]]]
    opened: int = 0
    words_after_ms: float = 0.0
    heard: list[bytes] = field(default_factory=list)  # of each attempt

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SttStream]:
        await trio.lowlevel.checkpoint()
        steps = list(self.attempts[min(self.opened, len(self.attempts) - 1)])
        self.opened += 1
        self.heard.append(b"")
        if steps and steps[0][0] < 0:
            raise steps[0][1]  # type: ignore[misc]
        yield _EarsStream(self, len(self.heard) - 1, steps)


class _EarsStream:
    def __init__(self, ears: Ears, number: int, steps: list[tuple[float, Transcript | Exception]]) -> None:
        self._ears, self._number, self._steps = ears, number, steps
        self._changed = trio.Event()
        self._told_ms = 0

    async def push(self, chunk: EarsChunk) -> None:
        await trio.lowlevel.checkpoint()
        self._ears.heard[self._number] += chunk.pcm
        self._changed.set()

    def used(self) -> Sequence[Usage]:
        """A thousandth of a dollar for a millisecond of what it was given."""
        ms = len(self._ears.heard[self._number]) * 1000 // 2 // EARS_RATE_HZ
        news, self._told_ms = ms - self._told_ms, ms
        return (Usage(self._ears.name, "m", {"audio_ms": news}, Decimal(news) / 1000),) if news else ()

    async def next(self) -> Transcript:
        while True:
            ms = len(self._ears.heard[self._number]) / 2 * 1000 / EARS_RATE_HZ
            if self._steps and ms >= self._steps[0][0]:
                _, step = self._steps.pop(0)
                if isinstance(step, Exception):
                    raise step
                return step
            self._changed = trio.Event()
            await self._changed.wait()
