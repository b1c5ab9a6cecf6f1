"""A stream under SRTP and with RTCP: the test is the caller and holds the other keys."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Unpack

import pytest

from mediasrv_native import rtp as native
from mediasrv_native.errors import NativeError
from mediasrv_native.kernels import g711_decode_u
from mediasrv_native.rtp import RtcpReporter, Srtp
from mediasrv_native.settings import RTCP_MUX, RTCP_OFF, RTCP_PORT
from tests.native.line import (
    CALLER,
    FRAME,
    FRAME_NS,
    LOCKED,
    MS,
    STRANGER,
    Address,
    noise,
    on_the_wire,
    samples_of,
)
from tests.native.line import Line as PlainLine
from tests.reference import rtp
from tests.reference.rtp import RtpPacket
from tests.reference.srtp import CM_80, GCM_128, GCM_256, PROFILES, Profile, Reference

if TYPE_CHECKING:  # a shape for the type checker; at run time it is a dict
    from mediasrv_native.settings import Settings

OURS, CALLERS = 0x1234, 0x5EED
MOVED: Address = ("192.0.2.7", 40_002)
OP_KEYS = 10

every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda p: str(p.number))
Keys = tuple[int, bytes, bytes]


def keys_of(profile: Profile, seed: int = 1) -> Keys:
    """As our side has them: to send by, to receive by."""
    chance = random.Random(seed)
    return profile.number, chance.randbytes(profile.keying), chance.randbytes(profile.keying)


class Caller:
    """The other end: its own stream and keys; everything it opens is kept."""

    def __init__(self, keys: Keys | None = None, **settings: Unpack[Settings]) -> None:
        defaults: Settings = {
            "srtp": keys,
            "remote": CALLER,
            "ssrc": OURS,
            "reorder_ms": 0,
            "playout_ms": 1_000,
            "ears_ms": 2_000,
        }
        self.line = PlainLine(**(defaults | settings))
        self.core = self.line.core
        self.srtp = None if keys is None else self.turned(keys)
        self.heard: list[RtpPacket] = []
        self.reports: list[tuple[Address, bytes]] = []
        self.refused: list[int] = []
        self.now_ns = 1_000 * MS

    @staticmethod
    def turned(keys: Keys, ssrc: int = CALLERS) -> Srtp:
        profile, send, receive = keys
        return Srtp(profile, receive, send, ssrc)

    def packet(self, k: int, ssrc: int = CALLERS) -> bytes:
        return RtpPacket(bytes([0xFF - k % 100] * FRAME), k % 65_536, k * FRAME % 2**32, ssrc).encode()

    def give(self, data: bytes, source: Address = CALLER) -> None:
        self.core.receive(data, source, self.now_ns)

    def say(self, k: int, source: Address = CALLER) -> bytes:
        data = self.packet(k) if self.srtp is None else self.srtp.protect(self.packet(k))
        self.give(data, source)
        return data

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            self.now_ns += FRAME_NS
            for channel, to, data in self.core.tick_channels(self.now_ns):
                self.open(channel, to, data)

    def open(self, channel: int, to: Address, data: bytes) -> None:
        plain: bytes | int = data
        if self.srtp is not None:
            plain = self.srtp.unprotect_rtcp(data) if channel == 1 else self.srtp.unprotect(data)
        if isinstance(plain, int):
            self.refused.append(plain)
        elif channel == 1:
            self.reports.append((to, plain))
        else:
            packet = rtp.parse(plain)
            assert packet is not None
            self.heard.append(packet)

    def count(self, name: str) -> float:
        return self.core.statistics()[name]

    def ears(self) -> int:
        """Milliseconds heard and not concealed."""
        heard = 0
        while (piece := self.core.read_ears()) is not None:
            heard += 0 if piece[1].flags & 1 else len(piece[0]) // 32
        return heard


# ---- calls -----------------------------------------------------------------------------------------------
@every_profile
def test_a_call_is_understood_both_ways(profile: Profile) -> None:
    call = Caller(keys_of(profile))
    pcm = noise(50 * FRAME)
    call.core.play(1, pcm[: 2 * 50 * FRAME], on_onset=0)
    for k in range(60):
        call.say(k)
        call.tick()
    said = b"".join(packet.payload for packet in call.heard[1:49])
    assert samples_of(g711_decode_u(said)) == on_the_wire(pcm)[FRAME : 49 * FRAME]
    assert call.refused == []
    assert call.ears() >= 59 * 20
    assert call.count("srtp_forged") == call.count("srtp_replayed") == call.count("malformed") == 0


@every_profile
def test_what_is_sent_is_what_the_reference_makes_of_it(profile: Profile) -> None:
    keys = keys_of(profile)
    call = Caller(keys, first_sequence=65_530)
    call.now_ns += FRAME_NS
    reference = Reference(profile, keys[1])
    for index in range(65_530, 65_545):
        [(_, _, data)] = call.core.tick_channels(call.now_ns)
        plain = reference.unprotect(data, index >> 16)
        assert plain is not None
        assert int.from_bytes(plain[2:4], "big") == index % 65_536
        call.now_ns += FRAME_NS


def test_a_replayed_packet_is_counted_and_not_heard_twice() -> None:
    call = Caller(keys_of(CM_80))
    sent = [call.say(k) for k in range(20)]
    heard = call.ears()
    for data in sent:
        call.give(data)
    assert call.ears() == 0
    assert heard == 400
    assert call.count("srtp_replayed") == 20
    assert call.count("duplicate") == 0


@every_profile
def test_forged_plain_and_foreign_packets_are_counted_and_not_heard(profile: Profile) -> None:
    call = Caller(keys_of(profile))
    stranger = Caller.turned(keys_of(profile, 99))
    call.say(0)
    call.ears()
    for k in range(1, 11):
        call.give(stranger.protect(call.packet(k)))
        call.give(call.packet(k))
    assert call.count("srtp_forged") == 20
    assert call.ears() == 0
    call.say(1)
    assert call.ears() == 20


def test_rubbish_is_malformed() -> None:
    call = Caller(keys_of(GCM_128))
    for size in (0, 1, 11, 27):
        call.give(b"\x80" + bytes(max(size - 1, 0)))
    call.give(bytes(1_501))
    assert call.count("malformed") == 4
    assert call.count("oversize") == 1


@every_profile
def test_a_new_source_with_our_keys_is_heard_after_its_second_packet(profile: Profile) -> None:
    keys = keys_of(profile)
    call = Caller(keys)
    for k in range(5):
        call.say(k)
    other = Caller.turned(keys, 0xBEEF)
    for k in range(500, 505):
        call.give(other.protect(call.packet(k, 0xBEEF)))
    assert call.count("ssrc_changes") == 1
    assert call.ears() >= 5 * 20 + 4 * 20


@every_profile
def test_the_wrap_of_the_sequence_is_survived_both_ways(profile: Profile) -> None:
    call = Caller(keys_of(profile), first_sequence=65_530)
    for k in range(65_500, 65_600):
        call.say(k)
        call.tick()
    assert call.refused == []
    assert call.count("srtp_forged") == 0
    assert call.ears() == 2_000


# ---- the latch -------------------------------------------------------------------------------------------
def test_only_what_authenticates_locks_the_source() -> None:
    call = Caller(keys_of(CM_80), remote=None)
    call.give(call.packet(0), STRANGER)
    call.tick()
    assert call.heard == []
    assert [e.kind for e in call.core.events()] == []
    call.say(0)
    [event] = call.core.events()
    assert (event.kind, event.remote) == (LOCKED, CALLER)


def test_the_latch_moves_with_who_has_the_keys() -> None:
    call = Caller(keys_of(GCM_256))
    for k in range(5):
        call.say(k)
    call.core.events()
    call.give(call.packet(5), STRANGER)
    assert call.core.events() == []
    call.say(5, MOVED)
    [event] = call.core.events()
    assert (event.kind, event.remote) == (LOCKED, MOVED)
    call.now_ns += FRAME_NS
    [(_, to, _)] = call.core.tick_channels(call.now_ns)
    assert to == MOVED
    assert call.ears() == 120


def test_a_late_packet_from_where_the_caller_was_is_heard_and_does_not_call_the_latch_back() -> None:
    call = Caller(keys_of(CM_80), reorder_ms=40)
    assert call.srtp is not None
    sent = [call.srtp.protect(call.packet(k)) for k in range(4)]
    call.give(sent[0])
    call.give(sent[1])
    call.core.events()
    call.give(sent[3], MOVED)
    call.give(sent[2], CALLER)
    assert [e.remote for e in call.core.events()] == [MOVED]
    assert call.ears() == 80


def test_without_srtp_the_latch_stays() -> None:
    call = Caller()
    call.say(0)
    call.core.events()
    call.say(1, MOVED)
    assert call.core.events() == []
    assert call.count("foreign") == 1


# ---- new keys --------------------------------------------------------------------------------------------
@every_profile
def test_keys_change_in_mid_call_without_a_gap(profile: Profile) -> None:
    first, second = keys_of(profile, 1), keys_of(GCM_128, 2)
    call = Caller(first)
    for k in range(10):
        call.say(k)
        call.tick()
    call.core.set_keys(second, call.now_ns)
    old, call.srtp = call.srtp, Caller.turned(second)
    assert old is not None
    call.give(old.protect(call.packet(10)))  # was on its way
    for k in range(11, 20):
        call.say(k)
        call.tick()
    assert call.refused == []
    assert call.ears() == 20 * 20
    assert [packet.sequence for packet in call.heard] == list(range(19))
    assert call.count("srtp_forged") == 0


def test_the_old_keys_are_good_for_two_seconds_and_no_more() -> None:
    call = Caller(keys_of(CM_80, 1))
    call.say(0)
    call.core.set_keys(keys_of(CM_80, 2), call.now_ns)
    call.now_ns += 1_999 * MS
    call.say(1)
    assert call.count("srtp_forged") == 0
    call.now_ns += 1 * MS
    call.say(2)
    assert call.count("srtp_forged") == 1


def test_keys_may_change_as_often_as_one_likes() -> None:
    call = Caller(keys_of(CM_80, 1))
    for seed in range(2, 40):
        keys = keys_of(PROFILES[seed % 4], seed)
        call.core.set_keys(keys, call.now_ns)
        call.srtp = Caller.turned(keys)
        call.say(seed)
        call.tick(seed % 3)
    assert call.refused == []
    assert call.count("srtp_forged") == 0


def test_keys_that_nobody_offered_are_a_command_too_late() -> None:
    call = Caller(keys_of(CM_80))
    assert call.core.apply_raw(OP_KEYS, call.now_ns) == -4
    call.core.offer_keys(keys_of(CM_80, 2))
    call.core.offer_keys(keys_of(CM_80, 3))
    assert call.core.apply_raw(OP_KEYS, call.now_ns) == 0
    assert call.core.apply_raw(OP_KEYS, call.now_ns) == -4
    call.srtp = Caller.turned(keys_of(CM_80, 3))
    call.tick()
    assert call.refused == []


def test_a_plain_stream_becomes_a_protected_one() -> None:
    call = Caller()
    call.say(0)
    call.tick()
    keys = keys_of(GCM_256)
    call.core.set_keys(keys, call.now_ns)
    call.srtp = Caller.turned(keys)
    call.give(call.packet(1))
    assert call.count("srtp_forged") == 1
    call.say(1)
    call.tick()
    assert call.refused == []
    assert len(call.heard) == 2


def test_wrong_keys_are_refused_at_set_up() -> None:
    for keys in ((3, bytes(30), bytes(30)), (1, bytes(29), bytes(30)), (7, bytes(28), b"")):
        with pytest.raises(NativeError):
            Caller(keys)
    call = Caller(keys_of(CM_80))
    with pytest.raises(NativeError):
        call.core.offer_keys((7, bytes(30), bytes(30)))


# ---- RTCP ------------------------------------------------------------------------------------------------
def talk(call: Caller, seconds: float, first: int = 0, *, lose: range | None = None) -> int:
    frames = int(seconds * 50)
    for k in range(first, first + frames):
        if lose is None or k % 50 not in lose:
            call.say(k)
        call.tick()
    return first + frames


def test_without_rtcp_there_are_no_reports() -> None:
    call = Caller(rtcp=RTCP_OFF)
    talk(call, 20)
    assert call.reports == []
    assert call.core.farewell(call.now_ns) is None


@pytest.mark.parametrize(
    ("mode", "different", "to"),
    [
        (RTCP_MUX, None, CALLER),
        (RTCP_PORT, None, (CALLER[0], CALLER[1] + 1)),
        (RTCP_PORT, ("203.0.113.5", 9_001), ("203.0.113.5", 9_001)),
    ],
)
def test_reports_go_where_they_were_agreed_to_go(mode: int, different: Address | None, to: Address) -> None:
    call = Caller(rtcp=mode, rtcp_remote=different)
    talk(call, 20)
    assert 2 <= len(call.reports) <= 8
    assert {where for where, _ in call.reports} == {to}


def test_reports_go_to_where_theirs_come_from() -> None:
    call = Caller(rtcp=RTCP_PORT)
    call.say(0)
    call.give(RtcpReporter(CALLERS).write(0, timestamp=0, packets=0, octets=0, talks=False), MOVED)
    talk(call, 10, 1)
    assert {where for where, _ in call.reports} == {MOVED}


@every_profile
def test_a_report_counts_what_was_heard_and_what_was_sent(profile: Profile) -> None:
    call = Caller(keys_of(profile), rtcp=RTCP_MUX, ssrc=OURS, first_timestamp=5_000)
    talk(call, 8, lose=range(10, 15))
    _, data = call.reports[-1]
    found = native.parse_rtcp(data, CALLERS)
    assert found is not None
    assert found.ssrc == OURS
    assert found.sender is not None
    assert found.sender.octets == found.sender.packets * FRAME
    assert found.sender.rtp == 5_000 + (found.sender.packets - 1) * FRAME
    assert found.block is not None
    assert found.block.fraction_lost == pytest.approx(25.6, abs=6)
    assert call.count("reports_sent") == len(call.reports)


def test_a_source_that_is_silenced_sends_receiver_reports() -> None:
    call = Caller(rtcp=RTCP_MUX)
    talk(call, 5)
    call.core.set_direction(call.now_ns, sending=False)
    call.reports.clear()
    talk(call, 30, 250)
    last = native.parse_rtcp(call.reports[-1][1], CALLERS)
    assert last is not None
    assert last.sender is None
    assert last.block is not None


def test_the_round_trip_and_the_far_ends_view_are_in_the_statistics() -> None:
    call = Caller(rtcp=RTCP_MUX)
    peer = RtcpReporter(CALLERS)
    talk(call, 8)
    peer.heard(OURS, 0, 99, 75, 80)
    call.reports.clear()
    while not call.reports:
        call.tick()
    peer.receive(call.reports[-1][1], call.now_ns + 30 * MS)
    answer = peer.write(call.now_ns + 90 * MS, timestamp=0, packets=0, octets=0, talks=False)
    call.now_ns += 95 * MS
    call.give(answer)
    assert call.count("rtt_us") == pytest.approx(35_000, abs=50)
    assert call.count("remote_loss") == pytest.approx(0.25)
    assert call.count("remote_jitter_us") == 10_000
    assert call.count("reports_received") == 1
    assert call.count("peer_bye") == 0


def test_reports_are_believed_from_the_peer_only() -> None:
    call = Caller(rtcp=RTCP_MUX)
    call.say(0)
    goodbye = RtcpReporter(CALLERS).write(0, timestamp=0, packets=0, octets=0, talks=False, bye=True)
    call.give(goodbye, STRANGER)
    assert call.count("peer_bye") == 0
    assert call.count("foreign") == 1
    call.give(goodbye, MOVED)
    assert call.count("peer_bye") == 1


def test_with_srtp_only_what_authenticates_is_believed() -> None:
    keys = keys_of(GCM_128)
    call = Caller(keys, rtcp=RTCP_MUX)
    call.say(0)
    goodbye = RtcpReporter(CALLERS).write(0, timestamp=0, packets=0, octets=0, talks=False, bye=True)
    call.give(goodbye)
    assert call.count("peer_bye") == 0
    assert call.count("srtp_forged") + call.count("malformed") == 1
    assert call.srtp is not None
    protected = call.srtp.protect_rtcp(goodbye)
    call.give(protected, STRANGER)
    assert call.count("peer_bye") == 1
    call.give(protected, STRANGER)
    assert call.count("srtp_replayed") == 1


def test_a_malformed_report_is_counted() -> None:
    call = Caller(rtcp=RTCP_MUX)
    call.say(0)
    call.give(b"\x81\xc9\0\1" + bytes(4))
    assert call.count("malformed") == 1
    assert call.count("reports_received") == 0


@every_profile
def test_who_leaves_says_goodbye(profile: Profile) -> None:
    call = Caller(keys_of(profile), rtcp=RTCP_MUX)
    assert call.core.farewell(call.now_ns) is None  # RFC 3550 6.6: who never sent leaves in silence
    talk(call, 1)
    parting = call.core.farewell(call.now_ns)
    assert parting is not None
    call.open(1, *parting)
    found = native.parse_rtcp(call.reports[-1][1], CALLERS)
    assert found is not None
    assert found.bye


# ---- how it sounds ---------------------------------------------------------------------------------------
def test_a_clean_call_is_rated_well_and_a_lossy_one_is_not() -> None:
    clean, lossy, bursty = Caller(), Caller(), Caller()
    assert clean.count("mos_listening") == 0
    talk(clean, 40)
    talk(lossy, 40, lose=range(0, 50, 10))
    talk(bursty, 40, lose=range(5, 10))
    assert clean.count("mos_listening") == pytest.approx(4.41, abs=0.01)
    assert clean.count("mos_conversational") < clean.count("mos_listening")
    assert 3.0 < lossy.count("mos_listening") < 4.0
    assert bursty.count("mos_listening") < lossy.count("mos_listening") - 0.2


@pytest.mark.parametrize("profile", [CM_80, GCM_256], ids=lambda p: str(p.number))
def test_the_same_seed_gives_the_same_call(profile: Profile) -> None:
    def sent(seed: int) -> list[tuple[int, Address, bytes]]:
        line = PlainLine(seed=seed, srtp=keys_of(profile), rtcp=RTCP_MUX)
        return [p for k in range(400) for p in line.core.tick_channels((k + 50) * FRAME_NS)]

    assert sent(3) == sent(3) != sent(4)
