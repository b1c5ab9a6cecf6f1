"""DTLS beside the sound: what the engine hands up, what it sends, and what it does before there are keys."""

from __future__ import annotations

import pytest
import trio

from mediasrv.errors import StreamClosed
from mediasrv.media import SrtpKeys, SrtpProfile, StreamSpec
from mediasrv_native.errors import WrongArgument
from mediasrv_native.rtp import Srtp
from tests.media.conftest import CALLER, Bench

KEYS = SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, bytes(28), bytes(range(28)))
RTP = bytes([0x80, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7]) + b"\xff" * 160
STRANGER = ("203.0.113.9", 6666)


def unkeyed(keying: str = "dtls") -> StreamSpec:
    return StreamSpec(remote=CALLER, aec=False, ns=False, vad=False, keying=keying)  # type: ignore[arg-type]


async def nothing_more(stream) -> bool:
    with trio.move_on_after(0) as waiting:
        await stream.next_datagram()
    return waiting.cancelled_caught


@pytest.mark.parametrize("first", [20, 22, 63])
async def test_dtls_is_told_by_its_first_byte_and_handed_up_with_its_source(bench: Bench, first: int) -> None:
    stream = await bench.add(unkeyed())
    data = bytes([first]) + b"abc"
    bench.engine.push(stream, data, STRANGER, bench.now_ns)
    await bench.run(20)
    assert await stream.next_datagram() == (data, STRANGER)
    assert bench.engine.statistics().datagrams == 1


@pytest.mark.parametrize("first", [0, 3, 19, 64, 127, 128, 191])
async def test_nothing_else_is(bench: Bench, first: int) -> None:
    stream = await bench.add(unkeyed())
    bench.engine.push(stream, bytes([first]) + b"\0" * 40, CALLER, bench.now_ns)
    bench.engine.push(stream, b"", CALLER, bench.now_ns)
    await bench.run(20)
    assert await nothing_more(stream)
    assert stream.statistics().packets_received == 2


async def test_a_stream_that_has_its_keys_otherwise_is_not_told_of_dtls(bench: Bench) -> None:
    stream = await bench.add(StreamSpec(remote=CALLER, srtp=KEYS))
    bench.engine.push(stream, b"\x16abc", CALLER, bench.now_ns)
    await bench.run(20)
    assert await nothing_more(stream)
    with pytest.raises(WrongArgument):
        stream.send_datagram(b"\x16abc", CALLER)


async def test_a_flood_is_cut_to_what_a_handshake_needs(bench: Bench) -> None:
    stream, quiet = await bench.add(unkeyed()), await bench.add(unkeyed())
    for _ in range(200):
        bench.engine.push(stream, b"\x16" * 100, STRANGER, bench.now_ns)
    bench.engine.push(quiet, b"\x16abc", CALLER, bench.now_ns)
    bench.engine.push(stream, b"\x16" * 1_501, STRANGER, bench.now_ns)
    await bench.run(20)
    counted = bench.engine.statistics()
    assert (counted.datagrams, counted.datagrams_dropped) == (9, 193)
    assert await quiet.next_datagram() == (b"\x16abc", CALLER)
    bench.engine.push(stream, b"\x16" * 100, STRANGER, bench.now_ns)
    await bench.run(40)
    assert bench.engine.statistics().datagrams == 10


async def test_what_nobody_reads_is_bounded(bench: Bench) -> None:
    stream = await bench.add(unkeyed())
    for number in range(40):
        bench.engine.push(stream, bytes([22, number]), CALLER, bench.now_ns)
        await bench.run(20)
    read = [(await stream.next_datagram())[0][1] for _ in range(16)]
    assert read == list(range(16))
    assert await nothing_more(stream)


async def test_a_datagram_leaves_from_the_streams_port_for_whom_it_is_meant(bench: Bench) -> None:
    stream = await bench.add(unkeyed())
    await bench.run(20)
    stream.send_datagram(b"\x16hello", STRANGER)
    (sent,) = bench.engine.packets()
    assert (sent.stream, sent.to, sent.data, sent.is_rtcp) == (stream, STRANGER, b"\x16hello", False)
    for bad in (b"", b"\x16" * 1_501):
        with pytest.raises(WrongArgument):
            stream.send_datagram(bad, STRANGER)
    await stream.aclose()
    with pytest.raises(StreamClosed):
        stream.send_datagram(b"\x16", STRANGER)
    with pytest.raises(StreamClosed):
        await stream.next_datagram()


@pytest.mark.parametrize("keying", ["later", "dtls"])
async def test_nothing_is_sent_or_heard_before_there_are_keys(bench: Bench, keying: str) -> None:
    stream = await bench.add(unkeyed(keying))
    bench.engine.push(stream, RTP, CALLER, bench.now_ns)
    await bench.run(200)
    assert bench.engine.packets() == []
    counted = stream.statistics()
    assert (counted.packets_sent, counted.reports_sent) == (0, 0)
    stream.set_keys(KEYS)
    theirs = Srtp(KEYS.profile.value, KEYS.receive, KEYS.send, 7)
    bench.engine.push(stream, theirs.protect(RTP), CALLER, bench.now_ns)
    await bench.run(200)
    sent = bench.engine.packets()
    assert len(sent) >= 9
    assert all(isinstance(theirs.unprotect(packet.data), bytes) for packet in sent)
    assert stream.statistics().srtp_forged == 0
