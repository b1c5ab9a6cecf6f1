"""A language model that is several: the next one answers when one cannot.

Only before the first piece of a reply. What comes after it has been spoken, or is about to be, and another mind would
not go on where the first one broke off: the turn says so instead, and the caller asks again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from random import Random

import trio

from mediasrv.providers.protocols import (
    Estimates,
    LanguageModel,
    LlmDelta,
    LlmRequest,
    ProviderError,
    Usage,
)
from mediasrv.providers.resilience.member import Member, Told, nobody, none_left, willing
from mediasrv.providers.resilience.patience import Patience


class SteadyModel:
    """A LanguageModel; `first_s` is how long each may take for its first piece."""

    def __init__(
        self,
        name: str,
        members: Sequence[Member[LanguageModel]],
        chance: Random,
        *,
        first_s: float = 4.0,
        patience: Patience | None = None,
        told: Told = nobody,
    ) -> None:
        self.name = name
        self._members, self._chance, self._told = members, chance, told
        self._first_s, self._patience = first_s, patience or Patience()
        self._asked: LanguageModel | None = None

    def estimate(self, request: LlmRequest, written: str) -> Usage | None:
        """Of whoever was asked last."""
        return self._asked.estimate(request, written) if isinstance(self._asked, Estimates) else None

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        errors: list[ProviderError] = []
        for member in willing(self._members, trio.current_time, self._told):
            failed, begun = 0, False
            while True:
                try:
                    async with aclosing(self._ask(member, request)) as deltas:
                        async for delta in deltas:
                            begun = True
                            yield delta
                except ProviderError as error:
                    if begun:
                        raise
                    failed += 1
                    self._told(member.name, "failed")
                    pause_s = member.pause_s(failed, error, self._patience, self._chance)
                    if pause_s is None:
                        errors.append(error)
                        break
                    await trio.sleep(pause_s)
                else:
                    return
        raise none_left(self.name, errors)

    async def _ask(
        self, member: Member[LanguageModel], request: LlmRequest
    ) -> AsyncGenerator[LlmDelta, None]:
        self._asked = member.provider
        with member.asked(trio.current_time):
            async with aclosing(member.provider.stream(request)) as deltas:
                first = await self._first(member, deltas)
                member.breaker.succeeded()
                self._told(member.name, "used")
                if first is None:
                    return
                yield first
                async for delta in deltas:
                    yield delta

    async def _first(
        self, member: Member[LanguageModel], deltas: AsyncGenerator[LlmDelta, None]
    ) -> LlmDelta | None:
        with trio.move_on_after(self._first_s):
            return await anext(deltas, None)
        raise ProviderError(member.name, f"nothing for {self._first_s:g} s", retryable=False)
