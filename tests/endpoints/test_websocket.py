"""SIP over WebSocket in virtual time: calls from browsers, and everything else that comes to such a port."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio.testing
from wsproto.events import CloseConnection, Ping, Pong

from mediasrv.endpoints import SipEndpoint
from mediasrv.endpoints.streams import StreamLimits, Streams, WebSocketTransport
from mediasrv.ids import SeededTokens
from mediasrv.sip import Limits, UserAgent
from tests.fakes.browser import Browser, Refused
from tests.fakes.clock import TrioClock
from tests.fakes.datagrams import FakeNetwork
from tests.fakes.streams import FakeStreamNetwork

SERVER, PLACE, STRANGER = ("127.0.0.1", 5060), ("127.0.0.1", 8080), ("127.0.0.9", 40_001)
APP = "https://app.example"
OPTIONS = (
    "OPTIONS sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK%d\r\n"
    "From: <sip:x@app.example>;tag=1\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: o%d\r\nCSeq: 1 OPTIONS\r\n\r\n"
)
INVITE = (
    "INVITE sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bKi\r\n"
    "From: <sip:x@app.example>;tag=1\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\n"
    "Contact: <sip:x@df7jal23ls0d.invalid;transport=ws>\r\nContent-Type: application/sdp\r\n\r\nv=0 offer"
)
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


class House:
    def __init__(self, network: FakeStreamNetwork, end: SipEndpoint) -> None:
        self.network, self.end = network, end

    def connect(self) -> trio.StapledStream:
        return self.network.connect(STRANGER, PLACE)

    async def browser(self, *, origin: str = APP) -> Browser:
        browser = Browser(self.connect())
        await browser.open(origin=origin)
        return browser

    @property
    def closed(self) -> dict[str, int]:
        return self.end.counters.snapshot().get("sip_stream_closed", {})


@asynccontextmanager
async def serving(
    *, origins: tuple[str, ...] = (APP,), limits: StreamLimits | None = None
) -> AsyncIterator[House]:
    network = FakeStreamNetwork()
    transport = WebSocketTransport(Limits(), origins)
    streams = Streams([(transport, network.listen(PLACE))])
    core = UserAgent(SERVER, SeededTokens(1), streams=streams.locals())
    async with trio.open_nursery() as nursery:
        socket = await FakeNetwork().open(SERVER)
        end = SipEndpoint(socket, core, TrioClock(), streams=streams, stream_limits=limits)
        await nursery.start(end.run)
        yield House(network, end)
        nursery.cancel_scope.cancel()
    assert end.live_streams == 0


def named(message: str) -> str:
    """The lines that an answer repeats."""
    names = ("Via", "From", "To", "Call-ID", "CSeq")
    return "\r\n".join(line for line in message.split("\r\n") if line.startswith(names))


def acknowledging(ok: str) -> str:
    lines = named(ok).replace("1 INVITE", "1 ACK").replace("z9hG4bKi", "z9hG4bKa")
    return f"ACK sip:100@127.0.0.1 SIP/2.0\r\n{lines}\r\n\r\n"


async def everything(stream: trio.abc.ReceiveStream) -> bytes:
    got = b""
    with suppress(trio.BrokenResourceError):
        while data := await stream.receive_some():
            got += data
    return got


@pytest.mark.parametrize("as_bytes", [False, True])
async def test_a_request_in_text_or_binary_is_answered_over_its_connection(
    as_bytes: bool, autojump_clock
) -> None:
    async with serving() as house:
        browser = await house.browser()
        text = OPTIONS % (1, 1)
        await browser.say(text.encode() if as_bytes else text)
        answer = await browser.message()
        assert answer.startswith("SIP/2.0 200 OK\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid")
        assert "received=127.0.0.9" in answer


async def test_a_browser_calls_and_is_called_back_over_its_own_connection(autojump_clock) -> None:
    async with serving() as house:
        browser = await house.browser()
        await browser.say(INVITE)
        call = await house.end.incoming().receive()
        assert call.offer == b"v=0 offer"
        assert (await browser.message()).startswith("SIP/2.0 100")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.answer, b"v=0 answer")
            ok = await browser.message()
            assert ok.startswith("SIP/2.0 200")
            assert "Contact: <sip:127.0.0.1:8080;transport=ws>" in ok
            await browser.say(acknowledging(ok))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.bye)
            bye = await browser.message()
            assert bye.startswith("BYE sip:x@df7jal23ls0d.invalid;transport=ws SIP/2.0\r\nVia: SIP/2.0/WS ")
            await browser.say(f"SIP/2.0 200 OK\r\n{named(bye)}\r\n\r\n")


async def test_a_message_in_many_frames_is_one_message(autojump_clock) -> None:
    async with serving() as house:
        browser = await house.browser()
        text = OPTIONS % (1, 1)
        for letter in text[:-1]:
            await browser.say(letter, whole=False)
        await browser.say(text[-1])
        assert (await browser.message()).startswith("SIP/2.0 200")


async def test_only_pages_on_the_list_and_programs_may_come(autojump_clock) -> None:
    async with serving() as house:
        await house.browser(origin="HTTPS://App.Example")
        await house.browser(origin="")
        for origin in ("https://evil.example", "null", "https://app.example.evil.example"):
            with pytest.raises(Refused) as refused:
                await house.browser(origin=origin)
            assert refused.value.status == 403
    async with serving(origins=("*",)) as house:
        await house.browser(origin="https://anybody.example")
    async with serving(origins=()) as house:
        with pytest.raises(Refused):
            await house.browser()


async def test_who_does_not_speak_sip_is_refused(autojump_clock) -> None:
    async with serving() as house:
        for subprotocols in ((), ("chat",)):
            browser = Browser(house.connect())
            with pytest.raises(Refused) as refused:
                await browser.open(subprotocols=subprotocols, origin=APP)
            assert refused.value.status == 400


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10 + b"\r\n\r\n",  # TLS where there is none
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
        OPTIONS.encode() % (1, 1),
        HANDSHAKE.replace(b"Host: x", b"Host: \xff\xfe\xfd") + b"Sec-WebSocket-Protocol: sip\r\n\r\n",
        HANDSHAKE.replace(b"GET /", b"GET /\xff") + b"Sec-WebSocket-Protocol: sip\r\n\r\n",
        HANDSHAKE + b"Sec-WebSocket-Protocol: \xff\xff\r\n\r\n",
        HANDSHAKE + b"X: " + b"y" * 20_000 + b"\r\n\r\n",
    ],
    ids=["tls", "no upgrade", "post", "sip", "host", "target", "protocol", "endless"],
)
async def test_garbage_for_a_handshake_is_refused_and_closed(garbage: bytes, autojump_clock) -> None:
    async with serving() as house:
        stream = house.connect()
        await stream.send_all(garbage)
        got = await everything(stream)
        assert got.startswith(b"HTTP/1.1 400 ")
        await trio.testing.wait_all_tasks_blocked()
        assert house.end.live_streams == 0


async def test_a_handshake_letter_by_letter_is_not_waited_for(autojump_clock) -> None:
    async with serving() as house:
        stream, began = house.connect(), trio.current_time()
        with suppress(trio.BrokenResourceError):
            for letter in HANDSHAKE:
                await stream.send_all(bytes([letter]))
                await trio.sleep(1)
        assert trio.current_time() - began <= StreamLimits().handshake_s + 2
        await trio.testing.wait_all_tasks_blocked()
        assert house.end.live_streams == 0


@pytest.mark.parametrize("frames", [1, 50])
async def test_a_message_beyond_every_measure_is_answered_and_ends_the_connection(
    frames: int, autojump_clock
) -> None:
    async with serving() as house:
        browser = await house.browser()
        size = 2 * Limits().message_bytes // frames
        with suppress(trio.BrokenResourceError):
            await browser.say(OPTIONS % (1, 1) + "x" * size, whole=frames == 1)
            for _ in range(frames - 1):
                await browser.say("x" * size, whole=False)
        assert (await browser.message()).startswith("SIP/2.0 513")
        assert await browser.message() == "closed 1009"
        await everything(browser.stream)
        await trio.testing.wait_all_tasks_blocked()
        assert house.closed == {"unframeable": 1}


async def test_a_message_that_comes_too_slowly_is_not_waited_for(autojump_clock) -> None:
    async with serving() as house:
        browser = await house.browser()
        began = trio.current_time()
        with suppress(trio.BrokenResourceError):
            for letter in OPTIONS % (1, 1):
                await browser.say(letter, whole=False)
                await trio.sleep(1)
        assert trio.current_time() - began <= StreamLimits().message_s + 2
        await trio.testing.wait_all_tasks_blocked()
        assert house.closed == {"slow_sender": 1}


async def test_empty_frames_without_end_are_a_message_that_comes_too_slowly(autojump_clock) -> None:
    async with serving() as house:
        browser = await house.browser()
        with suppress(trio.BrokenResourceError):
            while True:
                await browser.say("", whole=False)
                await trio.sleep(0.5)
        await trio.testing.wait_all_tasks_blocked()
        assert house.closed == {"slow_sender": 1}


@pytest.mark.usefixtures("unhurried")
async def test_a_browser_that_has_walked_away_is_noticed_and_one_that_is_there_is_kept(
    autojump_clock,
) -> None:
    async with serving() as house:
        there, away = await house.browser(), await house.browser()
        away.dead = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(there.message)
            nursery.start_soon(away.message)
            await trio.sleep(45)
            assert house.closed == {"no_pong": 1}
            await trio.sleep(3_600)
            assert house.closed == {"no_pong": 1}
            nursery.cancel_scope.cancel()
        assert (there.pings, away.pings) == (121, 1)  # one in 30 s, for 3645 s


async def test_their_pings_are_answered_with_what_they_said_and_line_ends_with_one(autojump_clock) -> None:
    async with serving() as house:
        browser = await house.browser()
        await browser.send(Ping(b"are you there"))
        pong = await browser.event()
        assert isinstance(pong, Pong)
        assert pong.payload == b"are you there"
        await browser.say("\r\n\r\n")
        assert await browser.message() == "\r\n"


async def test_pings_without_end_to_a_peer_that_does_not_read_end_it(autojump_clock) -> None:
    async with serving() as house:
        stream = house.network.connect(STRANGER, PLACE, lockstep=True)
        browser = Browser(stream)
        await browser.open(origin=APP)
        sent = 0
        with suppress(trio.BrokenResourceError):
            while sent < 10_000:
                await browser.send(Ping(b"x"))
                sent += 1
        assert sent < 10_000
        await trio.testing.wait_all_tasks_blocked()
        assert house.closed == {"slow_reader": 1}


async def test_a_goodbye_is_returned(autojump_clock) -> None:
    async with serving() as house:
        browser = await house.browser()
        await browser.send(CloseConnection(code=1000))
        assert await browser.message() == "closed 1000"
        await everything(browser.stream)
        await trio.testing.wait_all_tasks_blocked()
        assert house.closed == {"closed_by_peer": 1}


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\x05hello",  # unmasked, by a client
        b"\xf1\x80\x00\x00\x00\x00",  # reserved bits: a compression that was not agreed
        b"\x83\x80\x00\x00\x00\x00",  # an unheard-of opcode
        b"\x80\x80\x00\x00\x00\x00",  # the rest of nothing
        b"\x89\xfe\x01\x00\x00\x00\x00\x00" + b"x" * 256,  # a ping that is too long
        b"\x81\x82\x00\x00\x00\x00\xff\xff",  # text that is no UTF-8
        b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",  # longer than a number may say
    ],
)
async def test_frames_against_the_rules_end_the_connection(frame: bytes, autojump_clock) -> None:
    async with serving() as house:
        browser = await house.browser()
        await browser.stream.send_all(frame)
        assert (await browser.message()).startswith("closed 10")
        await everything(browser.stream)
        await trio.testing.wait_all_tasks_blocked()
        assert house.closed == {"broken": 1}


async def test_a_flood_of_connections_from_one_address_leaves_room_for_others(autojump_clock) -> None:
    async with serving(limits=StreamLimits(connections=10, per_source=3)) as house:
        flood = [house.connect() for _ in range(50)]
        await trio.testing.wait_all_tasks_blocked()
        assert house.end.live_streams == 3
        assert house.end.counters.snapshot()["sip_stream_refused"] == {"per_source": 47}
        other = Browser(house.network.connect(("127.0.0.8", 1), PLACE))
        await other.open(origin=APP)
        await trio.sleep(StreamLimits().handshake_s + 1)  # half-open ones are given up
        assert house.end.live_streams == 1
        for stream in flood:
            await stream.aclose()


async def test_no_noise_whatsoever_harms_the_endpoint(autojump_clock) -> None:
    seed = 20_261_121
    print("seed", seed)
    chance = random.Random(seed)
    async with serving() as house:
        for _ in range(150):
            browser = await house.browser()
            noise = bytearray(chance.randbytes(chance.randrange(1, 60)))
            if chance.random() < 0.7:  # something that begins well
                noise[:2] = bytes(
                    [chance.choice([0x01, 0x02, 0x81, 0x82, 0x88, 0x89]), 0x80 | chance.randrange(60)]
                )
            with suppress(trio.BrokenResourceError):
                await browser.stream.send_all(bytes(noise))
            await browser.stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert "sip_fault" not in house.end.counters.snapshot()
        well = await house.browser()
        await well.say(OPTIONS % (9, 9))
        assert (await well.message()).startswith("SIP/2.0 200")
