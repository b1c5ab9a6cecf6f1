"""SRTP: against the RFCs' vectors, against a slow reference, and against everything a wire can bring."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv_native import rtp
from mediasrv_native.errors import NativeError
from mediasrv_native.rtp import FORGED, MALFORMED, REPLAYED, Srtp
from tests.reference import aes, srtp
from tests.reference.rtp import RtpPacket
from tests.reference.srtp import CM_80, GCM_128, GCM_256, PROFILES, Profile, Reference

OURS, THEIRS = 0x0BAD5EED, 0xDEADBEEF

every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda p: str(p.number))
profiles = st.sampled_from(PROFILES)


def keying(profile: Profile, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(profile.keying)


def ends(profile: Profile, seed: int = 1, *, here: int = OURS, there: int = THEIRS) -> tuple[Srtp, Srtp]:
    """Two ends of a call."""
    a, b = keying(profile, seed), keying(profile, seed + 1)
    return Srtp(profile.number, a, b, here), Srtp(profile.number, b, a, there)


def packet(sequence: int, payload: bytes = b"payload", ssrc: int = OURS) -> bytes:
    return RtpPacket(payload, sequence % 65536, sequence * 160 % 2**32, ssrc).encode()


def report(ssrc: int = OURS, body: bytes = bytes(20)) -> bytes:
    return bytes([0x80, 200, 0, (len(body) + 8) // 4 - 1]) + ssrc.to_bytes(4, "big") + body


# ---- vectors that others have printed --------------------------------------------------------------------
def test_the_reference_cipher_gives_what_fips_197_prints() -> None:
    plain = bytes.fromhex("00112233445566778899aabbccddeeff")
    assert aes.encrypt_block(bytes(range(16)), plain).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"
    assert aes.encrypt_block(bytes(range(32)), plain).hex() == "8ea2b7ca516745bfeafc49904b496089"


def test_the_reference_counter_mode_gives_what_rfc_3711_b_2_prints() -> None:
    key = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
    salt = bytes.fromhex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000")
    stream = aes.counter_mode(key, salt, bytes(48)).hex().upper()
    assert stream == (
        "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0"
    )


def test_the_reference_derives_the_keys_that_rfc_3711_b_3_prints() -> None:
    key = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139")
    salt = bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
    assert srtp.derive(key, salt, 0, 16).hex().upper() == "C61E7A93744F39EE10734AFE3FF7A087"
    assert srtp.derive(key, salt, 2, 14).hex().upper() == "30CBBC08863D8C85D49DB34A9AE1"
    assert srtp.derive(key, salt, 1, 20).hex().upper() == "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"


RFC_7714_SALT = bytes.fromhex("517569642070726f2071756f")
RFC_7714_RTP = bytes.fromhex(
    "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573"
)
RFC_7714_SEALED = {
    16: "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb1"
    "6a9152cf765ee4390cce",
    32: "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfff"
    "d6b0f9bb7878d7a76c13",
}


@pytest.mark.parametrize("octets", [16, 32])
def test_the_reference_seals_as_rfc_7714_16_prints(octets: int) -> None:
    key = bytes(range(octets))
    iv = bytes(a ^ b for a, b in zip(RFC_7714_SALT, bytes.fromhex("00005501a0b200000000f17b"), strict=True))
    assert iv.hex() == "51753c6580c2726f20718414"
    sealed = aes.gcm_seal(key, iv, RFC_7714_RTP[:12], RFC_7714_RTP[12:])
    assert sealed.hex() == RFC_7714_SEALED[octets]


# ---- against the reference -------------------------------------------------------------------------------
@st.composite
def rtp_packets(draw: st.DrawFn) -> bytes:
    """With CSRCs and an extension, as mixers and browsers send them."""
    csrcs = draw(st.integers(0, 15))
    words = draw(st.integers(-1, 20))
    first = 0x80 | csrcs | (0x10 if words >= 0 else 0)
    extension = (
        b""
        if words < 0
        else b"\xbe\xde" + words.to_bytes(2, "big") + draw(st.binary(min_size=4 * words, max_size=4 * words))
    )
    payload = draw(st.binary(max_size=200))
    sequence = draw(st.integers(0, 65535)).to_bytes(2, "big")
    return bytes([first, 0]) + sequence + draw(st.binary(min_size=4, max_size=4)) + OURS.to_bytes(4, "big") + bytes(
        range(4 * csrcs)
    ) + extension + payload  # fmt: skip


@given(profile=profiles, plain=rtp_packets())
def test_a_packet_is_protected_as_the_reference_says(profile: Profile, plain: bytes) -> None:
    here, there = ends(profile)
    protected = here.protect(plain)
    assert protected == Reference(profile, keying(profile)).protect(plain)
    assert there.unprotect(protected) == plain


@given(
    profile=profiles,
    body=st.binary(max_size=60).map(lambda b: b[: len(b) // 4 * 4]),
    before=st.integers(0, 3),
)
def test_a_report_is_protected_as_the_reference_says(profile: Profile, body: bytes, before: int) -> None:
    here, there = ends(profile)
    for _ in range(before):
        here.protect_rtcp(report())
    plain = report(body=body)
    protected = here.protect_rtcp(plain)
    assert protected == Reference(profile, keying(profile)).protect_rtcp(plain, before)
    assert there.unprotect_rtcp(protected) == plain


@every_profile
def test_two_ends_understand_each_other_both_ways(profile: Profile) -> None:
    here, there = ends(profile)
    for k in range(300):
        assert there.unprotect(here.protect(packet(k))) == packet(k)
        assert here.unprotect(there.protect(packet(k, ssrc=THEIRS))) == packet(k, ssrc=THEIRS)
        assert there.unprotect_rtcp(here.protect_rtcp(report())) == report()


# ---- indices ---------------------------------------------------------------------------------------------
@every_profile
def test_the_roll_over_counter_is_counted_on_both_sides(profile: Profile) -> None:
    here, there = ends(profile)
    reference = Reference(profile, keying(profile))
    for index in range(65_530, 3 * 65_536 + 10, 997):
        protected = here.protect(packet(index))
        assert protected == reference.protect(packet(index), index >> 16)
        assert there.unprotect(protected) == packet(index)


@every_profile
def test_packets_around_the_wrap_may_come_in_any_order(profile: Profile) -> None:
    here, there = ends(profile)
    there.unprotect(here.protect(packet(65_500)))
    sent = [here.protect(packet(k)) for k in range(65_501, 65_570)]
    random.Random(3).shuffle(sent)
    assert all(isinstance(there.unprotect(p), bytes) for p in sent)
    assert [there.unprotect(p) for p in sent] == [REPLAYED] * len(sent)


def test_a_place_in_the_key_stream_is_never_used_twice() -> None:
    here, _ = ends(CM_80)
    here.protect(packet(10))
    for sequence in (10, 9):
        with pytest.raises(NativeError):
            here.protect(packet(sequence))


def test_only_our_own_ssrc_is_sent() -> None:
    here, _ = ends(CM_80)
    with pytest.raises(NativeError):
        here.protect(packet(1, ssrc=THEIRS))
    with pytest.raises(NativeError):
        here.protect_rtcp(report(THEIRS))


# ---- replays, forgeries, rubbish -------------------------------------------------------------------------
@given(order=st.permutations(range(40)), profile=profiles)
def test_each_packet_is_believed_exactly_once(order: list[int], profile: Profile) -> None:
    here, there = ends(profile)
    sent = [here.protect(packet(k)) for k in range(40)]
    there.unprotect(here.protect(packet(40)))
    for k in order:
        assert there.unprotect(sent[k]) == packet(k)
        assert there.unprotect(sent[k]) == REPLAYED


def test_the_window_is_128_packets_wide() -> None:
    here, there = ends(CM_80)
    sent = [here.protect(packet(k)) for k in range(200)]
    assert isinstance(there.unprotect(sent[199]), bytes)
    assert isinstance(there.unprotect(sent[199 - 127]), bytes)
    assert there.unprotect(sent[199 - 128]) == REPLAYED


@every_profile
def test_a_report_is_believed_once(profile: Profile) -> None:
    here, there = ends(profile)
    first, second = here.protect_rtcp(report()), here.protect_rtcp(report())
    assert isinstance(there.unprotect_rtcp(second), bytes)
    assert isinstance(there.unprotect_rtcp(first), bytes)
    assert there.unprotect_rtcp(first) == there.unprotect_rtcp(second) == REPLAYED


@given(profile=profiles, at=st.integers(0), bit=st.integers(0, 7))
def test_one_bit_anywhere_is_enough_to_be_refused(profile: Profile, at: int, bit: int) -> None:
    here, there = ends(profile)
    protected = here.protect(packet(7, bytes(50)))
    changed = bytearray(protected)
    changed[at % len(protected)] ^= 1 << bit
    assert there.unprotect(bytes(changed)) in (FORGED, MALFORMED)
    assert there.unprotect(protected) == packet(7, bytes(50))


@given(profile=profiles, at=st.integers(0), bit=st.integers(0, 7))
def test_one_bit_of_a_report_is_enough_too(profile: Profile, at: int, bit: int) -> None:
    here, there = ends(profile)
    protected = here.protect_rtcp(report())
    changed = bytearray(protected)
    changed[at % len(protected)] ^= 1 << bit
    assert there.unprotect_rtcp(bytes(changed)) in (FORGED, MALFORMED)
    assert there.unprotect_rtcp(protected) == report()


@every_profile
def test_the_wrong_key_opens_nothing(profile: Profile) -> None:
    here, _ = ends(profile, 1)
    _, stranger = ends(profile, 50)
    assert stranger.unprotect(here.protect(packet(1))) == FORGED
    assert stranger.unprotect_rtcp(here.protect_rtcp(report())) == FORGED


@given(profile=profiles, data=st.binary(max_size=300))
def test_noise_is_refused_and_changes_nothing(profile: Profile, data: bytes) -> None:
    here, there = ends(profile)
    assert there.unprotect(data) in (FORGED, MALFORMED)
    assert there.unprotect_rtcp(data) in (FORGED, MALFORMED)
    assert there.unprotect(here.protect(packet(1))) == packet(1)


@every_profile
@pytest.mark.parametrize("size", [0, 1, 11, 12, 13, 27, 28, 65_535, 65_536])
def test_every_length_is_survived(profile: Profile, size: int) -> None:
    _, there = ends(profile)
    data = (b"\x80\xc8" + bytes(65_536))[:size]
    assert there.unprotect(data) in (FORGED, MALFORMED)
    assert there.unprotect_rtcp(data) in (FORGED, MALFORMED)


@every_profile
def test_a_truncated_packet_is_refused(profile: Profile) -> None:
    here, there = ends(profile)
    protected, secret_report = here.protect(packet(1)), here.protect_rtcp(report())
    for n in range(len(protected)):
        assert there.unprotect(protected[:n]) in (FORGED, MALFORMED)
    for n in range(len(secret_report)):
        assert there.unprotect_rtcp(secret_report[:n]) in (FORGED, MALFORMED)


def test_forgeries_give_nobody_a_place() -> None:
    here, there = ends(CM_80)
    assert isinstance(there.unprotect(here.protect(packet(0))), bytes)
    for ssrc in range(100):
        assert there.unprotect(packet(1, bytes(40), ssrc)) == FORGED
    assert there.unprotect(here.protect(packet(1))) == packet(1)


def test_sixteen_sources_have_their_own_replay_lists() -> None:
    a, b = keying(CM_80, 1), keying(CM_80, 2)
    there = Srtp(1, b, a, THEIRS)
    reference = Reference(CM_80, a)
    packets = [reference.protect(packet(5, ssrc=ssrc)) for ssrc in range(1, 17)]
    assert all(isinstance(there.unprotect(p), bytes) for p in packets)
    assert [there.unprotect(p) for p in packets] == [REPLAYED] * 16


@every_profile
def test_room_is_asked_for_before_anything_is_written(profile: Profile) -> None:
    here, there = ends(profile)
    plain = packet(1, bytes(100))
    with pytest.raises(NativeError):
        here.protect(plain, capacity=len(plain) + profile.rtp_tag - 1)
    assert there.unprotect(here.protect(plain, capacity=len(plain) + profile.rtp_tag)) == plain


# ---- new keys --------------------------------------------------------------------------------------------
@every_profile
def test_new_keys_go_on_where_the_old_ones_were(profile: Profile) -> None:
    here, there = ends(profile)
    for index in range(65_000, 66_000, 500):
        there.unprotect(here.protect(packet(index)))
    new_here, new_there = ends(profile, 70)
    new_here.continue_from(here)
    new_there.continue_from(there)
    protected = new_here.protect(packet(66_000))
    assert protected == Reference(profile, keying(profile, 70)).protect(packet(66_000), 1)
    assert new_there.unprotect(protected) == packet(66_000)
    assert new_there.unprotect(protected) == REPLAYED
    assert there.unprotect(protected) == FORGED


@every_profile
def test_a_sender_who_counts_rounds_anew_with_new_keys_is_understood(profile: Profile) -> None:
    here, there = ends(profile)
    for index in range(65_000, 66_000, 500):
        there.unprotect(here.protect(packet(index)))
    new_here, new_there = ends(profile, 70)
    new_there.continue_from(there)
    assert new_there.unprotect(new_here.protect(packet(466))) == packet(466)
    assert new_there.unprotect(new_here.protect(packet(467))) == packet(467)


def test_the_index_of_reports_goes_on_with_new_keys() -> None:
    here, there = ends(GCM_128)
    for _ in range(3):
        there.unprotect_rtcp(here.protect_rtcp(report()))
    new_here, new_there = ends(GCM_128, 70)
    new_here.continue_from(here)
    new_there.continue_from(there)
    protected = new_here.protect_rtcp(report())
    assert protected == Reference(GCM_128, keying(GCM_128, 70)).protect_rtcp(report(), 3)
    assert new_there.unprotect_rtcp(protected) == report()


# ---- set-up ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [0, 3, 4, 5, 6, 9, 255, 256, -1])
def test_an_unknown_profile_is_refused(number: int) -> None:
    with pytest.raises(NativeError):
        Srtp(number, bytes(30), bytes(30), 1)


@pytest.mark.parametrize("profile", [CM_80, GCM_256], ids=lambda p: str(p.number))
def test_keys_of_the_wrong_length_are_refused(profile: Profile) -> None:
    assert rtp.srtp_keying_octets(profile.number) == profile.keying
    for octets in (0, profile.keying - 1, profile.keying + 1):
        with pytest.raises(NativeError):
            Srtp(profile.number, bytes(octets), bytes(profile.keying), 1)
