"""What passed on the wire stands in the call's timeline, and whole in its capture."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import cast

import trio

from mediasrv.endpoints import SipCall
from mediasrv.endpoints.traffic import Seen, Traffic
from mediasrv.ids import CallId, TenantId
from mediasrv.media import CapturedPacket, StreamFace
from mediasrv.server.tracing import ByteSink, Capture, Trace
from mediasrv.telemetry import MemorySink, Timeline, pcap
from mediasrv.telemetry.secret_while import AFTER_NS, BEFORE_NS
from tests.fakes.clock import TrioClock
from tests.server.house import House, running

CALLER_RTP = 5071
WAITS_S = BEFORE_NS / 1e9 + 0.01


def messages(house: House) -> list[tuple[bool, str]]:
    return [
        (bool(record["sent"]), str(record["line"]).replace("SIP/2.0", "").split()[0])
        for _, kind, record in house.sink.records
        if kind == "timeline" and record["event"] == "sip"
    ]


async def test_every_message_of_a_call_stands_in_its_timeline_the_last_one_too(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.answered()
        await call.bye()
        await trio.sleep(1)
        expected = [
            (False, "INVITE"),
            (True, "100"),
            (True, "200"),
            (False, "ACK"),
            (False, "BYE"),
            (True, "200"),
        ]
        assert messages(house) == expected


async def test_messages_stand_where_they_came_in_time(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.answered()
        await trio.sleep(3)
        await call.bye()
        await trio.sleep(1)
        times = [float(str(r["ms"])) for _, kind, r in house.sink.records if kind == "timeline"]
        assert times[0] == 0
        assert times == sorted(times)
        assert 3_000 <= times[-1] < 3_100


async def test_a_call_with_an_offer_of_no_use_is_recorded_with_its_messages_and_why(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.call(body=b"v=0\r\nrubbish")
        await call.wait_ended()
        await trio.sleep(1)
        assert [name for _, name in messages(house)] == ["INVITE", "100", "400", "ACK"]
        (record,) = house.call_records()
        assert record["ending"] == "refused"
        assert record["error"]


async def test_strangers_leave_no_trace(autojump_clock) -> None:
    async with running() as house, house.caller(("192.0.2.9", 5070)) as stranger:
        call = await stranger.call()
        await call.wait_ended()
        await trio.sleep(40)
        assert house.sink.records == []


def payloads(capture: bytes) -> list[tuple[int, int, bytes]]:
    """Source port, destination port and content of each datagram."""
    found, at = [], len(pcap.header())
    while at < len(capture):
        length = struct.unpack_from("<I", capture, at + 8)[0]
        packet = capture[at + 16 : at + 16 + length]
        found.append((*struct.unpack("!HH", packet[20:24]), packet[28:]))
        at += 16 + length
    return found


async def test_a_capture_has_the_messages_and_the_packets_both_ways(autojump_clock, monkeypatch) -> None:
    pieces: list[bytes] = []

    def captures(*_: object) -> ByteSink:
        return lambda call, piece: pieces.append(piece) is None

    monkeypatch.setattr("mediasrv.server.server.Server._captures", captures)
    async with running({"MEDIASRV_CALLS__CAPTURE": "true"}) as house, house.caller() as caller:
        call = await caller.answered()
        (stream,) = house.engine.streams()
        sent = b"\x80\x00" + bytes(10) + b"\xff" * 160
        house.engine.push(stream, sent, ("127.0.0.1", CALLER_RTP), round(trio.current_time() * 1e9))
        await trio.sleep(0.5)
        await call.bye()
        await trio.sleep(1)
        capture = b"".join(pieces)
    assert capture.startswith(pcap.header())
    found = payloads(capture)
    heard = [data for source, _, data in found if source == CALLER_RTP]
    assert heard == [sent]
    said = [data for _, to, data in found if to == CALLER_RTP]
    assert 20 <= len(said) <= 26
    assert all(data[0] == 0x80 for data in said)
    assert [data.split()[0] for source, _, data in found if source == 5070] == [b"INVITE", b"ACK", b"BYE"]


async def test_a_capture_whose_beginning_was_dropped_begins_with_the_next_piece(autojump_clock) -> None:

    room = iter([False, True, True])
    taken: list[bytes] = []

    def into(_: CallId, piece: bytes) -> bool:
        if next(room):
            taken.append(piece)
            return True
        return False

    clock = TrioClock()
    capture = Capture(CallId("c"), clock, into, ("127.0.0.1", 5060))
    for _ in range(3):
        capture.take([Seen(clock.now_ns(), True, ("127.0.0.1", 5070), b"x")], None)
        await trio.sleep(WAITS_S)
    capture.take([], None)
    assert [piece.startswith(pcap.header()) for piece in taken] == [True, False]


class _Stream:
    """Hands over what it is told to, as an engine that collects does."""

    def __init__(self) -> None:
        self.hand_over: Callable[[Sequence[CapturedPacket]], None] = lambda packets: None

    def capture(self, into: Callable[[Sequence[CapturedPacket]], None]) -> None:
        self.hand_over = into


class _Traced:
    """A call whose capture is made of what passes here, and of nothing else."""

    def __init__(self) -> None:
        self.clock, self.pieces = TrioClock(), list[bytes]()
        self.timeline = Timeline(MemorySink(), self.clock, CallId("c"), TenantId("t"))
        local = ("127.0.0.1", 5060)
        capture = Capture(CallId("c"), self.clock, lambda _, piece: self.pieces.append(piece) is None, local)
        self.timeline.follow(capture.heard_record)
        self.trace = Trace(CallId("c"), self.timeline, capture)
        self.stream, self.traffic = _Stream(), Traffic()
        self.trace.packets(cast("StreamFace", self.stream))
        self.trace.messages(cast("SipCall", SimpleNamespace(traffic=self.traffic)))

    def packet(self, data: bytes) -> CapturedPacket:
        local, peer = ("127.0.0.1", 4000), ("127.0.0.1", CALLER_RTP)
        return CapturedPacket(self.clock.now_ns(), local, peer, False, data)

    def passes(self, data: bytes) -> None:
        self.stream.hand_over([self.packet(data)])

    def says(self, message: bytes) -> None:
        self.traffic.take(Seen(self.clock.now_ns(), False, ("127.0.0.1", 5070), message))

    def written(self) -> list[bytes]:
        """When the call is over."""
        self.timeline.record("call", {})
        return [data for _, _, data in payloads(b"".join(self.pieces))]


def key_packet(digit: int, stamp: int) -> bytes:
    return b"\x80\x65\x00\x00" + stamp.to_bytes(4, "big") + b"\x00\x00\x00\x07" + bytes([digit, 10, 0, 160])


async def test_what_passed_while_it_was_secret_is_left_out_however_late_it_is_collected(
    autojump_clock,
) -> None:
    call = _Traced()
    call.passes(b"before")
    await trio.sleep(WAITS_S)
    call.timeline.secret = True
    await trio.sleep(1)
    hidden = call.packet(b"4111")
    call.timeline.secret = False
    await trio.sleep(AFTER_NS / 1e9 + 0.01)
    call.stream.hand_over([hidden, call.packet(b"after")])
    assert call.written() == [b"before", b"after"]


async def test_a_key_that_is_pressed_when_it_becomes_secret_or_ceases_to_be_is_left_out_whole(
    autojump_clock,
) -> None:
    call = _Traced()
    call.passes(key_packet(4, 800))
    await trio.sleep(0.2)
    call.timeline.secret = True
    call.passes(key_packet(4, 800))
    await trio.sleep(1)
    call.passes(key_packet(9, 9_000))
    call.timeline.secret = False
    for _ in range(3):
        await trio.sleep(0.4)
        call.passes(key_packet(9, 9_000))
    call.passes(key_packet(7, 20_000))
    assert call.written() == [key_packet(7, 20_000)]


async def test_a_secret_key_in_info_is_left_out_also_when_it_came_before_and_is_sent_once_more(
    autojump_clock,
) -> None:
    call = _Traced()
    early, within, later = (
        b"INFO sip:a SIP/2.0\r\nCSeq: %d INFO\r\n\r\nSignal=%d" % (n, n) for n in (4, 8, 2)
    )
    call.says(early)
    await trio.sleep(0.1)
    call.timeline.secret = True
    await trio.sleep(1)
    call.says(within)
    call.timeline.secret = False
    await trio.sleep(2)
    for message in (within, later, b"BYE sip:a SIP/2.0\r\n\r\n"):
        call.says(message)
    assert [data.split()[0] for data in call.written()] == [b"INFO", b"BYE"]
    assert later in call.written()
