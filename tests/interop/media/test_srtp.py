"""SRTP against libsrtp, an implementation that shares nothing with ours."""

from __future__ import annotations

import random

import pylibsrtp
import pytest
from pylibsrtp import Policy, Session

from mediasrv_native.core import Core
from mediasrv_native.rtp import FORGED, Srtp
from mediasrv_native.settings import RTCP_MUX
from tests.native.line import CALLER, FRAME, FRAME_NS
from tests.reference.rtp import RtpPacket
from tests.reference.srtp import PROFILES, Profile

OURS, THEIRS = 0x1234, 0x5EED

every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda p: str(p.number))


def keying(profile: Profile, seed: int) -> bytes:
    return random.Random(seed).randbytes(profile.keying)


def outbound(profile: Profile, key: bytes) -> Session:
    return Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile.number))


def inbound(profile: Profile, key: bytes) -> Session:
    return Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile.number))


def packet(index: int, ssrc: int) -> bytes:
    """With CSRCs and an extension now and then."""
    header = bytes([0x92 if index % 3 == 0 else 0x80, 0]) + (index % 65_536).to_bytes(2, "big")
    header += (index * FRAME % 2**32).to_bytes(4, "big") + ssrc.to_bytes(4, "big")
    if index % 3 == 0:
        header += bytes(8) + b"\xbe\xde\0\1\x10\xff\0\0"
    return header + bytes(index % 251 for _ in range(index % 400))


def report(ssrc: int, k: int) -> bytes:
    return b"\x80\xc9\0\2" + ssrc.to_bytes(4, "big") + k.to_bytes(4, "big")


@every_profile
def test_libsrtp_opens_what_we_protect(profile: Profile) -> None:
    key = keying(profile, 1)
    ours, theirs = Srtp(profile.number, key, key, OURS), inbound(profile, key)
    for index in range(65_000, 66_500):  # around the wrap
        assert theirs.unprotect(ours.protect(packet(index, OURS))) == packet(index, OURS)
    for k in range(50):
        assert theirs.unprotect_rtcp(ours.protect_rtcp(report(OURS, k))) == report(OURS, k)


@every_profile
def test_we_open_what_libsrtp_protects(profile: Profile) -> None:
    key = keying(profile, 2)
    ours, theirs = Srtp(profile.number, key, key, OURS), outbound(profile, key)
    for index in range(65_000, 66_500):
        assert ours.unprotect(theirs.protect(packet(index, THEIRS))) == packet(index, THEIRS)
    for k in range(50):
        assert ours.unprotect_rtcp(theirs.protect_rtcp(report(THEIRS, k))) == report(THEIRS, k)


@every_profile
def test_both_refuse_what_was_changed(profile: Profile) -> None:
    key = keying(profile, 3)
    ours, theirs = Srtp(profile.number, key, key, OURS), inbound(profile, key)
    changed = bytearray(ours.protect(packet(100, OURS)))
    changed[40] ^= 1
    with pytest.raises(pylibsrtp.Error):
        theirs.unprotect(bytes(changed))
    assert Srtp(profile.number, key, key, THEIRS).unprotect(bytes(changed)) == FORGED


@every_profile
def test_a_caller_behind_libsrtp_has_a_call(profile: Profile) -> None:
    send, receive = keying(profile, 4), keying(profile, 5)
    core = Core(srtp=(profile.number, send, receive), ssrc=OURS, remote=CALLER, rtcp=RTCP_MUX, reorder_ms=0)
    hears, says = inbound(profile, send), outbound(profile, receive)
    reports = 0
    for k in range(500):
        now_ns = (k + 50) * FRAME_NS
        core.receive(says.protect(RtpPacket(bytes(FRAME), k, k * FRAME, THEIRS).encode()), CALLER, now_ns)
        for channel, _, data in core.tick_channels(now_ns):
            if channel == 1:
                hears.unprotect_rtcp(data)
                reports += 1
            else:
                hears.unprotect(data)
    assert reports >= 1
    counted = core.statistics()
    assert counted["srtp_forged"] == counted["srtp_replayed"] == counted["lost"] == 0
    assert counted["packets_sent"] == 500
