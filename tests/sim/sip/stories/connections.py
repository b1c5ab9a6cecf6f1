"""Calls over TCP and TLS, and what becomes of them when a connection does not live as long as they do."""

from __future__ import annotations

import trio

from tests.sim.sip.house import SERVER, TLS_PORT, House
from tests.sim.sip.phone import Phone
from tests.sim.sip.repeating import PATIENCE_S
from tests.sim.sip.stories.beginnings import answered, recorded
from tests.sim.sip.stories.changes import changed_in_the_end, hung_up
from tests.sim.sip.story import STEADY, story
from tests.sim.sip.talk import Talk
from tests.sim.sip.wires import TcpWire

STRANGER = ("127.0.0.77", 50_077)
HANDSHAKE_S, MESSAGE_S = 5.0, 10.0


async def over_tcp(house: House) -> tuple[Phone, TcpWire, Talk]:
    anna = house.phone(tcp=True)
    assert isinstance(anna.wire, TcpWire)
    call = anna.dial()
    await answered(house, anna, call)
    return anna, anna.wire, call


@story(STEADY)
async def a_call_over_one_connection(house: House) -> None:
    _, _, call = await over_tcp(house)
    await changed_in_the_end(house, call)
    await hung_up(house, call)


@story(STEADY, calls__max_length_s="4")
async def a_call_over_one_connection_is_hung_up_by_us(house: House) -> None:
    _, _, call = await over_tcp(house)
    await house.until(lambda: call.ended, "our BYE over the same connection", 5.0)
    await recorded(house, "max_length")


@story(STEADY)
async def the_connection_is_lost_and_another_one_takes_its_place(house: House) -> None:
    _, wire, call = await over_tcp(house)
    wire.unplug()
    await trio.sleep(house.moment_s(2.0))
    wire.reconnect()
    await changed_in_the_end(house, call)
    await hung_up(house, call)


@story(STEADY, calls__max_length_s="6")
async def we_hang_up_over_the_connection_that_took_the_place_of_the_first(house: House) -> None:
    _, wire, call = await over_tcp(house)
    wire.unplug()
    await trio.sleep(0.5)
    wire.reconnect()
    await changed_in_the_end(house, call)
    await house.until(lambda: call.ended, "our BYE", 8.0)


@story(STEADY, calls__max_length_s="3")
async def the_connection_is_lost_for_good(house: House) -> None:
    """Nobody listens where the telephone said it could be reached: our BYE fails at once."""
    _, wire, _ = await over_tcp(house)
    wire.unplug()
    await recorded(house, "max_length", within_s=4.0)
    await house.until(lambda: not house.core.dialogs, "and nothing waits for an answer", 1.0)


@story(STEADY, media__media_timeout_ms="4000")
async def the_connection_is_reset_between_invite_and_200(house: House) -> None:
    anna = house.phone(tcp=True)
    anna.dial()
    await trio.sleep(house.moment_s(0.06))
    anna.wire.unplug()
    await house.until(lambda: not house.live, "the call is over", PATIENCE_S + 2)
    await house.until(lambda: not house.endpoint.live_streams, "and so is the connection", 1.0)


@story(STEADY)
async def a_tls_handshake_that_never_ends(house: House) -> None:
    hello = bytes([22, 3, 1, 0, 200, 1, 0, 0])  # a ClientHello that breaks off
    streams = [house.streams.connect(STRANGER, (SERVER[0], TLS_PORT)) for _ in range(8)]
    for stream in streams:
        await stream.send_all(hello[: house.draws.randrange(len(hello))] or b"\x16")
    await house.until(lambda: house.endpoint.live_streams == 8, "eight wait", 1.0)
    await house.until(lambda: not house.endpoint.live_streams, "all are closed", HANDSHAKE_S + 0.5)
    _, _, call = await over_tcp(house)
    await hung_up(house, call)


@story(STEADY)
async def a_message_that_never_ends(house: House) -> None:
    stream = house.streams.connect(STRANGER, SERVER)
    await stream.send_all(b"INVITE sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP ")
    await house.until(lambda: house.endpoint.live_streams == 1, "it is let in", 1.0)
    await house.until(lambda: not house.endpoint.live_streams, "it is closed", MESSAGE_S + 0.5)
