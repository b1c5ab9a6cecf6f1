"""Where a provider's word enters a turn: in time, within bounds, and with one family of errors.

A provider may stall, die, raise what it should not, or send what cannot be. Whatever it is, past this file it is a
`ProviderError`, which a turn survives; anything else would cost the call. A provider that fails while it is cancelled
gives both: the cancellation goes on, and beside it, in one group, goes the ProviderError for whoever writes it down.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TypeVar

import trio

from mediasrv.audio import BYTES_PER_SAMPLE, duration_ms
from mediasrv.errors import MediasrvError, leaves
from mediasrv.providers.protocols import ProviderError, SpeechChunk, WordTime, waits_of

T = TypeVar("T")

RATES_HZ = frozenset((8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000))  # what the engine can resample
CLOSE_WITHIN_S = 2.0  # a provider whose word came too late may be as late to go
LONGEST_PASSAGE_MS = 120_000.0  # of sound: no piece of a reply is longer than 200 characters


class provider_errors:  # noqa: N801  (read in a `with`, like `suppress`)
    """What goes wrong inside is the provider's: an error of its own becomes a ProviderError.

    Every token and every piece of sound comes through here, for which a generator would be dear.
    """

    __slots__ = ("_provider",)

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, BaseExceptionGroup) and not isinstance(error, ExceptionGroup):
            self._split(error)
        if not isinstance(error, Exception) or isinstance(error, MediasrvError | StopAsyncIteration):
            return
        if isinstance(error, ExceptionGroup) and error.split(MediasrvError)[1] is None:
            return  # told by name already
        raise self._named(error) from error

    def _split(self, group: BaseExceptionGroup[BaseException]) -> None:
        own, others = group.split(_has_no_name)
        if own is None or others is None:
            return  # nothing that has no name
        raise BaseExceptionGroup("while it was cancelled", [others, self._named(own)]) from own

    def _named(self, error: BaseException) -> ProviderError:
        errors = leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
        problem = "; ".join(f"{type(each).__name__}: {each}" for each in errors)
        return ProviderError(self._provider, problem, retryable=False)


def _has_no_name(error: BaseException) -> bool:
    """An error that is nobody's yet: no cancellation, none of ours, and not the group that these may be in."""
    return isinstance(error, Exception) and not isinstance(error, MediasrvError | ExceptionGroup)


def anything(item: object) -> bool:
    return True


def waits_for(provider: object, first_s: float, next_s: float) -> tuple[float, float]:
    """So long, and for a provider that is several at least until all of them have been asked."""
    least = waits_of(provider)
    return max(first_s, least.first_s), max(next_s, least.next_s)


async def in_time(
    items: AsyncGenerator[T, None],
    first_s: float,
    next_s: float,
    provider: str,
    *,
    counts: Callable[[T], bool] = anything,
) -> AsyncGenerator[T, None]:
    """The same items; ProviderError when the first or a next one that `counts` does not come in time.

    To be closed it has `CLOSE_WITHIN_S`; then it is cancelled, and whoever consumes this goes on.
    """
    left_s, limit_s, edge = first_s, first_s, provider_errors(provider)
    async with _closing(items, edge):
        while True:
            asked_s = trio.current_time()
            try:
                with edge, trio.CancelScope(deadline=asked_s + left_s) as bound:
                    item = await anext(items)
                    counted = counts(item)
            except StopAsyncIteration:
                return
            if bound.cancelled_caught:
                raise ProviderError(provider, f"nothing for {limit_s:g} s", retryable=True)
            if counted:
                left_s = limit_s = next_s
            else:
                left_s = max(0.0, left_s - (trio.current_time() - asked_s))
            yield item


@asynccontextmanager
async def _closing(items: AsyncGenerator[T, None], edge: provider_errors) -> AsyncIterator[None]:
    try:
        yield
    finally:
        with edge, trio.move_on_after(CLOSE_WITHIN_S):
            await items.aclose()


def check_sound(chunk: SpeechChunk, before_ms: float, provider: str) -> float:
    """The length of the passage with this piece of it; ProviderError when it cannot be played."""
    if not chunk.pcm:
        return before_ms
    if chunk.rate_hz not in RATES_HZ or len(chunk.pcm) % BYTES_PER_SAMPLE:
        problem = f"{len(chunk.pcm)} bytes of sound at {chunk.rate_hz} Hz"
        raise ProviderError(provider, problem, retryable=False)
    length_ms = before_ms + duration_ms(chunk.pcm, chunk.rate_hz)
    if length_ms > LONGEST_PASSAGE_MS:
        raise ProviderError(provider, "one passage, and sound without end", retryable=False)
    return length_ms


def has_sound(chunk: SpeechChunk) -> bool:
    """Words alone, or nothing, are no sign that the voice lives."""
    return bool(chunk.pcm)


def check_words(words: tuple[WordTime, ...], provider: str) -> None:
    """ProviderError when these words can lie nowhere in a passage."""
    for word in words:
        if not (math.isfinite(word.end_ms) and 0 <= word.start_ms <= word.end_ms <= LONGEST_PASSAGE_MS):
            raise ProviderError(provider, f"a word from {word.start_ms} to {word.end_ms} ms", retryable=False)
