"""Sound and reports from who has no business in a call: they are not heard, and move nothing."""

from __future__ import annotations

import random

import pytest
import trio

from mediasrv.endpoints import SipCall
from mediasrv.media.engine import Stream
from tests.server.house import Caller, House, running

PHONE = ("127.0.0.1", 5071)
FRAME = bytes([0xFF]) * 160


def stream_of(house: House) -> Stream:
    (stream,) = house.engine.streams()
    assert isinstance(stream, Stream)
    return stream


def rtp(sequence: int, ssrc: int, payload: bytes = FRAME, payload_type: int = 0) -> bytes:
    return (
        bytes([0x80, payload_type])
        + (sequence % 65_536).to_bytes(2, "big")
        + (160 * sequence % 2**32).to_bytes(4, "big")
        + ssrc.to_bytes(4, "big")
        + payload
    )


async def talking(house: House, caller: Caller) -> tuple[SipCall, Stream]:
    """A call whose caller has been heard for a moment: his source is known."""
    call = await caller.answered()
    stream = stream_of(house)
    for sequence in range(10):
        house.engine.push(stream, rtp(sequence, 7), PHONE, now_ns())
        await trio.sleep(0.02)
    house.sent.clear()
    return call, stream


def now_ns() -> int:
    return round(trio.current_time() * 1e9)


async def test_sprayed_rtp_moves_nobody_s_sound_and_is_not_heard(autojump_clock) -> None:
    chance = random.Random(1)
    async with running() as house, house.caller() as caller:
        call, stream = await talking(house, caller)
        for round_ in range(50):
            house.engine.push(stream, rtp(10 + round_, 7), PHONE, now_ns())
            for _ in range(20):
                source = (f"198.51.100.{chance.randrange(256)}", chance.randrange(1_024, 65_536))
                packet = rtp(chance.randrange(65_536), chance.randrange(2**32))
                house.engine.push(stream, packet, source, now_ns())
            await trio.sleep(0.02)
        await trio.sleep(0.1)
        assert {packet.to for packet in house.sent} == {PHONE}
        counted = stream.statistics()
        assert counted.foreign == 1_000
        assert counted.packets_received - counted.foreign == 60
        await call.bye()


@pytest.mark.parametrize("ssrc", [7, 8])
async def test_rtp_injected_with_the_caller_s_own_address_does_not_send_the_sound_elsewhere(
    autojump_clock, ssrc: int
) -> None:
    """Without SRTP a forged source cannot be told from the caller; but what it says moves nothing."""
    async with running() as house, house.caller() as caller:
        call, stream = await talking(house, caller)
        for number in range(200):
            house.engine.push(stream, rtp(30_000 + 997 * number, ssrc), PHONE, now_ns())
            await trio.sleep(0.005)
        assert {packet.to for packet in house.sent} == {PHONE}
        for sequence in range(10, 60):
            house.engine.push(stream, rtp(sequence, 7), PHONE, now_ns())
            await trio.sleep(0.02)
        assert call.end is None
        await call.bye()


async def test_a_caller_whose_nat_takes_another_port_is_found_again_and_whoever_guesses_is_not(
    autojump_clock,
) -> None:
    moved, guesser = ("127.0.0.1", 6_071), ("198.51.100.9", 40_000)
    async with running() as house, house.caller() as caller:
        call, stream = await talking(house, caller)
        for sequence in range(10, 100):  # nothing comes from where he was
            house.engine.push(stream, rtp(sequence, 7), moved, now_ns())
            house.engine.push(stream, rtp(sequence + 997, 7), guesser, now_ns())
            house.engine.push(stream, rtp(sequence, 8), guesser, now_ns())
            await trio.sleep(0.02)
        house.sent.clear()
        await trio.sleep(0.5)
        assert {packet.to for packet in house.sent if not packet.is_rtcp} == {moved}
        assert stream.statistics().foreign >= 2 * 90
        await call.bye()


MALFORMED_RTCP = {
    "a header alone": b"\x80\xc8\x00\x00",
    "a length beyond the datagram": b"\x80\xc8\xff\xff" + bytes(24),
    "a sender report that is cut": b"\x80\xc8\x00\x06" + bytes(10),
    "more blocks than it has room for": b"\x9f\xc9\x00\x01" + bytes(4),
    "another version": b"\x00\xc8\x00\x06" + bytes(24),
    "padding longer than it all": b"\xa0\xc9\x00\x01" + b"\0\0\0\xff",
    "a description that never ends": b"\x81\xca\x00\x02" + bytes(4) + b"\x01\xff\xff\xff",
    "a goodbye of nobody": b"\x80\xcb\x00\x00",
    "a goodbye of thirty-one strangers": b"\x9f\xcb\x00\x1f" + bytes(range(124)),
    "an application's own": b"\x80\xcc\x00\x02" + bytes(8),
}


@pytest.mark.parametrize("name", MALFORMED_RTCP)
async def test_malformed_rtcp_neither_ends_a_call_nor_moves_its_sound(autojump_clock, name: str) -> None:
    async with running() as house, house.caller() as caller:
        call, stream = await talking(house, caller)
        for number in range(20):
            for source in (PHONE, ("198.51.100.9", 40_000)):
                house.engine.push(stream, MALFORMED_RTCP[name], source, now_ns())
                house.engine.push(stream, MALFORMED_RTCP[name] * 40, source, now_ns())
            house.engine.push(stream, rtp(10 + number, 7), PHONE, now_ns())
            await trio.sleep(0.02)
        assert {packet.to for packet in house.sent if not packet.is_rtcp} == {PHONE}
        assert stream.statistics().packets_received >= 30
        assert call.end is None
        await call.bye()
