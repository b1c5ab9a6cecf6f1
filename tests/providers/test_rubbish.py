"""Whatever answers at a provider's address: it costs that connection, and never the house that all calls stand in."""

from __future__ import annotations

import base64
import hashlib
import itertools
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trio

from mediasrv.config import ProviderSettings, Secret
from mediasrv.providers.house import ProviderHouse
from mediasrv.providers.protocols import ProviderError
from mediasrv.providers.wire import HttpService, Sockets, open_websocket
from tests.fakes.providers import FakeNet

HOST = "voice.example"
URL = f"wss://{HOST}/ws"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
NEVER_S = 3_600.0

INSTEAD_OF_A_HANDSHAKE = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\r\n",
    "no HTTP, and no end": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "bytes": bytes(range(256)) * 4 + b"\r\n\r\n",
    "101 with a wrong key": SWITCH + b"Sec-WebSocket-Accept: eHg=\r\n\r\n",
    "101 with a key that is no text": SWITCH + b"Sec-WebSocket-Accept: \xff\xfe\r\n\r\n",
    "101 without a key": SWITCH + b"\r\n",
    "101 to something else": b"HTTP/1.1 101 Yes\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    "200": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "200 without end": b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nok",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: much\r\n\r\n",
    "chunks that are none": b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "half a head": b"HTTP/1.1 101 Switching Prot",
    "a head without end": b"HTTP/1.1 101 S\r\n" + b"X: y\r\n" * 30_000,
    "nothing": b"",
}
FIRST_FRAMES = {
    "a reserved opcode": b"\x83\x00",
    "reserved bits": b"\xf1\x00",
    "a mask, which only clients have": b"\x81\x81\x00\x00\x00\x00x",
    "a ping without end": b"\x89\x7f" + bytes(7) + b"\xff",
    "a ping in fragments": b"\x09\x00",
    "text that is none": b"\x81\x02\xff\xfe",
    "a length with its highest bit": b"\x82\x7f" + b"\xff" * 8,
    "a continuation of nothing": b"\x80\x01x",
    "a close of one byte": b"\x88\x01\x03",
    "a close with a reserved code": b"\x88\x02\x03\xed",
    "a close with no code that there is": b"\x88\x02\x00\x01",
    "a close whose reason is no text": b"\x88\x04\x03\xe8\xff\xfe",
    "two closes": b"\x88\x02\x03\xe8\x88\x02\x03\xe8",
    "a close, and more": b"\x88\x02\x03\xe8" + b"\xff" * 100,
    "half a frame": b"\x81\x7e\x10",
    "no frame at all": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}
ENDINGS = ("is gone", "stays")
Serve = Callable[[trio.abc.Stream], Awaitable[None]]


def says(answer: bytes, ending: str, *, upgraded: bool = False) -> Serve:
    """Reads a request, answers it with that, and is gone or stays."""

    async def serve(stream: trio.abc.Stream) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            received = await stream.receive_some(65_536)
            if not received:  # nobody wants an answer any more
                return
            request += received
        await stream.send_all((accepted(request) if upgraded else b"") + answer)
        if ending == "stays":
            await trio.sleep(NEVER_S)

    return serve


def echoes(frame: bytes) -> Serve:
    """Upgrades, says that, and hears whatever comes until a goodbye."""

    async def serve(stream: trio.abc.Stream) -> None:
        await says(frame, "is gone", upgraded=True)(stream)
        await stream.receive_some(1_000)

    return serve


def anything(chance: random.Random) -> Serve:
    """One of the answers above, or nearly so."""
    upgraded = chance.random() < 0.7
    said = bytearray(chance.choice(list((FIRST_FRAMES if upgraded else INSTEAD_OF_A_HANDSHAKE).values())))
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(said) + 1)
        said[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(6))
    return says(bytes(said), chance.choice(ENDINGS), upgraded=upgraded)


def accepted(request: bytes) -> bytes:
    """The right answer to this handshake."""
    found = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)
    assert found is not None
    proof = base64.b64encode(hashlib.sha1(found[1] + GUID, usedforsecurity=False).digest())
    return SWITCH + b"Sec-WebSocket-Accept: " + proof + b"\r\n\r\n"


@asynccontextmanager
async def at_the_address(serve: Serve) -> AsyncIterator[FakeNet]:
    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        net.stand(HOST, serve)
        yield net
        assert net.open == 0
        nursery.cancel_scope.cancel()


async def fails(kept: Sockets) -> ProviderError:
    """What who asks for a socket is told, when he opens it or when he uses it."""
    with pytest.raises(ProviderError) as failed:
        async with kept.open("voice", URL, {}) as socket:
            await socket.next()
    return failed.value


# ---- in place of a handshake -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("what", INSTEAD_OF_A_HANDSHAKE)
async def test_who_answers_a_handshake_with_rubbish_costs_that_connection(
    autojump_clock, what: str, ending: str
) -> None:
    async with at_the_address(says(INSTEAD_OF_A_HANDSHAKE[what], ending)) as net:
        async with Sockets(net, 50.0) as kept:
            await kept.warm("voice", URL, {})  # nobody has asked: nobody is told
            error = await fails(kept)
            assert (error.provider, error.retryable) == ("voice", what != "200")  # which is a clear refusal


