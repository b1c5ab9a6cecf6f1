"""A server that speaks OpenAI's Chat Completions as documented, and does wrong what a test wants done wrong.

https://platform.openai.com/docs/api-reference/chat-streaming: server-sent events `chat.completion.chunk`, the first
with the role, text in `delta.content`, tool calls as fragments under an index, `finish_reason` in the last, then (with
`stream_options.include_usage`) one chunk without choices that has `usage`, then `[DONE]`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import trio

from tests.fakes.providers.web import Exchange, HttpServer

KEY = "sk-test"


def chunk(
    delta: Mapping[str, object] | None = None, finish: str | None = None, **more: object
) -> dict[str, Any]:
    choices = (
        []
        if delta is None
        else [{"index": 0, "delta": dict(delta), "logprobs": None, "finish_reason": finish}]
    )
    return {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini-2024-07-18",
        "system_fingerprint": "fp_1", "choices": choices, **more,
    }  # fmt: skip


def usage(read: int, written: int, cached: int = 0) -> dict[str, Any]:
    return {
        "prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }  # fmt: skip


def tool_fragments(index: int, call_id: str, name: str, arguments: str, cut: int = 3) -> list[dict[str, Any]]:
    """One tool call as it streams: its name with the first fragment, its arguments a few characters at a time."""
    head = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
    rest = [
        {"index": index, "function": {"arguments": arguments[at : at + cut]}}
        for at in range(0, len(arguments), cut)
    ]
    return [chunk({"tool_calls": [each]}) for each in (head, *rest)]


@dataclass
class OpenAiChat:
    """`chunks` are what a reply is made of; `instead` may do something else altogether."""

    chunks: Sequence[object] = ()
    finish: str = "stop"
    tokens: tuple[int, int, int] = (12, 7, 0)
    first_s: float = 0.0
    each_s: float = 0.0
    instead: Callable[[Exchange], Awaitable[None]] | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    streams: list[int] = field(default_factory=list)  # over which connection each request came

    def server(self) -> HttpServer:
        return HttpServer(self.handle)

    async def handle(self, exchange: Exchange) -> None:
        if exchange.method == "HEAD":
            await exchange.answer(405)
            return
        problem = self._problem(exchange)
        if problem is not None:
            await exchange.answer(
                problem[0], {"error": {"message": problem[1], "type": "invalid_request_error"}}
            )
            return
        self.bodies.append(exchange.json())
        self.streams.append(exchange.stream)
        if self.instead is not None:
            await self.instead(exchange)
            return
        await trio.sleep(self.first_s)
        await exchange.begin(200, {"Content-Type": "text/event-stream; charset=utf-8"})
        await exchange.events(chunk({"role": "assistant", "content": "", "refusal": None}))
        await exchange.events(*self.chunks, pause_s=self.each_s)
        await exchange.events(chunk({}, self.finish))
        if self.bodies[-1].get("stream_options", {}).get("include_usage"):
            await exchange.events(chunk(None, usage=usage(*self.tokens)))
        await exchange.events("[DONE]")
        await exchange.end()

    def _problem(self, exchange: Exchange) -> tuple[int, str] | None:
        """What the real one would not accept."""
        if exchange.headers.get("authorization") != f"Bearer {KEY}":
            return 401, f"Incorrect API key provided: {exchange.headers.get('authorization', '')[-4:]}"
        if (exchange.method, exchange.path) != ("POST", "/v1/chat/completions"):
            return 404, f"Unknown request URL: {exchange.path}"
        try:
            body = exchange.json()
        except ValueError:
            return 400, "We could not parse the JSON body of your request."
        return wrong_in(body.get("messages"))


def wrong_in(messages: Any) -> tuple[int, str] | None:
    """The rules for messages: each tool call is answered by its results before anything else is said."""
    if not messages:
        return 400, "[] is too short - 'messages'"
    open_ids: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_ids:
                return (
                    400,
                    "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'",
                )
            open_ids.discard(message["tool_call_id"])
            continue
        if open_ids:
            return 400, f"tool_call_ids did not have response messages: {', '.join(sorted(open_ids))}"
        for call in message.get("tool_calls", []):
            json.loads(call["function"]["arguments"])
            open_ids.add(call["id"])
        if message.get("content") is None and "tool_calls" not in message:
            return 400, "Invalid value for 'content': expected a string, got null."
    return (400, "tool calls without results") if open_ids else None
