"""HTTP and WebSocket to a provider: what comes is handed on, what fails is a ProviderError that says enough."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, nullcontext

import pytest
import trio
import trio_websocket

from mediasrv.providers.protocols import ProviderError
from mediasrv.providers.wire import EventParser, HttpService, ServerEvent, open_websocket
from mediasrv.providers.wire.refusals import retry_after_s, said
from mediasrv.providers.wire.sse import EVENT_BYTES_MAX, EventTooLong
from tests.fakes.providers import Exchange, FakeNet, HttpServer, WebSocketServer

HOST = "api.example"


@asynccontextmanager
async def service(handler) -> AsyncIterator[tuple[HttpService, FakeNet, HttpServer]]:
    server = HttpServer(handler)
    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        net.stand(HOST, server.serve)
        async with HttpService("example", f"https://{HOST}/v1/", {"Authorization": "Bearer k"}, net) as http:
            yield http, net, server
        nursery.cancel_scope.cancel()


async def test_a_request_carries_the_key_and_its_json_and_brings_json_back(autojump_clock) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.answer(200, {"got": exchange.json()})

    async with service(answer) as (http, net, server):
        assert await http.post_json("chat", {"a": 1}) == {"got": {"a": 1}}
        (request,) = server.requests
        assert (request.method, request.path, request.headers["authorization"]) == (
            "POST", "/v1/chat", "Bearer k",
        )  # fmt: skip
        assert net.secured == [HOST]


async def test_a_connection_reads_no_certificates_beside_those_of_its_net(
    autojump_clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.answer(200, {})

    monkeypatch.setattr(ssl, "create_default_context", lambda: pytest.fail("read for nobody"))
    async with service(answer) as (http, net, _):
        assert await http.post_json("chat", {}) == {}
        assert net.secured == [HOST]


async def test_connections_are_kept_from_one_request_to_the_next(autojump_clock) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.answer(200, {})

    async with service(answer) as (http, net, _):
        for _ in range(3):
            await http.post_json("chat", {})
        assert len(net.connections) == 1


async def test_a_warm_connection_serves_the_next_request(autojump_clock) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.answer(
            404 if exchange.method == "HEAD" else 200, b"" if exchange.method == "HEAD" else {}
        )

    async with service(answer) as (http, net, _):
        await http.warm()
        await http.post_json("chat", {})
        assert len(net.connections) == 1
        net.fall(HOST)
        await http.warm()  # nobody is there: not its business


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (401, False), (403, False), (404, False), (408, True), (422, False), (429, True), (500, True),
     (502, True), (503, True), (504, True), (529, True), (301, False)],
)  # fmt: skip
async def test_a_refusal_says_its_status_its_words_and_whether_to_ask_again(
    autojump_clock, status: int, retryable: bool
) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(status, {"error": {"message": "not\nlike this"}}, {"Retry-After": "7"})

    async with service(refuse) as (http, _, _):
        with pytest.raises(ProviderError) as failed:
            await http.post_json("chat", {})
        assert failed.value.retryable is retryable
        assert failed.value.retry_after_s == 7
        assert f"HTTP {status}" in str(failed.value)
        assert "not like this" in str(failed.value)


async def test_events_come_as_they_are_sent_and_may_be_left_in_the_middle(autojump_clock) -> None:
    async def stream(exchange: Exchange) -> None:
        await exchange.begin(200, {"Content-Type": "text/event-stream"})
        await exchange.events(*[{"n": n} for n in range(100)], pause_s=0.1)
        await exchange.end()

    async with service(stream) as (http, net, _):
        began = trio.current_time()
        async with http.request("POST", "chat", json={}) as response:
            async with aclosing(response.events()) as events:
                first = await anext(events)
        assert first == ServerEvent('{"n": 0}')
        assert trio.current_time() - began < 0.1
        await trio.sleep(1)
        assert net.open == 0  # an answer that nobody reads on is not kept


async def test_a_server_that_dies_in_the_middle_is_worth_another_try(autojump_clock) -> None:
    async def die(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.piece(b"half")
        exchange.die()

    async with service(die) as (http, _, _):
        with pytest.raises(ProviderError) as failed:
            async with http.request("GET", "x") as response:
                await response.whole()
        assert failed.value.retryable


async def test_a_server_that_falls_silent_is_noticed(autojump_clock) -> None:
    async def stall(exchange: Exchange) -> None:
        await exchange.begin()
        await trio.sleep_forever()

    async with service(stall) as (http, _, _):
        with pytest.raises(ProviderError, match="too slow") as failed:
            async with http.request("GET", "x") as response:
                await response.whole()
        assert failed.value.retryable


async def test_nobody_there_and_an_answer_that_is_no_json_and_one_without_end(
    autojump_clock, monkeypatch
) -> None:
    async def rubbish(exchange: Exchange) -> None:
        await exchange.answer(200, b"<html>")

    async with service(rubbish) as (http, net, _):
        with pytest.raises(ProviderError, match="not JSON"):
            await http.post_json("chat", {})
        monkeypatch.setattr("mediasrv.providers.wire.http.ANSWER_BYTES_MAX", 5)
        with pytest.raises(ProviderError, match="without end"):
            async with http.request("GET", "x") as response:
                await response.whole()
        async with HttpService("example", "https://nobody.example", {}, net) as nobody:
            with pytest.raises(ProviderError, match="connection failed") as failed:
                await nobody.post_json("chat", {})
        assert failed.value.retryable


async def test_a_peer_may_be_silent_for_as_long_as_is_said(autojump_clock) -> None:
    async def think(exchange: Exchange) -> None:
        await trio.sleep(100)
        await exchange.answer(200, {})

    server = HttpServer(think)
    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        net.stand(HOST, server.serve)
        for silence_s, comes in ((101.0, True), (99.0, False)):
            async with HttpService("example", f"https://{HOST}/", {}, net, silence_s=silence_s) as http:
                with nullcontext() if comes else pytest.raises(ProviderError, match="too slow"):
                    assert await http.post_json("x", {}) == {}
        nursery.cancel_scope.cancel()


async def test_no_request_waits_for_others_that_are_being_spoken(autojump_clock) -> None:
    """However many there are: a reply keeps its connection until its last sentence is spoken."""
    spoken, answered = trio.Event(), 0

    async def begin(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.piece(b"the first sentence")
        await spoken.wait()
        await exchange.end()

    async with service(begin) as (http, net, _):

        async def reply() -> None:
            nonlocal answered
            async with http.request("POST", "chat", json={}) as response:
                async with aclosing(response.pieces()) as pieces:
                    await anext(pieces)
                    answered += 1
                    await spoken.wait()
                    async for _ in pieces:
                        pass

        async with trio.open_nursery() as calls:
            for _ in range(300):
                calls.start_soon(reply)
            await trio.sleep(0.01)
            assert answered == 300
            spoken.set()
        await reply()
        assert net.open <= 20  # idle, they are few


async def test_a_cancelled_request_leaves_at_once_and_leaves_nothing(autojump_clock) -> None:
    async def stall(exchange: Exchange) -> None:
        await trio.sleep_forever()

    async with service(stall) as (http, net, _):
        with trio.move_on_after(1) as scope:
            await http.post_json("chat", {})
        assert scope.cancelled_caught
        assert trio.current_time() - scope.deadline < 1e-6
        assert net.open == 0


# ---- events ----------------------------------------------------------------------------------------------------

EVENTS = "event: a\ndata: 1\ndata: 2\n\n: comment\n\nid: 3\ndata:\u2028x\u0085\r\n\r\ndata: last\r\r".encode()
EXPECTED = [ServerEvent("1\n2", "a"), ServerEvent("\u2028x\u0085"), ServerEvent("last")]


def test_events_are_the_same_however_they_are_cut() -> None:
    assert EventParser().feed(EVENTS) == EXPECTED
    for cut in range(len(EVENTS)):
        parser = EventParser()
        assert parser.feed(EVENTS[:cut]) + parser.feed(EVENTS[cut:]) == EXPECTED, cut
    parser = EventParser()
    assert [event for at in range(len(EVENTS)) for event in parser.feed(EVENTS[at : at + 1])] == EXPECTED


def test_an_event_without_end_is_refused() -> None:
    parser, line = EventParser(), b"data: " + b"x" * 100_000 + b"\n"
    parser.feed(line * (EVENT_BYTES_MAX // len(line)))
    with pytest.raises(EventTooLong):
        parser.feed(line + b"rest")


@pytest.mark.parametrize(
    ("body", "words"),
    [(b'{"error": {"message": "a"}}', "a"), (b'{"detail": [{"msg": "b"}]}', "b"), (b'{"err_msg": "c"}', "c"),
     (b'{"error": "d"}', "d"), (b"plain  \n words", "plain words"), (b"", ""), (b"[" * 100_000, "[" * 200),
     (b"\xff", "\ufffd")],
)  # fmt: skip
def test_the_words_of_a_refusal_are_found_where_providers_put_them(body: bytes, words: str) -> None:
    assert said(body) == words


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", None), ("5", 5), ("0.5", 0.5), ("-3", 0), ("1e9", 3_600), ("nan", None), ("soon", None),
     ("Thu, 01 Jan 1970 00:00:00 GMT", 0)],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after_s(text) == seconds


# ---- WebSocket -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def websockets(conversation, **more) -> AsyncIterator[tuple[FakeNet, WebSocketServer]]:
    server = WebSocketServer(conversation, **more)
    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        net.stand(HOST, server.serve)
        yield net, server
        nursery.cancel_scope.cancel()


URL = f"wss://{HOST}/listen?model=x"


async def test_messages_go_both_ways_with_key_and_query(autojump_clock) -> None:
    async def echo(connection) -> None:
        while True:
            await connection.send_message(await connection.get_message())

    async with websockets(echo) as (net, server):
        async with open_websocket("example", URL, {"Authorization": "Token k"}, net) as socket:
            await socket.send_json({"a": "\u00e9"})
            assert await socket.next_json() == {"a": "\u00e9"}
            await socket.send(b"\x00\xff")
            assert await socket.next() == b"\x00\xff"
        await trio.sleep(1)
        assert net.open == 0
        assert server.resources == ["/listen?model=x"]
        assert server.headers[0]["authorization"] == "Token k"


@pytest.mark.parametrize(
    ("code", "retryable"), [(1000, False), (1008, False), (1011, True), (1013, True), (4000, False)]
)
async def test_a_close_says_why_and_whether_to_try_again(autojump_clock, code: int, retryable: bool) -> None:
    async def close(connection) -> None:
        await connection.aclose(code, "because")

    async with websockets(close) as (net, _):
        with pytest.raises(ProviderError, match=f"closed with {code}: because") as failed:
            async with open_websocket("example", URL, {}, net) as socket:
                await socket.next()
        assert failed.value.retryable is retryable


async def test_a_connection_that_breaks_is_worth_another_try(autojump_clock) -> None:
    async def die(connection) -> None:
        await trio.aclose_forcefully(connection._stream)

    async with websockets(die) as (net, _):
        with pytest.raises(ProviderError) as failed:
            async with open_websocket("example", URL, {}, net) as socket:
                await socket.next()
        assert failed.value.retryable


async def test_a_refused_handshake_is_told_like_a_refused_request(autojump_clock) -> None:
    async def never(connection) -> None: ...

    refused = {"refuse": (429, b'{"err_msg": "too many"}'), "refuse_headers": ((b"Retry-After", b"3"),)}
    async with websockets(never, **refused) as (net, _):
        with pytest.raises(ProviderError, match="HTTP 429: too many") as failed:
            async with open_websocket("example", URL, {}, net):
                raise AssertionError("no WebSocket was opened")
        assert (failed.value.retryable, failed.value.retry_after_s) == (True, 3)


async def test_nobody_there_and_a_handshake_that_never_ends(autojump_clock) -> None:
    async def silence(stream: trio.abc.Stream) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        for _ in range(2):
            with pytest.raises(ProviderError) as failed:
                async with open_websocket("example", URL, {}, net):
                    raise AssertionError("no WebSocket was opened")
            assert failed.value.retryable
            net.stand(HOST, silence)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("message", ["{", "[1]", '"x"', b"\xff\xfe", "[" * 100_000])
async def test_a_message_that_is_no_object_is_the_providers_fault(
    autojump_clock, message: str | bytes
) -> None:
    async def talk(connection: trio_websocket.WebSocketConnection) -> None:
        await connection.send_message(message)
        await trio.sleep_forever()

    async with websockets(talk) as (net, _):
        with pytest.raises(ProviderError):
            async with open_websocket("example", URL, {}, net) as socket:
                await socket.next_json()


async def test_leaving_in_the_middle_is_quick_though_the_provider_does_not_answer(autojump_clock) -> None:
    async def stall(connection) -> None:
        await trio.sleep_forever()

    async with websockets(stall) as (net, _):
        with trio.move_on_after(1):
            async with open_websocket("example", URL, {}, net) as socket:
                await socket.next()
        assert trio.current_time() < 2


async def test_an_error_of_the_block_passes_through_as_it_is(autojump_clock) -> None:
    async def stall(connection) -> None:
        await trio.sleep_forever()

    async with websockets(stall) as (net, _):
        with pytest.raises(ZeroDivisionError):
            async with open_websocket("example", URL, {}, net):
                raise ZeroDivisionError
