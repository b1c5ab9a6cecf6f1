"""SIP over connections, in virtual time: calls, and everything that a peer can do to a port on the internet."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import trio

from mediasrv.endpoints import CallGone, SipEndpoint
from mediasrv.endpoints.streams import StreamLimits, Streams, TcpTransport
from mediasrv.ids import SeededTokens
from mediasrv.sip import Hop, Limits, Rejected, Uri, UserAgent
from tests.fakes.clock import TrioClock
from tests.fakes.datagrams import FakeNetwork
from tests.fakes.streams import FakeStreamNetwork

SERVER, CALLER = ("127.0.0.1", 5060), ("127.0.0.2", 5060)
STRANGER = ("127.0.0.9", 40_001)
TARGET, ANNA = Uri.parse("sip:100@127.0.0.1"), Uri.parse("sip:anna@127.0.0.2")
OFFER, ANSWER = b"v=0 offer", b"v=0 answer"
OPTIONS = (
    b"OPTIONS sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.9;branch=z9hG4bK%d\r\n"
    b"From: <sip:x@127.0.0.9>;tag=1\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: o%d\r\nCSeq: 1 OPTIONS\r\n"
)
WHOLE = OPTIONS % (1, 1) + b"Content-Length: 0\r\n\r\n"


@asynccontextmanager
async def endpoint(
    network: FakeStreamNetwork, address: tuple[str, int], limits: StreamLimits | None = None
) -> AsyncIterator[SipEndpoint]:
    tcp = TcpTransport(network.dialler(address[0]), Limits())
    streams = Streams([(tcp, network.listen(address))])
    core = UserAgent(address, SeededTokens(address[1]), streams=streams.locals())
    async with trio.open_nursery() as nursery:
        socket = await FakeNetwork().open(address)  # datagrams lead nowhere
        end = SipEndpoint(socket, core, TrioClock(), streams=streams, stream_limits=limits)
        await nursery.start(end.run)
        yield end
        nursery.cancel_scope.cancel()
    assert end.live_streams == 0


@asynccontextmanager
async def server(
    limits: StreamLimits | None = None,
) -> AsyncIterator[tuple[FakeStreamNetwork, SipEndpoint]]:
    network = FakeStreamNetwork()
    async with endpoint(network, SERVER, limits) as end:
        yield network, end


async def closed(stream: trio.abc.ReceiveStream) -> bytes:
    """All that still comes until the other side closes."""
    got = b""
    while data := await stream.receive_some():
        got += data
    return got


async def message_of(stream: trio.abc.ReceiveStream) -> bytes:
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        got += await stream.receive_some()
    return got


async def test_a_call_is_made_answered_and_hung_up_over_one_connection(autojump_clock) -> None:
    network = FakeStreamNetwork()
    async with endpoint(network, SERVER) as callee, endpoint(network, CALLER) as caller:
        out = await caller.call(TARGET, destination=Hop(*SERVER, "TCP"), from_uri=ANNA, body=OFFER)
        into = await callee.incoming().receive()
        assert into.offer == OFFER
        await into.answer(ANSWER)
        assert await out.wait_answered() == ANSWER
        await into.bye()
        await out.wait_ended()
        assert network.dialled == [SERVER]
        assert (caller.live_streams, callee.live_streams) == (1, 1)


async def test_a_call_to_where_nobody_listens_fails_at_once(autojump_clock) -> None:
    async with endpoint(FakeStreamNetwork(), CALLER) as caller:
        began = trio.current_time()
        out = await caller.call(TARGET, destination=Hop(*SERVER, "TCP"), from_uri=ANNA, body=OFFER)
        with pytest.raises(CallGone) as gone:
            await out.wait_answered()
        assert isinstance(gone.value.end, Rejected)
        assert gone.value.end.status == 503
        assert trio.current_time() == began


async def test_after_the_callers_connection_is_gone_the_announced_port_is_dialled(autojump_clock) -> None:
    network, limits = FakeStreamNetwork(), StreamLimits(idle_s=60)
    async with endpoint(network, SERVER, limits) as callee, endpoint(network, CALLER, limits) as caller:
        out = await caller.call(TARGET, destination=Hop(*SERVER, "TCP"), from_uri=ANNA, body=OFFER)
        into = await callee.incoming().receive()
        await into.answer(ANSWER)
        await out.wait_answered()
        await trio.sleep(61)
        assert (caller.live_streams, callee.live_streams) == (0, 0)
        await into.bye()
        await out.wait_ended()
        assert network.dialled == [SERVER, CALLER]


async def test_a_request_is_answered_over_its_connection_and_a_ping_with_a_pong(autojump_clock) -> None:
    async with server() as (network, _):
        peer = network.connect(STRANGER, SERVER)
        await peer.send_all(WHOLE)
        assert (await message_of(peer)).startswith(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 127.0.0.9")
        await peer.send_all(b"\r\n\r\n")
        assert await peer.receive_some() == b"\r\n"


@pytest.mark.parametrize(
    ("length", "status"),
    [(b"", b"400"), (b"l: 1\r\nl: 2\r\n", b"400"), (b"l: -1\r\n", b"400"), (b"l: 99999\r\n", b"513")],
)
async def test_a_stream_without_frames_is_answered_and_closed(
    length: bytes, status: bytes, autojump_clock
) -> None:
    async with server() as (network, end):
        peer = network.connect(STRANGER, SERVER)
        await peer.send_all(OPTIONS % (1, 1) + length + b"\r\n" + WHOLE)
        got = await closed(peer)
        assert got.startswith(b"SIP/2.0 " + status)
        assert got.count(b"SIP/2.0 2") == 0
        assert end.counters.snapshot()["sip_stream_closed"] == {"unframeable": 1}


async def test_a_message_that_comes_too_slowly_is_not_waited_for(autojump_clock) -> None:
    async with server() as (network, end):
        peer = network.connect(STRANGER, SERVER)
        began = trio.current_time()
        for byte in WHOLE[: int(StreamLimits().message_s) + 5]:
            try:
                await peer.send_all(bytes([byte]))
            except trio.BrokenResourceError:
                break
            await trio.sleep(1)
        assert await closed(peer) == b""
        assert trio.current_time() - began < StreamLimits().message_s + 6
        assert end.counters.snapshot()["sip_stream_closed"] == {"slow_sender": 1}


async def test_a_silent_connection_is_closed_and_a_ping_keeps_it(autojump_clock) -> None:
    idle_s = StreamLimits().idle_s
    async with server() as (network, end):
        kept, silent = network.connect(STRANGER, SERVER), network.connect(STRANGER, SERVER)
        await trio.sleep(idle_s / 2)
        await kept.send_all(b"\r\n\r\n")
        await trio.sleep(idle_s / 2 + 1)
        assert end.live_streams == 1
        assert await closed(silent) == b""
        assert await kept.receive_some() == b"\r\n"


async def test_a_peer_that_does_not_read_is_cut_off_and_the_others_are_served(autojump_clock) -> None:
    limits = StreamLimits(queued_messages=4, send_s=10.0)
    async with server(limits) as (network, end):
        deaf = network.connect(STRANGER, SERVER, lockstep=True)
        for number in range(12):
            with suppress(trio.BrokenResourceError), trio.move_on_after(1):
                await deaf.send_all(OPTIONS % (number, number) + b"l: 0\r\n\r\n")
        other = network.connect(("127.0.0.8", 40_000), SERVER)
        await other.send_all(WHOLE)
        assert (await message_of(other)).startswith(b"SIP/2.0 200")
        await trio.sleep(30)
        assert end.live_streams == 1
        assert end.counters.snapshot()["sip_stream_closed"] == {"slow_reader": 1}


async def test_connections_are_limited_for_each_source_and_in_all(autojump_clock) -> None:
    async with server(StreamLimits(connections=3, per_source=2)) as (network, end):
        peers = [network.connect((host, 40_000), SERVER) for host in ("127.0.0.9",) * 3 + ("127.0.0.8",) * 2]
        await trio.sleep(1)
        assert end.live_streams == 3
        assert end.counters.snapshot()["sip_stream_refused"] == {"per_source": 1, "full": 1}
        assert await closed(peers[2]) == b""
        await peers[0].aclose()
        await trio.sleep(1)
        again = network.connect(STRANGER, SERVER)
        await again.send_all(WHOLE)
        assert (await message_of(again)).startswith(b"SIP/2.0 200")


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ECONNABORTED])
async def test_want_of_descriptors_passes(code: int, autojump_clock) -> None:
    async with server() as (network, _):
        network.listeners[SERVER].report(code)
        peer = network.connect(STRANGER, SERVER)
        await peer.send_all(WHOLE)
        assert (await message_of(peer)).startswith(b"SIP/2.0 200")


async def test_an_invite_repeated_and_then_closed_leaves_nothing(autojump_clock) -> None:
    invite = WHOLE.replace(b"OPTIONS", b"INVITE").replace(
        b"Content", b"Contact: <sip:x@127.0.0.9>\r\nContent"
    )
    async with server() as (network, end):
        peer = network.connect(STRANGER, SERVER)
        await peer.send_all(invite * 3)
        call = await end.incoming().receive()
        await peer.aclose()
        await trio.sleep(1)
        with pytest.raises(CallGone):
            await call.answer(ANSWER)
        await trio.sleep(300)
        left = end.statistics()
        assert (left.transactions, left.dialogs, left.calls, left.deadlines) == (0, 0, 0, 0)


async def test_who_has_opened_a_connection_pings_it_and_is_not_put_out_by_silence(autojump_clock) -> None:
    network = FakeStreamNetwork()
    listener = network.listen(SERVER)
    async with endpoint(network, CALLER) as caller:
        await caller.call(TARGET, destination=Hop(*SERVER, "TCP"), from_uri=ANNA, body=OFFER)
        peer, _ = await listener.accept()
        assert (await peer.receive_some()).endswith(OFFER)
        began = trio.current_time()
        pings = [await peer.receive_some() for _ in range(3)]
        assert pings == [b"\r\n\r\n"] * 3
        assert trio.current_time() - began == 3 * StreamLimits().pulse_s
        assert caller.live_streams == 1


async def test_a_peer_that_has_answered_pings_is_given_up_when_it_does_not(autojump_clock) -> None:
    network = FakeStreamNetwork()
    listener = network.listen(SERVER)
    async with endpoint(network, CALLER) as caller:
        await caller.call(TARGET, destination=Hop(*SERVER, "TCP"), from_uri=ANNA, body=OFFER)
        peer, _ = await listener.accept()
        await peer.send_all(b"\r\n")
        await trio.sleep(StreamLimits().pulse_s + StreamLimits().pong_s + 1)
        assert caller.counters.snapshot()["sip_stream_closed"] == {"no_pong": 1}


async def test_a_flow_is_kept_open_over_the_connection_that_is_there_and_none_is_dialled_for_it(
    autojump_clock,
) -> None:
    network = FakeStreamNetwork()
    listener = network.listen(SERVER)
    async with endpoint(network, CALLER) as caller:
        caller.keep_open(Hop(*SERVER, "TCP"))
        assert network.dialled == []
        await caller.call(TARGET, destination=Hop(*SERVER, "TCP"), from_uri=ANNA, body=OFFER)
        peer, _ = await listener.accept()
        assert (await peer.receive_some()).endswith(OFFER)
        caller.keep_open(Hop(*SERVER, "TCP"))
        assert await peer.receive_some() == b"\r\n\r\n"


async def test_what_is_too_large_for_a_datagram_goes_as_one_when_tcp_is_not_answered(autojump_clock) -> None:
    """A firewall that drops what it does not know: neither refused nor connected."""

    class Swallowed:
        async def __call__(self, to: tuple[str, int]) -> trio.abc.Stream:
            await trio.sleep_forever()
            raise AssertionError

    network, datagrams = FakeStreamNetwork(), FakeNetwork()
    streams = Streams([(TcpTransport(Swallowed(), Limits()), network.listen(CALLER))])
    core = UserAgent(CALLER, SeededTokens(1), streams=streams.locals())
    async with trio.open_nursery() as nursery:
        end = SipEndpoint(await datagrams.open(CALLER), core, TrioClock(), streams=streams)
        await nursery.start(end.run)
        began = trio.current_time()
        await end.call(TARGET, destination=SERVER, from_uri=ANNA, body=b"v=0" + b"x" * 2_000)
        await trio.sleep(StreamLimits().dial_tcp_s - 0.1)
        assert datagrams.wire == []
        await trio.sleep(0.2)
        assert [to for _, to, _ in datagrams.wire] == [SERVER]
        assert b"Via: SIP/2.0/UDP" in datagrams.wire[0][2]
        await end.call(TARGET, destination=SERVER, from_uri=ANNA, body=b"v=0" + b"x" * 2_000)
        assert trio.current_time() - began < StreamLimits().dial_tcp_s + 0.2  # known by now: at once
        assert len({data.split(b"Call-ID: ")[1].split()[0] for _, _, data in datagrams.wire}) == 2
        nursery.cancel_scope.cancel()
