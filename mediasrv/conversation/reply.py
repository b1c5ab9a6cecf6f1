"""The agent's stage of a turn: the language model and its tools, as one stream of text."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeVar

from mediasrv.conversation.history import History
from mediasrv.conversation.provider_edge import in_time, provider_errors, waits_for
from mediasrv.conversation.surrogates import PieceMender, mended_call
from mediasrv.conversation.tools import ToolResult
from mediasrv.providers.protocols import (
    Estimates,
    LanguageModel,
    LlmRequest,
    ProviderError,
    TextDelta,
    ToolCall,
    ToolFragment,
    ToolRequest,
    Usage,
    says_something,
)

T = TypeVar("T")

# What one request may make: far more than a reply that is spoken can hold, and little enough to keep.
MOST_CHARACTERS = 20_000
MOST_CALLS = 16
MOST_FRAGMENTS = 2_000  # of calls that are being written, while nothing can be said

NOT_STARTED = '{"status": "not started: the caller interrupted"}'


@dataclass(frozen=True, slots=True)
class ModelLimits:
    first_token_s: float
    next_token_s: float
    tool_rounds: int
    max_tokens: int = 400
    temperature: float = 0.7


@dataclass(slots=True)
class _Answer:
    """What one request has come to."""

    written: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    fragments: int = 0


def never() -> bool:
    """Of a model that has to say something."""
    return False


async def write_reply(
    llm: LanguageModel,
    history: History,
    turn: int,
    invoke: Callable[[ToolCall], Awaitable[ToolResult]],
    tools: Sequence[Mapping[str, object]],
    limits: ModelLimits,
    used: Callable[[Usage], None],
    may_be_silent: Callable[[], bool] = never,
) -> AsyncGenerator[str, None]:
    """The reply to the turn that `history` has open; asks again after tools, a bounded number of times.

    The last time no tools are offered: the model has seen what all of them brought, and must answer in words.
    """
    for left in reversed(range(limits.tool_rounds)):
        answer = _Answer()
        offered = tools if left else ()
        request = LlmRequest(
            history.messages(turn), offered, limits.max_tokens, limits.temperature, may_be_silent()
        )
        async with aclosing(_ask(llm, request, limits, answer, used)) as texts:
            async for text in texts:
                yield text
        calls = answer.calls
        if not calls:
            return
        if not left:
            break  # none of them is run: nobody would be told of its result
        waiting = deque(history.called(turn, answer.written, calls))
        try:
            yield "\n"  # what was written before the tools is a piece of its own
            while waiting:
                call = waiting.popleft()
                result = await invoke(call)
                history.resolve(call.id, result.text)
        finally:
            for call in waiting:
                history.resolve(call.id, NOT_STARTED)
    raise ProviderError(llm.name, f"asked for tools {limits.tool_rounds} times in a row", retryable=False)


async def _ask(
    llm: LanguageModel,
    request: LlmRequest,
    limits: ModelLimits,
    answer: _Answer,
    used: Callable[[Usage], None],
) -> AsyncGenerator[str, None]:
    """The text of one request's answer, as it comes; all of it is in `answer`.

    A reply that is left before its end is paid for, and its provider tells what it took at the end only.
    """
    told = failed = False
    mender = PieceMender()
    first_s, next_s = waits_for(llm, limits.first_token_s, limits.next_token_s)
    stream = in_time(llm.stream(request), first_s, next_s, llm.name, counts=says_something)
    try:
        async with aclosing(stream) as deltas:
            async for delta in deltas:
                match delta:
                    case TextDelta(text):
                        text = mender.push(_checked(llm.name, text, str, "words that are no text"))
                        answer.written += text
                        _check_bound(llm.name, "characters", len(answer.written), MOST_CHARACTERS)
                        yield text
                    case ToolRequest(call):
                        _checked(llm.name, call.arguments, Mapping, "arguments that are no object")
                        with provider_errors(llm.name):
                            answer.calls.append(mended_call(call))
                        _check_bound(llm.name, "tool calls", len(answer.calls), MOST_CALLS)
                    case ToolFragment():
                        answer.fragments += 1
                        _check_bound(llm.name, "fragments of tool calls", answer.fragments, MOST_FRAGMENTS)
                    case Usage():
                        told = True
                        used(delta)
        if half := mender.close():
            answer.written += half
            yield half
    except ProviderError:
        failed = True
        raise
    finally:
        if not told and (answer.written or not failed) and isinstance(llm, Estimates):
            estimated = llm.estimate(request, answer.written)
            if estimated is not None:
                used(estimated)


def _checked(provider: str, value: T, kind: type, problem: str) -> T:
    if not isinstance(value, kind):
        raise ProviderError(provider, problem, retryable=False)
    return value


def _check_bound(provider: str, what: str, count: int, most: int) -> None:
    if count > most:
        raise ProviderError(provider, f"more than {most} {what} in one reply", retryable=False)
