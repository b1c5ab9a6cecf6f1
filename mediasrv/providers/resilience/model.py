"""A language model that is several: the next one answers when one cannot.

Only before the first word of a reply, or its first tool call. What comes after it has been spoken, or is about to be,
and another mind would not go on where the first one broke off: the turn says so instead, and the caller asks again.
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
    TextDelta,
    ToolRequest,
    Usage,
    says_something,
)
from mediasrv.providers.resilience.member import Member, Told, nobody, none_left, waits_for_all, willing
from mediasrv.providers.resilience.patience import Patience
from mediasrv.providers.resilience.silence import Silence


class SteadyModel:
    """A LanguageModel; `first_s` is how long each may take for its first word, `next_s` for each further one.

    A tool call that is being written is none yet: it gives its writer as much time again.
    """

    def __init__(
        self,
        name: str,
        members: Sequence[Member[LanguageModel]],
        chance: Random,
        *,
        first_s: float = 4.0,
        next_s: float = 5.0,
        patience: Patience | None = None,
        told: Told = nobody,
    ) -> None:
        self.name = name
        self._members, self._chance, self._told = members, chance, told
        self._first_s, self._next_s, self._patience = first_s, next_s, patience or Patience()
        self.waits = waits_for_all(members, first_s, next_s, self._patience)
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
                            begun = begun or _begins(delta)
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
            first_s = member.first_s or self._first_s
            begun, silence = False, Silence(member.name, first_s)
            async with aclosing(member.provider.stream(request)) as deltas:
                while (delta := await silence.next(deltas)) is not None:
                    if not begun and _begins(delta):
                        begun = True
                        self._works(member)
                    if says_something(delta):
                        silence.broken(self._next_s if begun else first_s)
                    yield delta
            if not begun and not request.may_be_silent:
                raise ProviderError(member.name, "an answer with nothing in it", retryable=True)
            if not begun:
                self._works(member)

    def _works(self, member: Member[LanguageModel]) -> None:
        member.breaker.succeeded()
        self._told(member.name, "used")


def _begins(delta: LlmDelta) -> bool:
    """Whether somebody may act on it, so that nobody else can answer instead."""
    return isinstance(delta, TextDelta | ToolRequest) and says_something(delta)
