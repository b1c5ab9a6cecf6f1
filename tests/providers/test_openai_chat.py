"""Chat Completions against a server that speaks them as documented: whole replies, and every way in which one fails."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest
import trio

from mediasrv.providers.openai import DIALECTS, ChatModel, ChatSettings
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
from mediasrv.providers.wire import HttpService
from tests.fakes.providers import Exchange, FakeNet
from tests.fakes.providers.openai_chat import KEY, OpenAiChat, chunk, tool_fragments, wrong_in

HOST = "api.openai.com"
REQUEST = LlmRequest(
    [Message("system", "Be brief."), Message("user", "hello")], max_tokens=50, temperature=0.5
)


@asynccontextmanager
async def model(fake: OpenAiChat, key: str = KEY, **settings) -> AsyncIterator[ChatModel]:
    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        net.stand(HOST, fake.server().serve)
        base = DIALECTS["openai"].base_url
        async with HttpService("openai", base, {"Authorization": f"Bearer {key}"}, net) as http:
            yield ChatModel(ChatSettings("openai", **({"dialect": DIALECTS["openai"]} | settings)), http)
        nursery.cancel_scope.cancel()


async def reply(chat: ChatModel, request: LlmRequest = REQUEST) -> list[LlmDelta]:
    async with aclosing(chat.stream(request)) as deltas:
        return [delta async for delta in deltas]


def words(*texts: str) -> list[dict[str, object]]:
    return [chunk({"content": text}) for text in texts]


async def test_text_comes_as_it_is_written_and_the_bill_last(autojump_clock) -> None:
    fake = OpenAiChat(words("Hel", "lo ", "\u2028you"), tokens=(12, 7, 5), first_s=1.0, each_s=0.5)
    async with model(fake) as chat:
        async with aclosing(chat.stream(REQUEST)) as deltas:
            assert await anext(deltas) == TextDelta("Hel")
            assert trio.current_time() == pytest.approx(1)
            rest = [delta async for delta in deltas]
    assert rest == [
        TextDelta("lo "),
        TextDelta("\u2028you"),
        Usage("openai", "gpt-4o-mini", {"input_tokens": 12, "output_tokens": 7, "cached_input_tokens": 5}),
    ]


async def test_the_request_says_what_is_wanted_in_the_words_of_the_api(autojump_clock) -> None:
    fake = OpenAiChat(words("hi"))
    async with model(fake, extra={"top_p": 0.9}) as chat:
        await reply(chat, replace(REQUEST, tools=[{"name": "book", "parameters": {"type": "object"}}]))
    (body,) = fake.bodies
    assert body == {
        "model": "gpt-4o-mini", "stream": True, "temperature": 0.5, "max_completion_tokens": 50, "top_p": 0.9,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}],
        "tools": [{"type": "function", "function": {"name": "book", "parameters": {"type": "object"}}}],
    }  # fmt: skip


async def test_a_history_with_tools_is_what_the_api_accepts(autojump_clock) -> None:
    call = ToolCall("call-1", "book", {"day": "Monday"})
    history = [
        Message("user", "book a table"),
        Message("assistant", "", tool_calls=(call,)),
        Message("tool", "done", tool_call_id="call-1"),
        Message("assistant", "It is", interrupted=True),
        Message("user", "go on"),
    ]
    fake = OpenAiChat(words("hi"))
    async with model(fake) as chat:
        await reply(chat, LlmRequest(history))
    assistant = fake.bodies[0]["messages"][1]
    assert assistant["content"] is None
    assert fake.bodies[0]["messages"][3] == {
        "role": "assistant",
        "content": "It is —",
    }  # and then the caller spoke
    assert json.loads(assistant["tool_calls"][0]["function"]["arguments"]) == {"day": "Monday"}
    assert wrong_in([{"role": "tool", "tool_call_id": "x", "content": ""}])  # the fake would have said so


@pytest.mark.parametrize("cut", [1, 2, 1_000])
async def test_tool_calls_are_put_together_from_fragments_that_may_interleave(
    autojump_clock, cut: int
) -> None:
    first = tool_fragments(0, "call_a", "book", '{"day": "Mon\\u00e9", "n": 2}', cut)
    second = tool_fragments(1, "call_b", "hang_up", "", cut)
    mixed = [first[0], second[0], *first[1:], *second[1:]]
    async with model(OpenAiChat([*words("One moment."), *mixed], finish="tool_calls")) as chat:
        deltas = await reply(chat)
    fragments = [delta.text for delta in deltas if isinstance(delta, ToolFragment)]
    assert "".join(fragments) == "bookhang_up" + '{"day": "Mon\\u00e9", "n": 2}'
    assert [delta for delta in deltas if not isinstance(delta, ToolFragment)][:3] == [
        TextDelta("One moment."),
        ToolRequest(ToolCall("call_a", "book", {"day": "Mon\u00e9", "n": 2})),
        ToolRequest(ToolCall("call_b", "hang_up", {})),
    ]


async def test_a_tool_call_shows_that_it_is_being_written(autojump_clock) -> None:
    pieces = tool_fragments(0, "call_a", "mail", json.dumps({"text": "word " * 20}), 10)
    async with model(OpenAiChat(pieces, finish="tool_calls", each_s=1.0)) as chat:
        came, before = list[float](), trio.current_time()
        async with aclosing(chat.stream(REQUEST)) as deltas:
            async for _ in deltas:
                came.append(trio.current_time() - before)
                before = trio.current_time()
    assert len(came) > 10
    assert max(came) == pytest.approx(1.0), "never silent for longer than its writer"


@pytest.mark.parametrize(
    "extra",
    [
        [{"object": "something.new", "choices": []}],
        [chunk({"content": None, "reasoning_content": "hm", "annotations": []})],
        [chunk({"audio": {"id": "x"}}), {"choices": None}, {"choices": [None]}, {"choices": "x"}],
        [chunk({"content": 5}), chunk({"tool_calls": "none"})],
        ["[1, 2]", "null"],
    ],
)
async def test_what_nobody_knows_is_passed_over(autojump_clock, extra: list[object]) -> None:
    async with model(OpenAiChat([*words("a"), *extra, *words("b")])) as chat:
        text = "".join(delta.text for delta in await reply(chat) if isinstance(delta, TextDelta))
    assert text == "ab"


async def test_a_refusal_of_the_models_is_its_reply(autojump_clock) -> None:
    async with model(OpenAiChat([chunk({"refusal": "I can't help with that."})])) as chat:
        assert (await reply(chat))[0] == TextDelta("I can't help with that.")


# ---- faults ------------------------------------------------------------------------------------------------------


async def failed(fake: OpenAiChat, **more) -> ProviderError:
    async with model(fake, **more) as chat:
        with pytest.raises(ProviderError) as raised:
            await reply(chat)
    assert KEY not in str(raised.value)
    return raised.value


async def test_a_wrong_key_is_not_tried_again(autojump_clock) -> None:
    error = await failed(OpenAiChat(words("hi")), key="sk-wrong")
    assert not error.retryable
    assert "the key was refused" in str(error)


@pytest.mark.parametrize(("status", "retryable"), [(400, False), (429, True), (500, True), (503, True)])
async def test_statuses(autojump_clock, status: int, retryable: bool) -> None:
    async def refuse(exchange: Exchange) -> None:
        error = {
            "error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}
        }
        await exchange.answer(status, error, {"Retry-After": "2"})

    error = await failed(OpenAiChat(instead=refuse))
    assert (error.retryable, error.retry_after_s) == (retryable, 2)
    assert "Rate limit reached" in str(error)


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        ({"message": "The server had an error", "type": "server_error"}, True),
        ({"message": "busy", "code": 503}, True),
        ({"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}, False),
        ("plain words", False),
    ],
)
async def test_an_error_in_the_middle_of_the_stream(autojump_clock, error: object, retryable: bool) -> None:
    raised = await failed(OpenAiChat([*words("half"), {"error": error}]))
    assert raised.retryable is retryable


async def test_a_stream_that_breaks_off_or_ends_without_an_end(autojump_clock) -> None:
    async def half(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.events(*words("half"))
        exchange.die()

    async def endless(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.events(*words("half"))
        await exchange.end()

    for instead in (half, endless):
        assert (await failed(OpenAiChat(instead=instead))).retryable


@pytest.mark.parametrize(
    "chunks",
    [
        ['{"choices": [{"delta": {"content": "a'],
        tool_fragments(0, "x", "book", '{"day": '),
        tool_fragments(0, "x", "book", "[1]"),
        tool_fragments(0, "x", "", "{}"),
    ],
)
async def test_what_is_malformed_is_an_error_and_not_a_reply(autojump_clock, chunks: list[object]) -> None:
    assert (await failed(OpenAiChat(chunks))).retryable


async def test_tool_calls_without_end(autojump_clock) -> None:
    many = [fragment for k in range(65) for fragment in tool_fragments(k, "x", "book", "{}")]
    assert not (await failed(OpenAiChat(many))).retryable


async def test_a_filter_that_ends_the_reply(autojump_clock) -> None:
    assert not (await failed(OpenAiChat(words("half"), finish="content_filter"))).retryable


async def test_a_service_that_tells_no_usage_and_needs_no_end_mark(autojump_clock) -> None:
    async def plain(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.events(*words("hi"), chunk({}, "stop"))
        await exchange.end()

    fake = OpenAiChat(instead=plain)
    async with model(fake, dialect=replace(DIALECTS["sarvam"], base_url=DIALECTS["openai"].base_url)) as chat:
        assert await reply(chat) == [TextDelta("hi")]
    assert "stream_options" not in fake.bodies[0]


async def test_a_reply_that_is_left_in_the_middle_leaves_nothing(autojump_clock) -> None:
    async with model(OpenAiChat(words(*"abcdef"), each_s=1.0)) as chat:
        with trio.move_on_after(2.5) as scope:
            await reply(chat)
        assert scope.cancelled_caught
        assert trio.current_time() == pytest.approx(2.5)


async def test_the_next_reply_comes_over_the_same_connection(autojump_clock) -> None:
    fake = OpenAiChat(words("hi"))
    async with model(fake) as chat:
        for _ in range(3):
            await reply(chat)
            await trio.sleep(1)
    assert fake.streams == 3 * fake.streams[:1]


async def test_a_service_that_never_ends_its_answer_keeps_nobody_waiting(autojump_clock) -> None:
    async def endless(exchange: Exchange) -> None:
        await exchange.begin(200, {"Content-Type": "text/event-stream"})
        await exchange.events(chunk({"content": "hi"}), chunk({}, "stop"), "[DONE]")
        await trio.sleep_forever()

    async with model(OpenAiChat(instead=endless)) as chat:
        assert TextDelta("hi") in await reply(chat)
        assert trio.current_time() < 0.5


async def test_a_warm_connection_is_the_one_that_the_reply_comes_over(autojump_clock) -> None:
    async with model(OpenAiChat(words("hi"))) as chat:
        await chat.warm()
        await reply(chat)


def test_every_dialect_is_complete_and_secret_keys_go_only_to_names_under_tls() -> None:
    for dialect in DIALECTS.values():
        assert dialect.base_url.endswith("/v1/")
        assert dialect.base_url.startswith("https://") or not dialect.key


async def test_what_a_request_took_is_estimated_where_nobody_tells(autojump_clock) -> None:
    async with model(OpenAiChat()) as chat:
        short, long = chat.estimate(REQUEST, "hi"), chat.estimate(REQUEST, "word " * 400)
    assert short.estimated
    assert 5 <= short.units["input_tokens"] <= 30  # two messages of two words
    assert (short.units["output_tokens"], long.units["output_tokens"]) == (1, pytest.approx(500, abs=1))
