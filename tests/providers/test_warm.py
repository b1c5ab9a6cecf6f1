"""Connections that are there before they are needed: of providers that are asked, and spares of those with sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
import trio
import trio_websocket

from mediasrv.config import ProviderSettings, Secret
from mediasrv.providers.house import ProviderHouse
from mediasrv.providers.protocols import LanguageModel, ProviderError, TextToSpeech
from mediasrv.providers.wire import Sockets
from tests.fakes.providers import FakeNet
from tests.fakes.providers.openai_chat import KEY as MIND_KEY
from tests.fakes.providers.openai_chat import OpenAiChat, chunk
from tests.fakes.providers.speech import KEY, ElevenLabsHttp, ElevenLabsSocket, SarvamSocket
from tests.fakes.providers.web import WebSocketServer
from tests.providers.test_provider_house import said as thought

JOURNEY_S = 0.4  # to open a connection
URL = "wss://voice.example/ws"
VOICES = {
    "elevenlabs": ("api.elevenlabs.io", ElevenLabsHttp),
    "elevenlabs-socket": ("api.elevenlabs.io", ElevenLabsSocket),
    "sarvam": ("api.sarvam.ai", SarvamSocket),
}


async def first_sound_s(tts: TextToSpeech) -> float:
    began, first = trio.current_time(), None
    async with aclosing(tts.stream("one two three", "")) as chunks:
        async for each in chunks:
            if each.pcm and first is None:
                first = trio.current_time() - began
    assert first is not None
    return first


@asynccontextmanager
async def agency(adapter: str) -> AsyncIterator[tuple[LanguageModel, TextToSpeech, FakeNet]]:
    """A mind and a voice that are kept warm, and 400 ms away."""
    host, fake = VOICES[adapter]
    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        net.latency_s = JOURNEY_S
        net.stand("api.openai.com", OpenAiChat([chunk({"content": "hi"})]).server().serve)
        net.stand(host, fake().server().serve)
        declared = {
            "mind": ProviderSettings(adapter="openai", key=Secret(MIND_KEY)),
            "voice": ProviderSettings(adapter=adapter, key=Secret(KEY)),
        }
        async with ProviderHouse(declared, net=net) as house, trio.open_nursery() as own:
            mind, voice = house.model(["mind"]), house.voice(["voice"])
            own.start_soon(house.keep_warm)
            yield mind, voice, net
            own.cancel_scope.cancel()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("adapter", VOICES)
@pytest.mark.parametrize("between_s", [0.0, 45.0, 200.0])
async def test_no_turn_of_any_call_waits_for_a_connection(
    autojump_clock, adapter: str, between_s: float
) -> None:
    async with agency(adapter) as (mind, voice, _):
        for _ in range(2):
            await trio.sleep(1.0 + between_s)
            began = trio.current_time()
            await thought(mind)
            assert trio.current_time() - began < JOURNEY_S
            assert await first_sound_s(voice) < JOURNEY_S


async def test_the_first_turn_of_the_second_call_opens_no_connection(autojump_clock) -> None:
    async with agency("elevenlabs") as (mind, voice, net):
        await trio.sleep(1.0)
        opened = []
        for _ in range(2):
            await thought(mind)
            await first_sound_s(voice)
            opened.append(len(net.connections))
            await trio.sleep(120.0)  # the call after it comes later
        assert opened == [2, 2]
        assert len(net.connections) == 2


async def test_without_anybody_who_keeps_them_warm_there_are_no_spares(autojump_clock) -> None:
    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        net.stand("api.sarvam.ai", SarvamSocket().server().serve)
        declared = {"voice": ProviderSettings(adapter="sarvam", key=Secret(KEY))}
        async with ProviderHouse(declared, net=net) as house:
            await first_sound_s(house.voice(["voice"]))
            await trio.sleep(1)
            assert (len(net.connections), net.open) == (1, 0)
        nursery.cancel_scope.cancel()


async def test_who_cannot_be_reached_does_not_disturb_the_others_or_the_house(autojump_clock) -> None:
    async with agency("sarvam") as (mind, voice, net):
        net.fall("api.sarvam.ai")
        await trio.sleep(100)
        assert await thought(mind) == "hi"
        with pytest.raises(ProviderError):
            await first_sound_s(voice)


# ---- spares, one by one ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def sockets(idle_s: float = 50.0) -> AsyncIterator[tuple[Sockets, FakeNet, WebSocketServer]]:
    """A server that echoes."""

    async def echo(connection: trio_websocket.WebSocketConnection) -> None:
        while True:
            await connection.send_message(await connection.get_message())

    async with trio.open_nursery() as nursery:
        net, server = FakeNet(nursery), WebSocketServer(echo)
        net.stand("voice.example", server.serve)
        async with Sockets(net, idle_s) as kept:
            yield kept, net, server
        assert net.open == 0
        nursery.cancel_scope.cancel()


async def ask(kept: Sockets, url: str = URL) -> str | bytes:
    async with kept.open("voice", url, {}) as socket:
        await socket.send("hello")
        return await socket.next()


async def test_a_spare_is_lent_once_and_the_next_is_opened_behind_it(autojump_clock) -> None:
    async with sockets() as (kept, net, _):
        await kept.warm("voice", URL, {})
        for served in (1, 2, 3):
            assert await ask(kept) == "hello"
            await trio.sleep(1)
            assert (len(net.connections), net.open) == (served + 1, 1)


async def test_a_spare_that_the_service_may_have_closed_is_not_lent(autojump_clock) -> None:
    async with sockets() as (kept, net, _):
        await kept.warm("voice", URL, {})
        await trio.sleep(51)
        assert await ask(kept) == "hello"
        assert len(net.connections) == 3  # the old one, one for the question, and a spare


async def test_a_spare_that_was_closed_is_not_lent(autojump_clock) -> None:
    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        times = iter(range(10))

        async def converse(connection: trio_websocket.WebSocketConnection) -> None:
            if next(times) == 0:
                await connection.aclose(1001)
                return
            await connection.send_message(await connection.get_message())

        net.stand("voice.example", WebSocketServer(converse).serve)
        async with Sockets(net, 50.0) as kept:
            await kept.warm("voice", URL, {})
            await trio.sleep(1)
            assert await ask(kept) == "hello"
        nursery.cancel_scope.cancel()


async def test_spares_are_renewed_in_time_and_the_oldest_are_given_up_when_there_are_many(
    autojump_clock,
) -> None:
    async with sockets() as (kept, net, server):
        for number in range(6):
            await kept.warm("voice", f"{URL}?voice={number}", {})
        await trio.sleep(1)  # for good-byes
        assert net.open == 4
        for _ in range(10):
            await trio.sleep(19)
            await kept.warm("voice", f"{URL}?voice=5", {})
            await trio.sleep(1)
            assert net.open == 4
        before = len(server.resources)
        assert await ask(kept, f"{URL}?voice=3") == "hello"
        assert server.resources[before:] in ([], ["/ws?voice=3"])  # at most the next spare


async def test_a_spare_that_could_not_be_opened_costs_nobody_a_failure(autojump_clock) -> None:
    async with sockets() as (kept, net, server):
        net.fall("voice.example")
        await kept.warm("voice", URL, {})
        net.stand("voice.example", server.serve)
        assert await ask(kept) == "hello"