@pytest.mark.parametrize("what", INSTEAD_OF_A_HANDSHAKE)
async def test_who_is_gone_in_the_handshake_is_not_waited_for(autojump_clock, what: str) -> None:
    async with at_the_address(says(INSTEAD_OF_A_HANDSHAKE[what], "is gone")) as net:
        with pytest.raises(ProviderError):
            async with open_websocket("voice", URL, {}, net):
                raise AssertionError("no WebSocket was opened")
        assert trio.current_time() < 0.1


async def test_what_was_wrong_with_an_answer_is_said(autojump_clock) -> None:
    async with at_the_address(says(INSTEAD_OF_A_HANDSHAKE["101 with a wrong key"], "stays")) as net:
        with pytest.raises(ProviderError, match="Bad accept token"):
            async with open_websocket("voice", URL, {}, net):
                raise AssertionError("no WebSocket was opened")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("what", INSTEAD_OF_A_HANDSHAKE)
async def test_who_answers_a_request_with_rubbish_costs_that_request(
    autojump_clock, what: str, ending: str
) -> None:
    async with at_the_address(says(INSTEAD_OF_A_HANDSHAKE[what], ending)) as net:
        async with HttpService("voice", f"https://{HOST}/", {}, net) as http:
            await http.warm()
            with pytest.raises(ProviderError):
                await http.post_json("speak", {})


@pytest.mark.parametrize("adapter", ["elevenlabs", "elevenlabs-socket", "sarvam"])
@pytest.mark.parametrize("what", INSTEAD_OF_A_HANDSHAKE)
async def test_keeping_providers_warm_survives_whatever_they_answer(
    autojump_clock, what: str, adapter: str
) -> None:
    scheme = "https" if adapter == "elevenlabs" else "wss"
    settings = ProviderSettings(adapter=adapter, key=Secret("k"), base_url=f"{scheme}://{HOST}/")
    async with at_the_address(says(INSTEAD_OF_A_HANDSHAKE[what], "stays")) as net:
        async with ProviderHouse({"voice": settings}, net=net) as house:
            house.voice(["voice"])
            with trio.move_on_after(100.0) as call:
                await house.keep_warm()
            assert call.cancelled_caught


async def test_a_fault_in_warming_one_provider_is_noted_and_costs_no_other(
    autojump_clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def warm(self: object, path: str = "") -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(HttpService, "warm", warm)
    settings = ProviderSettings(adapter="elevenlabs", key=Secret("k"), base_url=f"https://{HOST}/")
    async with at_the_address(says(b"", "stays")) as net:
        async with ProviderHouse({"voice": settings}, net=net) as house:
            house.voice(["voice"])
            await house.warm()
    assert "fault in warming a provider" in caplog.text


# ---- after it --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("what", FIRST_FRAMES)
async def test_a_socket_that_begins_with_what_is_no_frame_costs_that_connection(
    autojump_clock, what: str, ending: str
) -> None:
    async with at_the_address(says(FIRST_FRAMES[what], ending, upgraded=True)) as net:
        async with Sockets(net, 50.0) as kept:
            await kept.warm("voice", URL, {})
            with trio.move_on_after(60.0) as waits:
                await fails(kept)
            assert waits.cancelled_caught is ((what, ending) == ("half a frame", "stays"))


async def test_a_spare_that_has_failed_is_not_lent(autojump_clock) -> None:
    rubbish, echo = says(FIRST_FRAMES["reserved bits"], "stays", upgraded=True), echoes(b"\x81\x02hi")
    turns = iter([rubbish, echo, echo])

    async def serve(stream: trio.abc.Stream) -> None:
        await next(turns)(stream)

    async with at_the_address(serve) as net:
        async with Sockets(net, 50.0) as kept:
            await kept.warm("voice", URL, {})
            await trio.sleep(1)
            async with kept.open("voice", URL, {}) as socket:
                assert await socket.next() == "hi"


async def test_rubbish_instead_of_a_goodbye_spoils_nothing_that_was_had_before(autojump_clock) -> None:
    async def serve(stream: trio.abc.Stream) -> None:
        await echoes(b"\x81\x02hi")(stream)
        await stream.receive_some(1_000)  # our goodbye
        await stream.send_all(b"\xff" * 1_000)

    async with at_the_address(serve) as net:
        async with open_websocket("voice", URL, {}, net) as socket:
            assert await socket.next() == "hi"


async def test_who_leaves_at_the_moment_of_a_failure_has_left(autojump_clock) -> None:
    rubbish = says(INSTEAD_OF_A_HANDSHAKE["no HTTP"], "stays")

    async def serve(stream: trio.abc.Stream) -> None:
        await trio.sleep(1.0)
        await rubbish(stream)

    async with at_the_address(serve) as net:
        with trio.move_on_after(1.0) as left:
            async with open_websocket("voice", URL, {}, net):
                raise AssertionError("no WebSocket was opened")
        assert left.cancelled_caught


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_said_the_house_stands(autojump_clock, seed: int) -> None:
    chance = random.Random(seed)
    print(f"{seed = }")
    answers = itertools.cycle([anything(chance) for _ in range(200)])

    async def serve(stream: trio.abc.Stream) -> None:
        await next(answers)(stream)

    async with at_the_address(serve) as net:
        async with Sockets(net, 50.0) as kept:
            for _ in range(60):
                await kept.warm("voice", URL, {})
                with trio.move_on_after(chance.random()), suppress(ProviderError):
                    async with kept.open("voice", URL, {}) as socket:
                        while True:
                            await socket.send("hello")
                            await socket.next()
