"""Language models that speak OpenAI's Chat Completions, streamed.

A reply comes as server-sent events, each a piece: of text, or of a tool call, whose arguments arrive as fragments of
JSON under an index and are whole only at the end. The last piece before `[DONE]` tells what was used. An error may
stand in the middle of the stream, under a status of 200.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import trio

from mediasrv.providers.openai.dialects import Dialect
from mediasrv.providers.protocols import (
    LlmDelta,
    LlmRequest,
    Message,
    ProviderError,
    TextDelta,
    ToolCall,
    ToolFragment,
    ToolRequest,
    Usage,
)
from mediasrv.providers.wire import HttpService, ServerEvent
from mediasrv.providers.wire.refusals import said

CHARACTERS_A_TOKEN = 4  # of English; an estimate is for replies that were left before their end
CUT_OFF = "—"
DONE = "[DONE]"
END_S = 0.2  # from there to the end of the body, of which nothing but the connection depends
TOOL_CALLS_MAX = 64
ARGUMENT_CHARACTERS_MAX = 200_000
TRANSIENT = frozenset(
    ("server_error", "rate_limit_exceeded", "overloaded_error", "service_unavailable", "timeout")
)


def as_it_is(usage: Usage) -> Usage:
    return usage


@dataclass(frozen=True, slots=True)
class ChatSettings:
    name: str
    dialect: Dialect
    model: str = ""
    charge: Callable[[Usage], Usage] = as_it_is  # tells what a use costs
    extra: Mapping[str, object] = field(
        default_factory=dict
    )  # handed on as it is: `top_p`, `reasoning_effort` ...


async def _read_to_the_end(events: AsyncGenerator[ServerEvent, None]) -> None:
    """A connection whose answer was not read to its end is closed, and the next turn would open another."""
    with trio.move_on_after(END_S):
        async for _ in events:
            pass


class ChatModel:
    """A LanguageModel over one service; serves all calls."""

    def __init__(self, settings: ChatSettings, http: HttpService) -> None:
        self.name, self.model = settings.name, settings.model or settings.dialect.model
        self._settings, self._http = settings, http

    async def warm(self) -> None:
        await self._http.warm("models")

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        reply = _Reply(self.name, self.model)
        async with self._http.request("POST", "chat/completions", json=self._body(request)) as response:
            async with aclosing(response.events()) as events:
                async for event in events:
                    if event.data.strip() == DONE:
                        reply.done = True
                        await _read_to_the_end(events)
                        break
                    for delta in reply.take(event):
                        yield delta
        for delta in reply.close():
            yield self._settings.charge(delta) if isinstance(delta, Usage) else delta

    def estimate(self, request: LlmRequest, written: str) -> Usage:
        asked = sum(
            len(json.dumps(message)) for message in (*map(_message, request.messages), *request.tools)
        )
        units = {
            "input_tokens": asked // CHARACTERS_A_TOKEN + 1,
            "output_tokens": len(written) // CHARACTERS_A_TOKEN + 1,
        }
        return self._settings.charge(Usage(self.name, self.model, units, estimated=True))

    def _body(self, request: LlmRequest) -> dict[str, object]:
        dialect = self._settings.dialect
        body: dict[str, object] = {
            "model": self.model,
            "messages": [_message(message) for message in request.messages],
            "stream": True,
            "temperature": request.temperature,
            dialect.tokens_key: request.max_tokens,
        }
        if dialect.tells_usage:
            body["stream_options"] = {"include_usage": True}
        if request.tools:
            body["tools"] = [{"type": "function", "function": dict(tool)} for tool in request.tools]
        return body | dict(self._settings.extra)


def _message(message: Message) -> dict[str, object]:
    """One message as the API has it: what was said beside tool calls is `null` when it is nothing.

    What was cut off ends as it does in books; anything more explicit is sooner or later said aloud by some model.
    """
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.text}
    if not message.tool_calls:
        text = f"{message.text} {CUT_OFF}".strip() if message.interrupted else message.text
        return {"role": message.role, "content": text}
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
        }
        for call in message.tool_calls
    ]
    return {"role": message.role, "content": message.text or None, "tool_calls": calls}


@dataclass(slots=True)
class _Fragments:
    id: str = ""
    name: str = ""
    arguments: str = ""


class _Reply:
    """The pieces of one reply, put together."""

    def __init__(self, provider: str, model: str) -> None:
        self._provider, self._model = provider, model
        self._calls: dict[int, _Fragments] = {}  # by their index, in the order in which they began
        self._finished = False
        self._usage: Usage | None = None
        self.done = False

    def take(self, event: ServerEvent) -> list[LlmDelta]:
        piece = self._read(event.data)
        if piece.get("error"):
            raise self._failed(piece["error"])
        usage = piece.get("usage") or _dict(piece.get("x_groq")).get("usage")
        if isinstance(usage, dict):
            self._usage = Usage(self._provider, self._model, _units(usage))
        deltas: list[LlmDelta] = []
        for choice in _list(piece.get("choices"))[:1]:
            choice = _dict(choice)
            delta = _dict(choice.get("delta"))
            text = delta.get("content") or delta.get("refusal")  # a refusal is what the model says
            if isinstance(text, str) and text:
                deltas.append(TextDelta(text))
            for fragment in _list(delta.get("tool_calls")):
                deltas += [ToolFragment(text) for text in self._gather(_dict(fragment)) if text]
            self._finish(choice.get("finish_reason"))
        return deltas

    def close(self) -> list[LlmDelta]:
        """What is known only at the end: whole tool calls, and the bill."""
        if not (self.done or self._finished):
            raise ProviderError(self._provider, "the reply broke off", retryable=True)
        deltas: list[LlmDelta] = [ToolRequest(self._whole(call)) for call in self._calls.values()]
        return [*deltas, self._usage] if self._usage is not None else deltas

    def _read(self, data: str) -> dict[str, Any]:
        try:
            piece = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ProviderError(self._provider, f"not JSON: {error}", retryable=True) from error
        return _dict(piece)

    def _finish(self, reason: object) -> None:
        self._finished = self._finished or isinstance(reason, str)
        if reason == "content_filter":
            raise ProviderError(self._provider, "its filter ended the reply", retryable=False)

    def _gather(self, fragment: dict[str, Any]) -> tuple[str, str]:
        """Returns what is new: the call's name, and of its arguments."""
        index = fragment.get("index")
        index = index if isinstance(index, int) else len(self._calls)  # who leaves it out sends calls whole
        call = self._calls.setdefault(index, _Fragments())
        function = _dict(fragment.get("function"))
        call.id = call.id or str(fragment.get("id") or "")
        name = "" if call.name else str(function.get("name") or "")
        call.name = call.name or name
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments)
        arguments = arguments if isinstance(arguments, str) else ""
        call.arguments += arguments
        if len(self._calls) > TOOL_CALLS_MAX or len(call.arguments) > ARGUMENT_CHARACTERS_MAX:
            raise ProviderError(self._provider, "tool calls without end", retryable=False)
        return name, arguments

    def _whole(self, call: _Fragments) -> ToolCall:
        try:
            arguments = json.loads(call.arguments or "{}")
        except (ValueError, RecursionError) as error:
            problem = f"arguments of {call.name!r} that are no JSON"
            raise ProviderError(self._provider, problem, retryable=True) from error
        if not call.name or not isinstance(arguments, dict):
            raise ProviderError(self._provider, "a tool call without a name, or no object", retryable=True)
        return ToolCall(call.id, call.name, arguments)

    def _failed(self, error: object) -> ProviderError:
        kinds = {str(_dict(error).get(key)) for key in ("type", "code")}
        status = _dict(error).get("code")
        again = bool(kinds & TRANSIENT) or (isinstance(status, int) and (status == 429 or status >= 500))
        return ProviderError(self._provider, said(json.dumps(error).encode()) or "an error", retryable=again)


def _units(usage: dict[str, Any]) -> dict[str, int]:
    """Tokens, those that were read from a cache apart, because they are cheaper."""
    cached = _dict(usage.get("prompt_tokens_details")).get("cached_tokens")
    told = {
        "input_tokens": usage.get("prompt_tokens"),
        "output_tokens": usage.get("completion_tokens"),
        "cached_input_tokens": cached,
    }
    return {name: count for name, count in told.items() if isinstance(count, int) and count >= 0}


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
