"""SRTP and RTCP as the rooms above ask for them."""

from __future__ import annotations

import pytest

from mediasrv.errors import StreamClosed
from mediasrv.media import SrtpKeys, SrtpProfile, StreamSpec
from mediasrv_native.rtp import Srtp
from tests.media.conftest import CALLER, Bench

PROFILE = SrtpProfile.AEAD_AES_256_GCM
FIRST = SrtpKeys(PROFILE, bytes(44), bytes(range(44)))
SECOND = SrtpKeys(SrtpProfile.AES_CM_128_HMAC_SHA1_80, bytes(range(30)), bytes(30))


def opened(keys: SrtpKeys, data: bytes) -> bool:
    caller = Srtp(keys.profile.value, keys.receive, keys.send, 1)
    return isinstance(caller.unprotect(data), bytes)


async def test_what_a_protected_stream_sends_opens_with_its_keys_and_then_with_the_new_ones(
    bench: Bench,
) -> None:
    stream = await bench.add(StreamSpec(remote=CALLER, srtp=FIRST))
    await bench.run(100)
    assert all(opened(FIRST, packet.data) for packet in bench.engine.packets())
    stream.set_keys(SECOND)
    await bench.run(100)
    sent = bench.engine.packets()
    assert len(sent) == 5
    assert all(opened(SECOND, packet.data) for packet in sent)
    await stream.aclose()
    with pytest.raises(StreamClosed):
        stream.set_keys(FIRST)


async def test_reports_leave_by_the_socket_that_was_agreed_on(bench: Bench) -> None:
    silent = await bench.add(StreamSpec(remote=CALLER))
    muxed = await bench.add(StreamSpec(remote=CALLER, rtcp="mux"))
    apart = await bench.add(StreamSpec(remote=CALLER, rtcp="port"))
    reports = []
    for _ in range(10):  # the outbox does not hold ten seconds of three streams
        await bench.run(1_000)
        reports += [packet for packet in bench.engine.packets() if packet.is_rtcp]
    host, port = CALLER
    assert {(packet.stream, packet.to) for packet in reports} == {(muxed, CALLER), (apart, (host, port + 1))}
    assert silent.statistics().reports_sent == 0
    assert muxed.statistics().reports_sent >= 1


def test_keys_are_shown_nowhere_and_are_of_the_right_length() -> None:
    assert "\\x00" not in repr(FIRST)
    assert "b'" not in repr(StreamSpec(srtp=FIRST))
    with pytest.raises(ValueError, match="44 octets"):
        SrtpKeys(PROFILE, bytes(30), bytes(44))
