"""Protected calls as their callers meet them, in virtual time: keys in the descriptions, or by DTLS beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
import trio

from mediasrv.endpoints import CallGone, SipCall
from mediasrv.media import SrtpProfile, Stream
from mediasrv.media.dtls import Certificate, Handshake, TheirFingerprint
from mediasrv.sdp import (
    SUITES,
    Crypto,
    Dtls,
    Fingerprint,
    LocalSecurity,
    Sdes,
    accept,
    answer,
    offer,
    parse,
)  # fmt: skip
from mediasrv.sdp.fingerprint import fingerprints_of, setup_of
from mediasrv.sip import Rejected
from mediasrv_native.rtp import Srtp
from tests.server.house import Caller, House, running
from tests.server.test_server import nothing_is_left

REQUIRED = {"MEDIASRV_MEDIA__SECURITY": "required"}
OFF = {"MEDIASRV_MEDIA__SECURITY": "off"}
THEIRS = Certificate()
CALLER, ELSEWHERE = ("127.0.0.1", 5071), ("127.0.0.1", 6071)


def wish(policy: str = "required", seed: int = 0, **more) -> LocalSecurity:
    cryptos = tuple(
        Crypto(tag, suite, bytes((seed + tag + k) % 256 for k in range(SUITES[suite])))
        for tag, suite in enumerate(SUITES, 1)
    )
    return replace(LocalSecurity(policy, cryptos), **more)  # type: ignore[arg-type]


DTLS = LocalSecurity("required", (), Fingerprint("sha-256", THEIRS.sha256))


def now_ns() -> int:
    return round(trio.current_time() * 1e9)


@dataclass
class Phone:
    """The caller's end of the sound."""

    house: House
    srtp: Srtp
    source: tuple[str, int] = CALLER
    sequence: int = 100
    sent: list[bytes] = field(default_factory=list)

    @property
    def stream(self) -> Stream:
        (stream,) = self.house.engine.streams()
        assert isinstance(stream, Stream)
        return stream

    async def say(self, packets: int = 10, *, srtp: Srtp | None = None) -> None:
        for _ in range(packets):
            self.sequence += 1
            header = (
                bytes([0x80, 0]) + self.sequence.to_bytes(2, "big") + (160 * self.sequence).to_bytes(4, "big")
            )
            self.push((srtp or self.srtp).protect(header + b"\0\0\0\7" + b"\xff" * 160))
            await trio.sleep(0.02)

    def push(self, packet: bytes) -> None:
        self.sent.append(packet)
        self.house.engine.push(self.stream, packet, self.source, now_ns())

    def heard(self, port: int = CALLER[1]) -> Iterator[bool]:
        """Of each packet that came there: whether it opens with our key."""
        packets = [each for each in self.house.sent if each.to[1] == port and not each.is_rtcp]
        self.house.sent.clear()
        for packet in packets:
            if packet.data[0] >= 128 and not 64 <= packet.data[1] & 127 < 96:
                yield isinstance(self.srtp.unprotect(packet.data), bytes)


def phone(house: House, by: object) -> Phone:
    assert isinstance(by, Sdes)
    return Phone(house, Srtp(SrtpProfile[by.suite].value, by.send, by.receive, 7))


async def protected(
    house: House, caller: Caller, security: LocalSecurity | None = None
) -> tuple[SipCall, Phone]:
    caller.media = replace(caller.media, security=security or wish())
    made = offer(caller.media)
    call = await caller.call(body=made.build())
    agreed = accept(made, parse(await call.wait_answered()))
    return call, phone(house, agreed.security)


async def refused(caller: Caller, security: LocalSecurity) -> int:
    call = await caller.call(body=offer(replace(caller.media, security=security)).build())
    with pytest.raises(CallGone) as gone:
        await call.wait_answered()
    assert isinstance(gone.value.end, Rejected)
    return gone.value.end.status


# ---- SDES ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("policy", ["offered", "required"])
@pytest.mark.parametrize("suite", SUITES)
async def test_both_sides_hear_each_other_by_every_suite(autojump_clock, policy: str, suite: str) -> None:
    ours = wish(policy)
    only = replace(ours, cryptos=tuple(each for each in ours.cryptos if each.suite == suite))
    async with running() as house, house.caller() as caller:
        call, us = await protected(house, caller, only)
        await us.say(25)
        heard = list(us.heard())
        assert len(heard) > 20
        assert all(heard)
        counted = us.stream.statistics()
        assert (counted.srtp_forged, counted.srtp_replayed, counted.malformed) == (0, 0, 0)
        await call.bye()
        await nothing_is_left(house)


