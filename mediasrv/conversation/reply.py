"""The agent's stage of a turn: the language model and its tools, as one stream of text."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

import trio

from mediasrv.conversation.history import History
from mediasrv.conversation.tools import ToolResult
from mediasrv.providers.protocols import (
    LanguageModel,
    LlmRequest,
    ProviderError,
    TextDelta,
    ToolCall,
    ToolRequest,
    Usage,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ModelLimits:
    first_token_s: float
    next_token_s: float
    tool_rounds: int


async def in_time(
    items: AsyncGenerator[T, None], first_s: float, next_s: float, provider: str
) -> AsyncGenerator[T, None]:
    """The same items; ProviderError when the first or a next one does not come in time."""
    limit_s = first_s
    async with aclosing(items):
        while True:
            with trio.move_on_after(limit_s) as bound:
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    return
            if bound.cancelled_caught:
                raise ProviderError(provider, f"nothing for {limit_s:g} s", retryable=True)
            yield item
            limit_s = next_s


async def write_reply(
    llm: LanguageModel,
    history: History,
    turn: int,
    invoke: Callable[[ToolCall], Awaitable[ToolResult]],
    tools: Sequence[Mapping[str, object]],
    limits: ModelLimits,
    used: Callable[[Usage], None],
) -> AsyncGenerator[str, None]:
    """The reply to the turn that `history` has open; asks again after tools, a bounded number of times."""
    for _ in range(limits.tool_rounds):
        request = LlmRequest(history.messages(), tools)
        calls: list[ToolCall] = []
        written = ""
        stream = in_time(llm.stream(request), limits.first_token_s, limits.next_token_s, llm.name)
        async with aclosing(stream) as deltas:
            async for delta in deltas:
                match delta:
                    case TextDelta(text):
                        written += text
                        yield text
                    case ToolRequest(call):
                        calls.append(call)
                    case Usage():
                        used(delta)
        if not calls:
            return
        history.called(turn, written, calls)
        yield "\n"  # what was written before the tools is a piece of its own
        for call in calls:
            result = await invoke(call)
            history.resolve(call.id, result.text)
    raise ProviderError(llm.name, f"asked for tools {limits.tool_rounds} times in a row", retryable=False)
