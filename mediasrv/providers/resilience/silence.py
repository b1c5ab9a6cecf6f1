"""How long one provider may be silent, before another is asked in its place."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TypeVar

import trio

from mediasrv.providers.protocols import ProviderError

T = TypeVar("T")


class Silence:
    """What a provider has left of it; the time that a consumer takes over a piece is not its silence."""

    def __init__(self, provider: str, limit_s: float) -> None:
        self._provider = provider
        self._limit_s = self._left_s = limit_s

    def broken(self, limit_s: float) -> None:
        """Something has come; now it may be silent for so long."""
        self._limit_s = self._left_s = limit_s

    async def next(self, pieces: AsyncGenerator[T, None]) -> T | None:
        """The next piece, and None at the end; ProviderError when nothing has broken the silence in time."""
        asked_s = trio.current_time()
        with trio.move_on_after(self._left_s) as bound:
            piece = await anext(pieces, None)
        if bound.cancelled_caught:
            raise ProviderError(self._provider, f"nothing for {self._limit_s:g} s", retryable=False)
        self._left_s = max(0.0, self._left_s - (trio.current_time() - asked_s))
        return piece
