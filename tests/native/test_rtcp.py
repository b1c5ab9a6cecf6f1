"""RTCP: what is written and read, when, and what the other side's reports mean."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv_native import rtp
from mediasrv_native.rtp import RtcpReporter

S = 1_000_000_000
MS = 1_000_000
OURS, THEIRS = 0x11223344, 0xCAFEBABE
NTP_1970 = 2_208_988_800

words = st.integers(0, 2**32 - 1)


# ---- what others write -----------------------------------------------------------------------------------
def part(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0x80 | count, kind, len(body) // 4) + body


def block(ssrc: int = OURS, fraction: int = 0, lost: int = 0, highest: int = 0, jitter: int = 0,
          last: int = 0, since: int = 0) -> bytes:  # fmt: skip
    return struct.pack(">IIIIII", ssrc, fraction << 24 | lost & 0xFFFFFF, highest, jitter, last, since)


def sender_report(ntp: int = 0, *blocks: bytes, stamp: int = 0, packets: int = 0, octets: int = 0) -> bytes:
    info = struct.pack(">IQIII", THEIRS, ntp, stamp, packets, octets)
    return part(200, len(blocks), info + b"".join(blocks))


def receiver_report(*blocks: bytes) -> bytes:
    return part(201, len(blocks), THEIRS.to_bytes(4, "big") + b"".join(blocks))


def cname(text: bytes = b"user@host", ssrc: int = THEIRS) -> bytes:
    chunk = ssrc.to_bytes(4, "big") + bytes([1, len(text)]) + text + b"\0"
    return part(202, 1, chunk + bytes(-len(chunk) % 4))


def bye(*ssrcs: int, reason: bytes = b"") -> bytes:
    body = b"".join(s.to_bytes(4, "big") for s in ssrcs)
    if reason:
        body += bytes([len(reason)]) + reason
    return part(203, len(ssrcs), body + bytes(-len(body) % 4))


def extended_report(blocks: bytes) -> bytes:
    return part(207, 0, THEIRS.to_bytes(4, "big") + blocks)


# ---- reading ---------------------------------------------------------------------------------------------
def test_a_sender_report_is_read_field_by_field() -> None:
    data = sender_report(
        0x1122334455667788, block(1), block(OURS, 25, -3, 70_000, 160, 5, 6), stamp=9, packets=10, octets=11
    )
    found = rtp.parse_rtcp(data + cname(), OURS)
    assert found is not None
    assert found.ssrc == THEIRS
    assert found.sender == (0x1122334455667788, 9, 10, 11)
    assert found.block == (OURS, 25, -3, 70_000, 160, 5, 6)
    assert not found.bye


def test_a_block_about_somebody_else_is_not_ours() -> None:
    found = rtp.parse_rtcp(receiver_report(block(1), block(2)), OURS)
    assert found is not None
    assert found.has_report
    assert found.block is None


@pytest.mark.parametrize(
    "data",
    [
        cname(),  # RFC 5506: reduced size
        receiver_report() + cname() + bye(THEIRS, reason=b"camera malfunction"),
        sender_report() + extended_report(bytes(12)),
        part(206, 1, bytes(8)),  # feedback
        part(204, 0, bytes(8)),  # APP
        part(202, 2, bytes(4) + b"\1\2ab\0\0\0\0" + bytes(4) + b"\0\0\0\0"),  # two chunks
        part(201, 0, bytes(4) + bytes(16)),  # a profile's extension behind no blocks
        receiver_report() + part(202, 0, b"") + part(203, 0, b""),
    ],
)  # fmt: skip
def test_what_is_in_order_is_taken(data: bytes) -> None:
    assert rtp.parse_rtcp(data, OURS) is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(8),
        receiver_report()[:-1],
        receiver_report()[:-4],
        receiver_report() + b"\0\0\0\0",
        receiver_report() + cname()[:-4],
        struct.pack(">BBH", 0x81, 201, 1) + bytes(4),  # a block that is not there
        struct.pack(">BBH", 0x80, 200, 3) + bytes(12),  # no sender information
        struct.pack(">BBH", 0x82, 203, 1) + bytes(4),  # two sources, one there
        part(202, 1, bytes(4) + b"\1\x40ab"),  # an item longer than its part
        part(202, 1, bytes(4) + b"\1\2ab"),  # a list without end
        part(202, 2, bytes(4) + bytes(4)),  # a chunk that is not there
        struct.pack(">BBH", 0xA0, 201, 1) + b"\0\0\0\7",  # padding that is no multiple of four
        struct.pack(">BBH", 0xA0, 201, 1) + b"\0\0\0\0",  # no padding after all
        struct.pack(">BBH", 0xA0, 201, 1) + b"\0\0\0\x08",  # more padding than there is
        struct.pack(">BBH", 0xA0, 201, 2) + bytes(7) + b"\4" + receiver_report(),  # padding in the middle
        struct.pack(">BBH", 0x40, 201, 1) + bytes(4),  # another version
    ],
)  # fmt: skip
def test_one_bad_part_spoils_the_compound(data: bytes) -> None:
    assert rtp.parse_rtcp(data, OURS) is None
    reporter = RtcpReporter(OURS)
    assert not reporter.receive(data, 0)
    assert reporter.counted == (0, 0, 1)


def test_padding_at_the_end_is_in_order() -> None:
    assert rtp.parse_rtcp(struct.pack(">BBH", 0xA0, 201, 2) + bytes(7) + b"\4", OURS) is not None


@given(st.binary(max_size=120))
def test_noise_is_survived(data: bytes) -> None:
    rtp.parse_rtcp(data, OURS)
    rtp.parse_rtcp(b"\x81\xc8" + data, OURS)


@given(st.lists(st.sampled_from([sender_report(), receiver_report(block()), cname(), bye(THEIRS)]), min_size=1),
       st.integers(0), st.integers(0, 255))  # fmt: skip
def test_a_changed_byte_is_survived(parts: list[bytes], at: int, value: int) -> None:
    data = bytearray(b"".join(parts))
    data[at % len(data)] = value
    rtp.parse_rtcp(bytes(data), OURS)


@pytest.mark.parametrize(
    ("second", "is_rtcp"), [(191, False), (192, True), (200, True), (223, True), (224, False), (0, False)]
)
def test_the_two_kinds_are_told_apart_by_the_second_octet(second: int, is_rtcp: bool) -> None:
    assert rtp.is_rtcp(bytes([0x80, second]) + bytes(10)) == is_rtcp


# ---- writing ---------------------------------------------------------------------------------------------
@given(first=st.integers(0, 2**40), ahead=st.integers(0, 2**30), received=words, jitter=st.integers(0, 2**27),
       stamp=words, packets=words, octets=words, talks=st.booleans(), leaves=st.booleans())  # fmt: skip
def test_what_is_written_is_read_back(first: int, ahead: int, received: int, jitter: int, stamp: int, packets: int,
                                      octets: int, talks: bool, leaves: bool) -> None:  # fmt: skip
    reporter = RtcpReporter(THEIRS, unix_offset_ns=1_700_000_000 * S)
    reporter.heard(OURS, first, first + ahead, received, jitter)
    data = reporter.write(S // 2, timestamp=stamp, packets=packets, octets=octets, talks=talks, bye=leaves)
    assert len(data) % 4 == 0
    found = rtp.parse_rtcp(data, OURS)
    assert found is not None
    assert found.ssrc == THEIRS
    assert found.bye == leaves
    if talks:
        assert found.sender == ((1_700_000_000 + NTP_1970) << 32 | 1 << 31, stamp, packets, octets)
    else:
        assert found.sender is None
    assert found.block is not None
    assert found.block.jitter == jitter
    assert found.block.highest == (first + ahead - (first & ~0xFFFF)) % 2**32
    assert found.block.cumulative_lost == max(-(2**23), min(2**23 - 1, ahead + 1 - received))


def test_nothing_is_said_about_a_source_that_was_not_heard() -> None:
    data = RtcpReporter(OURS).write(0, timestamp=0, packets=0, octets=0, talks=False)
    assert data[:4] == b"\x80\xc9\0\1"
    assert data[8:10] == b"\x81\xca"  # the name


def test_the_loss_of_an_interval_is_in_256ths() -> None:
    reporter = RtcpReporter(OURS)
    fractions = []
    for highest, received in ((99, 100), (199, 150), (299, 150), (399, 280), (399, 280)):
        reporter.heard(THEIRS, 0, highest, received, 0)
        found = rtp.parse_rtcp(reporter.write(0, timestamp=0, packets=0, octets=0, talks=False), THEIRS)
        assert found is not None
        assert found.block is not None
        fractions.append(found.block.fraction_lost)
    assert fractions == [0, 128, 255, 0, 0]  # duplicates made more arrive than was sent


def test_the_name_says_nothing_and_is_another_for_each_seed() -> None:
    written = {
        RtcpReporter(OURS, seed=seed).write(0, timestamp=0, packets=0, octets=0, talks=False)
        for seed in range(50)
    }
    assert len(written) == 50


# ---- when ------------------------------------------------------------------------------------------------
def test_reports_are_due_every_five_seconds_on_average_and_never_far_from_it() -> None:
    gaps, firsts = [], []
    for seed in range(40):
        reporter, now = RtcpReporter(OURS, seed=seed), 7 * S
        assert not reporter.is_due(now)
        firsts.append(reporter.next_ns - now)
        for _ in range(25):
            before, now = now, reporter.next_ns
            assert not reporter.is_due(now - 1)
            assert reporter.is_due(now)
            if before != 7 * S:
                gaps.append(now - before)
            reporter.write(now, timestamp=0, packets=0, octets=0, talks=False)
    assert min(firsts) >= 1.25 * S
    assert max(firsts) <= 3.75 * S
    assert min(gaps) >= 2.5 * S
    assert max(gaps) <= 7.5 * S
    assert sum(gaps) / len(gaps) == pytest.approx(5 * S, rel=0.05)


def test_the_same_seed_reports_at_the_same_times() -> None:
    def times(seed: int) -> list[int]:
        reporter, out = RtcpReporter(OURS, seed=seed), []
        reporter.is_due(0)
        for _ in range(10):
            out.append(reporter.next_ns)
            reporter.write(reporter.next_ns, timestamp=0, packets=0, octets=0, talks=False)
        return out

    assert times(4) == times(4) != times(5)


# ---- round trip ------------------------------------------------------------------------------------------
@given(there_ms=st.integers(0, 2_000), lying_ms=st.integers(0, 4_000), back_ms=st.integers(0, 2_000),
       offset=st.integers(0, 2**33), peer_offset=st.integers(0, 2**33))  # fmt: skip
def test_the_round_trip_is_what_the_network_took(there_ms: int, lying_ms: int, back_ms: int, offset: int,
                                                 peer_offset: int) -> None:  # fmt: skip
    """Clocks agree about nothing but how long a second is."""
    us = RtcpReporter(OURS, unix_offset_ns=offset * S)
    peer = RtcpReporter(THEIRS, unix_offset_ns=peer_offset * S)
    peer.heard(OURS, 0, 10, 11, 0)
    now = 10 * S
    ours = us.write(now, timestamp=0, packets=1, octets=1, talks=True)
    now += there_ms * MS
    assert peer.receive(ours, now)
    now += lying_ms * MS
    answer = peer.write(now, timestamp=0, packets=0, octets=0, talks=False)
    now += back_ms * MS
    assert us.receive(answer, now)
    assert us.round_trip_ns == pytest.approx((there_ms + back_ms) * MS, abs=50_000)


@pytest.mark.parametrize("last", [0, 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_answer_to_what_was_never_sent_says_nothing(last: int) -> None:
    us = RtcpReporter(OURS, unix_offset_ns=5 * S)
    us.receive(receiver_report(block(last=last)), 10 * S)
    assert us.round_trip_ns == -1
    us.write(11 * S, timestamp=0, packets=1, octets=1, talks=True)
    us.receive(receiver_report(block(last=last)), 40 * S)
    assert us.round_trip_ns == -1


@given(last=words, since=words, now_ms=st.integers(0, 10**8))
def test_no_lie_makes_an_absurd_round_trip(last: int, since: int, now_ms: int) -> None:
    us = RtcpReporter(OURS)
    us.write(0, timestamp=0, packets=1, octets=1, talks=True)
    us.receive(receiver_report(block(last=last, since=since)), now_ms * MS)
    assert -1 <= us.round_trip_ns <= 10 * S


@pytest.mark.parametrize("lying_s", [0, 1, 65_535, 48 * 3_600])
def test_a_report_is_said_to_have_lain_as_long_as_it_did_in_32_bits(lying_s: int) -> None:
    us = RtcpReporter(OURS)
    us.heard(THEIRS, 0, 10, 11, 0)
    us.receive(sender_report(5 << 32), 10 * S)
    data = us.write((10 + lying_s) * S, timestamp=0, packets=0, octets=0, talks=False)
    found = rtp.parse_rtcp(data, THEIRS)
    assert found is not None
    assert found.block is not None
    assert found.block.since_last_report == lying_s * 65_536 % 2**32


# ---- what they say ---------------------------------------------------------------------------------------
def test_what_the_other_side_heard_of_us_is_kept() -> None:
    us = RtcpReporter(OURS)
    assert us.theirs is None
    us.receive(receiver_report(block(fraction=64, lost=9, jitter=80)), 0)
    us.receive(receiver_report(block(ssrc=5, fraction=255)), 1)
    assert us.theirs is not None
    assert us.theirs[:3] == (OURS, 64, 9)
    assert us.counted == (0, 2, 0)


def test_a_goodbye_counts_when_it_is_of_who_is_heard() -> None:
    us = RtcpReporter(OURS)
    us.heard(THEIRS, 0, 1, 2, 0)
    stranger = part(201, 0, (7).to_bytes(4, "big")) + bye(7)
    assert us.receive(stranger, 0)
    assert not us.bye
    us.receive(receiver_report() + bye(THEIRS), 0)
    assert us.bye


def test_ten_thousand_random_compounds_leave_the_reporter_fit() -> None:
    chance = random.Random(11)
    us = RtcpReporter(OURS)
    for k in range(10_000):
        data = bytearray(sender_report(chance.getrandbits(64), block(), block(9)) + cname() + bye(THEIRS))
        for _ in range(chance.randrange(4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        us.receive(bytes(data), k * MS)
    sent, received, malformed = us.counted
    assert (sent, received + malformed) == (0, 10_000)
    assert received > 2_000