async def test_a_call_that_must_be_protected_and_is_not_is_refused(autojump_clock) -> None:
    async with running(REQUIRED) as house, house.caller() as caller:
        assert await refused(caller, LocalSecurity()) == 488
        await nothing_is_left(house)


async def test_a_call_that_must_not_be_protected_and_is_is_refused(autojump_clock) -> None:
    async with running(OFF) as house, house.caller() as caller:
        assert await refused(caller, wish()) == 488
        assert await refused(caller, DTLS) == 488
        await nothing_is_left(house)


async def test_a_late_offer_asks_for_protection_and_nothing_flows_before_the_keys(autojump_clock) -> None:
    async with running(REQUIRED) as house, house.caller() as caller:
        call = await caller.call(body=b"")
        offered = parse(await call.wait_answered())
        assert offered.media[0].protocol == "RTP/SAVP"
        await trio.sleep(0.2)
        assert house.sent == []
        agreed = answer(offered, replace(caller.media, security=wish()))
        us = phone(house, agreed.security)
        await call.acknowledge(agreed.description.build())
        await trio.sleep(0.5)
        heard = list(us.heard())
        assert len(heard) > 20
        assert all(heard)
        await call.bye()
        await nothing_is_left(house)


async def test_new_keys_in_a_reinvite_are_heard_and_answered(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call, us = await protected(house, caller)
        await us.say()
        house.sent.clear()
        caller.media = replace(caller.media, security=wish(seed=50))
        await caller.reinvite(call)
        await trio.sleep(0.1)
        house.sent.clear()
        key = caller.media.security.cryptos[0].keying
        answered = us.stream.spec.srtp
        assert answered is not None
        fresh = Srtp(answered.profile.value, key, answered.send, 7)
        fresh.continue_from(us.srtp)
        us.srtp = fresh
        forged = us.stream.statistics().srtp_forged
        await us.say(25)
        assert all(us.heard())
        assert us.stream.statistics().srtp_forged == forged
        await call.bye()
        await nothing_is_left(house)


async def test_a_reinvite_that_would_take_the_protection_off_is_refused_and_nothing_changes(
    autojump_clock,
) -> None:
    async with running() as house, house.caller() as caller:
        call, us = await protected(house, caller)
        await us.say()
        caller.media = replace(caller.media, security=LocalSecurity())
        await caller.reinvite(call)
        await trio.sleep(0.1)
        house.sent.clear()
        await us.say()
        assert all(us.heard())
        await call.bye()
        await nothing_is_left(house)


# ---- strangers and faults -----------------------------------------------------------------------------------------
async def test_only_who_has_the_keys_moves_the_sound(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call, us = await protected(house, caller)
        stranger = replace(
            us, source=ELSEWHERE, srtp=Srtp(SrtpProfile.AEAD_AES_256_GCM.value, bytes(44), bytes(44), 7)
        )
        await stranger.say(5)
        house.sent.clear()
        await trio.sleep(0.2)
        assert house.packets_to(ELSEWHERE[1]) == 0
        assert us.stream.statistics().srtp_forged == 5
        us.source = ELSEWHERE  # a NAT's doing
        await us.say(5)
        house.sent.clear()
        await trio.sleep(0.2)
        heard = list(us.heard(ELSEWHERE[1]))
        assert len(heard) >= 9
        assert all(heard)
        await call.bye()
        await nothing_is_left(house)


async def test_forged_and_repeated_packets_are_counted_and_the_call_goes_on(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call, us = await protected(house, caller)
        await us.say(10)
        for packet in list(us.sent):
            us.push(packet)
            us.push(packet[:3] + bytes([packet[3] + 50]) + packet[4:])  # one that was not heard yet
            us.push(packet[:20])
        await us.say(10)
        counted = us.stream.statistics()
        assert (counted.srtp_replayed, counted.srtp_forged + counted.malformed) == (10, 20)
        assert all(us.heard())
        assert call.end is None
        await call.bye()
        await nothing_is_left(house)


async def test_a_wrong_key_is_silence_and_silence_ends_the_call(autojump_clock) -> None:
    async with running({"MEDIASRV_MEDIA__MEDIA_TIMEOUT_MS": "5000"}) as house, house.caller() as caller:
        call, us = await protected(house, caller)
        wrong = Srtp(SrtpProfile.AEAD_AES_256_GCM.value, bytes(44), bytes(44), 7)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: us.say(10_000, srtp=wrong))
            with trio.fail_after(10):
                await call.wait_ended()
            nursery.cancel_scope.cancel()
        assert [record["ending"] for record in house.call_records()] == ["media_timeout"]


# ---- DTLS ---------------------------------------------------------------------------------------------------------
def settled(answered: bytes) -> Dtls:
    session = parse(answered)
    (media,) = session.media
    assert media.protocol == "UDP/TLS/RTP/SAVP"
    return Dtls(setup_of(session, media) == "passive", fingerprints_of(session, media))


async def shaken(
    house: House, by: Dtls, *, lose: int = 0, certificate: Certificate = THEIRS, silent: bool = True
) -> Handshake:
    """The caller's side of a handshake.

    `lose`: how many of its datagrams the network keeps; `silent`: whether there must be no sound meanwhile.
    """
    theirs = [TheirFingerprint(each.hash, each.digest) for each in by.fingerprints]
    (stream,) = house.engine.streams()
    ours = Handshake(
        certificate, is_client=by.is_client, fingerprints=theirs, remote=stream.local, now=trio.current_time()
    )
    while ours.keys is None:
        for data, _ in ours.datagrams_to_send():
            lose -= 1
            if lose < 0:
                house.engine.push(stream, data, CALLER, now_ns())
        await trio.sleep(0.02)
        arrived, house.sent[:] = list(house.sent), []
        for packet in arrived:
            is_dtls = 20 <= packet.data[0] <= 63
            assert is_dtls or not silent or ours.keys is not None, packet.data.hex()
            if is_dtls:
                ours.receive(packet.data, stream.local, trio.current_time())
        ours.handle_deadline(trio.current_time())
    for data, _ in ours.datagrams_to_send():
        house.engine.push(stream, data, CALLER, now_ns())
    return ours


@pytest.mark.parametrize(("setup", "lose"), [("actpass", 0), ("passive", 0), ("actpass", 1), ("active", 2)])
async def test_keys_come_by_a_handshake_and_sound_only_then(autojump_clock, setup, lose: int) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.call(
            body=offer(replace(caller.media, security=replace(DTLS, setup=setup))).build()
        )
        ours = await shaken(house, settled(await call.wait_answered()), lose=lose)
        await trio.sleep(0.1)
        assert ours.keys is not None
        us = Phone(house, Srtp(ours.keys.profile.value, ours.keys.send, ours.keys.receive, 7))
        await us.say(25)
        heard = list(us.heard())
        assert len(heard) > 20
        assert all(heard)
        assert us.stream.statistics().srtp_forged == 0
        await us.say(300)
        assert not any(packet.is_rtcp for packet in house.sent), "a port of its own would need its own keys"
        await call.bye()
        await nothing_is_left(house)


async def test_another_certificate_in_a_reinvite_is_another_handshake(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        caller.media = replace(caller.media, security=DTLS)
        call = await caller.answered()
        (media,) = offer(caller.media).media
        assert media.protocol == "UDP/TLS/RTP/SAVP"
        by = settled(await call.wait_answered())
        first = await shaken(house, by)
        await trio.sleep(0.1)
        other = Certificate()
        caller.media = replace(
            caller.media, security=replace(DTLS, fingerprint=Fingerprint("sha-256", other.sha256))
        )
        await caller.reinvite(call)
        await trio.sleep(0.1)
        again = await shaken(house, by, certificate=other, silent=False)
        await trio.sleep(0.1)
        assert again.keys is not None
        assert again.keys != first.keys
        us = Phone(house, Srtp(again.keys.profile.value, again.keys.send, again.keys.receive, 7))
        house.sent.clear()
        await us.say(10)
        assert all(us.heard())
        assert us.stream.statistics().srtp_forged == 0
        await call.bye()
        await nothing_is_left(house)


async def test_a_caller_who_shows_another_certificate_is_hung_up_on(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        named = replace(DTLS, fingerprint=Fingerprint("sha-256", bytes(32)))
        call = await caller.call(body=offer(replace(caller.media, security=named)).build())
        by = settled(await call.wait_answered())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shaken, house, by)
            with trio.fail_after(5):
                await call.wait_ended()
            nursery.cancel_scope.cancel()
        await nothing_is_left(house)
        assert [record["ending"] for record in house.call_records()] == ["fault"]


async def test_a_caller_who_never_shakes_hands_is_hung_up_on(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.call(body=offer(replace(caller.media, security=DTLS)).build())
        await call.wait_answered()
        with trio.fail_after(31):
            await call.wait_ended()
        assert house.sent == []
        await nothing_is_left(house)
