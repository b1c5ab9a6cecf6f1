"""Packets in: order, loss, sources, keys, time-outs, and whatever a stranger may send."""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv_native.settings import RTCP_MUX
from tests.native.line import (
    CALLER,
    DTMF,
    FRAME,
    GAP,
    LOCKED,
    MASKED,
    MEDIA_BACK,
    MEDIA_TIMEOUT,
    MS,
    RESYNC,
    STRANGER,
    Line,
    noise,
    samples_of,
    voice,
)
from tests.reference import rtp
from tests.reference.rtp import RtpPacket, telephone_event

DROPPED = ("malformed", "foreign", "unknown_type", "duplicate", "late", "oversize", "not_hearing")


@pytest.fixture
def line() -> Line:
    return Line()


def drops(line: Line) -> dict[str, int | float]:
    counted = line.core.statistics()
    return {name: counted[name] for name in DROPPED if counted[name]}


def frames(count: int) -> list[bytes]:
    return [noise(FRAME, seed=k) for k in range(count)]


def heard_with(order: list[int], **settings: int) -> tuple[bytes, Line]:
    """What the ears make of packets that come in this order, 1 ms apart."""
    line = Line(**settings)
    packets = [line.packet(frame) for frame in frames(max(order) + 1)]
    for k in order:
        line.now_ns += MS
        line.give(packets[k])
    line.now_ns += 100 * MS
    line.core.handle_deadline(line.now_ns)
    return line.ears()[0], line


# ---- order -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [[0, 2, 1, 3], [0, 3, 2, 1], [0, 1, 4, 3, 2, 5], [0, 2, 1, 4, 3]])
def test_packets_out_of_order_are_heard_in_order(order: list[int]) -> None:
    straight, _ = heard_with(list(range(max(order) + 1)))
    mixed, line = heard_with(order)
    assert mixed == straight
    assert line.core.statistics()["reordered"] > 0
    assert line.core.statistics()["lost"] == 0


def test_a_packet_that_comes_twice_is_heard_once() -> None:
    straight, _ = heard_with([0, 1, 2, 3])
    doubled, line = heard_with([0, 0, 1, 3, 3, 2, 1, 0])
    assert doubled == straight
    assert drops(line) == {"duplicate": 4}


def test_a_missing_packet_is_waited_for_no_longer_than_allowed(line: Line) -> None:
    packets = [line.packet(frame) for frame in frames(4)]
    line.give(packets[0])
    line.give(packets[2])
    assert line.core.next_deadline() == line.now_ns + 40 * MS
    line.core.handle_deadline(line.now_ns + 40 * MS - 1)
    assert line.core.ears_readable() == 2 * FRAME
    line.core.handle_deadline(line.now_ns + 40 * MS)
    assert line.core.ears_readable() == 6 * FRAME
    assert line.core.next_deadline() > line.now_ns + 10**12
    line.now_ns += 50 * MS
    line.give(packets[1])
    assert drops(line) == {"late": 1}
    assert line.core.statistics()["lost"] == 1


def test_nothing_waits_when_nothing_is_missing_or_waiting_is_forbidden() -> None:
    for order, settings in (([0, 1], {}), ([0, 2], {"reorder_ms": 0})):
        line = Line(**settings)
        packets = [line.packet(frame) for frame in frames(3)]
        for k in order:
            line.give(packets[k])
        assert line.core.ears_readable() == 2 * FRAME * (order[-1] + 1)


def test_a_burst_behind_a_missing_packet_does_not_overrun_the_reorder_buffer() -> None:
    _, line = heard_with([0, *range(2, 40)])
    assert line.core.statistics()["lost"] == 1
    assert line.core.statistics()["concealed_samples"] == FRAME


def test_both_wraps_of_sequence_and_time_stamp_are_seamless(line: Line) -> None:
    line.sequence, line.timestamp = 0xFFFD, 0xFFFFFFFF - 3 * FRAME
    for frame in frames(8):
        line.say(frame)
    _, spans = line.ears()
    assert all(b.rtp_extended - a.rtp_extended == FRAME for a, b in pairwise(spans))
    assert all(span.flags == 0 for span in spans)
    assert spans[0].rtp_extended == 0xFFFFFFFF - 3 * FRAME


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.randoms(use_true_random=False))
def test_any_shuffle_within_the_window_is_undone(sequence: int, timestamp: int, rng: random.Random) -> None:
    line = Line()
    line.sequence, line.timestamp = sequence, timestamp
    packets = [line.packet(frame) for frame in frames(9)]
    later = packets[1:]
    rng.shuffle(later)
    for packet in [packets[0], *later]:
        line.give(packet)
    straight, _ = heard_with(list(range(9)))
    assert line.ears()[0] == straight


# ---- gaps --------------------------------------------------------------------------------------------------------


def test_a_lost_packet_is_concealed_and_labelled(line: Line) -> None:
    sound = voice(10 * FRAME)
    for k in range(10):
        packet = line.packet(sound[k * 320 : k * 320 + 320])
        line.now_ns += 20 * MS
        if k != 5:
            line.give(packet)
    pcm, spans = line.ears()
    assert len(pcm) // 2 == 10 * 2 * FRAME
    assert sum(s.samples for s in spans if s.flags & GAP) == 2 * FRAME
    assert line.core.statistics()["concealed_samples"] == FRAME
    assert max(map(abs, samples_of(pcm)[5 * 320 : 6 * 320])) > 1_000


def test_a_long_loss_is_concealed_for_200_ms_then_silent(line: Line) -> None:
    line.say(voice(5 * FRAME))
    line.sequence += 40
    line.timestamp += 40 * FRAME
    line.now_ns += 800 * MS
    line.say(voice(2 * FRAME))
    pcm, spans = line.ears()
    assert len(pcm) // 2 == 47 * 2 * FRAME
    assert sum(s.samples for s in spans if s.flags & GAP) == 40 * 2 * FRAME
    assert line.core.statistics()["concealed_samples"] == 10 * FRAME
    assert line.core.statistics()["resyncs"] == 0


def test_a_pause_in_which_the_sender_sent_nothing_is_silence_not_concealment(line: Line) -> None:
    line.say(voice(5 * FRAME))
    line.timestamp += 20 * FRAME
    line.now_ns += 400 * MS
    line.say(voice(FRAME))
    _, spans = line.ears()
    assert sum(s.samples for s in spans if s.flags & GAP) == 20 * 2 * FRAME
    assert line.core.statistics()["concealed_samples"] == 0


@pytest.mark.parametrize("lost", [0, 250], ids=["silent", "lost"])
def test_five_seconds_of_nothing_are_a_jump_not_five_seconds_of_filling(line: Line, lost: int) -> None:
    line.say(noise(3 * FRAME))
    line.sequence += lost
    line.timestamp += 5 * 8_000
    line.now_ns += 5_000 * MS
    line.say(noise(2 * FRAME))
    pcm, spans = line.ears()
    assert len(pcm) // 2 == 5 * 2 * FRAME
    assert [bool(s.flags & RESYNC) for s in spans] == [False, False, False, True, False]
    assert spans[3].rtp_extended - spans[2].rtp_extended == 5 * 8_000 + FRAME
    assert line.core.statistics()["resyncs"] == 1
    assert line.core.statistics()["concealed_samples"] == 0


def test_a_step_back_in_time_is_a_jump_and_extended_time_still_grows(line: Line) -> None:
    line.say(noise(3 * FRAME))
    line.timestamp -= 1_000
    line.say(noise(2 * FRAME))
    _, spans = line.ears()
    assert spans[3].flags & RESYNC
    assert spans[3].rtp_extended > spans[2].rtp_extended
    assert spans[3].rtp_extended % 2**32 == (8_000 + 3 * FRAME - 1_000) % 2**32


# ---- sources -----------------------------------------------------------------------------------------------------


def test_the_first_source_is_locked_and_answered_and_strangers_change_nothing(line: Line) -> None:
    line.say(noise(FRAME))
    assert [e.remote for e in line.of_kind(LOCKED)] == [CALLER]
    before = line.core.statistics() | {"packets_received": 0, "octets_received": 0, "foreign": 0}
    for k in range(50):
        line.give(RtpPacket(b"\0" * 160, 9_000 + k, k * 160, ssrc=9), STRANGER)
    after = line.core.statistics() | {"packets_received": 0, "octets_received": 0, "foreign": 0}
    assert after == before
    assert drops(line) == {"foreign": 50}
    line.tick()
    assert line.sent_to == [CALLER]


def test_an_unlocked_stream_hears_everyone_and_answers_where_it_was_told() -> None:
    line = Line(lock_source=0, remote=("203.0.113.5", 6_000))
    line.say(noise(FRAME))
    line.give(line.packet(noise(FRAME)), STRANGER)
    line.tick()
    assert line.core.ears_readable() == 4 * FRAME
    assert line.sent_to == [("203.0.113.5", 6_000)]
    assert line.of_kind(LOCKED) == []


def test_a_new_remote_is_sent_to_and_the_old_source_cannot_slip_back(line: Line) -> None:
    line.say(noise(FRAME))
    line.core.set_remote(STRANGER, line.now_ns)
    line.say(noise(FRAME))
    assert drops(line) == {"foreign": 1}
    line.tick()
    assert line.sent_to == [STRANGER]
    line.give(RtpPacket(b"\0" * 160, 1, 1, ssrc=9), STRANGER)
    assert [e.remote for e in line.of_kind(LOCKED)] == [CALLER, STRANGER]


def test_a_peer_behind_a_nat_is_found_again_after_it_announced_an_address_it_does_not_send_from(
    line: Line,
) -> None:
    line.say(noise(FRAME))
    line.core.set_remote(("10.0.0.9", 4_000), line.now_ns)
    line.say(noise(15 * FRAME))
    line.tick()
    assert line.sent_to == [CALLER]


def test_a_changed_ssrc_is_believed_at_its_second_packet(line: Line) -> None:
    line.say(noise(2 * FRAME))
    line.give(RtpPacket(b"\1" * 160, 7, 7, ssrc=666))
    line.say(noise(FRAME))
    assert line.core.statistics()["ssrc_changes"] == 0
    line.ssrc, line.sequence, line.timestamp = 0xBEEF, 30_000, 1 << 31
    line.say(noise(3 * FRAME))
    _, spans = line.ears()
    assert [bool(s.flags & RESYNC) for s in spans] == [False, False, False, True, False]
    assert line.core.statistics()["ssrc_changes"] == 1
    assert drops(line) == {"foreign": 2}


def test_another_source_of_an_unknown_type_takes_nothing_over(line: Line) -> None:
    """Video, or repairs of it, on the port that the peer's sound comes to (BUNDLE)."""
    for frame in frames(4):
        line.say(frame)
        for k in range(3):
            line.give(RtpPacket(bytes(900), 7_000 + 3 * line.sequence + k, 90_000, ssrc=666, payload_type=97))
    statistics = line.core.statistics()
    assert statistics["ssrc_changes"] == statistics["resyncs"] == 0
    assert statistics["unknown_type"] == 12
    _, spans = line.ears()
    assert sum(span.samples for span in spans if not span.flags & GAP) == 4 * 320


def test_a_sender_that_starts_again_is_believed_at_its_second_packet(line: Line) -> None:
    line.say(noise(2 * FRAME))
    line.sequence, line.timestamp = 40_000, 12
    line.say(noise(3 * FRAME))
    assert line.core.statistics()["resyncs"] == 1
    assert line.core.statistics()["ssrc_changes"] == 0
    assert drops(line) == {"late": 1}
    assert line.core.ears_readable() == 4 * 2 * FRAME


def test_a_stream_that_may_not_hear_drops_and_goes_on_afterwards(line: Line) -> None:
    line.say(noise(FRAME))
    line.core.set_direction(line.now_ns, hearing=False)
    line.say(noise(3 * FRAME))
    line.core.set_direction(line.now_ns, hearing=True)
    line.say(noise(FRAME))
    assert drops(line) == {"not_hearing": 3}
    assert line.core.ears_readable() == 2 * 2 * FRAME


def test_jitter_is_rfc_3550s(line: Line) -> None:
    jitter, transit = 0.0, None
    for k in range(60):
        late_ms = (k * 7) % 11
        line.now_ns = (1_000 + 20 * k + late_ms) * MS
        line.give(line.packet(noise(FRAME)))
        now = late_ms * 8
        if transit is not None:
            jitter += (abs(now - transit) - jitter) / 16
        transit = now
    assert line.core.statistics()["jitter_us"] == pytest.approx(jitter * 125, rel=0.05)


# ---- keys --------------------------------------------------------------------------------------------------------


def press(line: Line, code: int, *, reports: int = 5, ends: int = 3, audio: bool = False) -> None:
    start = line.timestamp
    for k in range(1, reports + 1):
        line.now_ns += 20 * MS
        line.key(code, k * FRAME, start=start)
        if audio:
            line.give(line.packet(noise(FRAME, level=20_000)))
    for _ in range(ends):
        line.key(code, reports * FRAME, start=start, end=True)
    if not audio:
        line.timestamp += reports * FRAME


def test_a_key_is_told_once_whatever_is_repeated(line: Line) -> None:
    line.say(noise(2 * FRAME))
    for code in (1, 1, 11):
        press(line, code)
        line.say(noise(3 * FRAME))
    assert [e.code for e in line.of_kind(DTMF)] == [1, 1, 11]
    assert drops(line) == {}


def test_the_ears_hear_no_key_whether_it_stands_alone_or_beside_audio() -> None:
    for audio in (False, True):
        line = Line()
        line.say(noise(4 * FRAME))
        press(line, 5, audio=audio)
        line.say(noise(6 * FRAME))
        pcm, spans = line.ears()
        masked = sum(s.samples for s in spans if s.flags & MASKED)
        assert 5 * 320 <= masked <= 8 * 320
        assert not any(samples_of(pcm)[4 * 320 + 96 : 9 * 320])  # but for the resampler's memory
        assert any(samples_of(pcm)[-3 * 320 :])
        assert len(pcm) // 2 == 15 * 320
        assert line.core.statistics()["concealed_samples"] == 0


def test_comfort_noise_holds_its_place_and_is_not_heard(line: Line) -> None:
    line.say(noise(FRAME))
    line.give(RtpPacket(b"\x40", line.sequence, line.timestamp, line.ssrc, payload_type=13))
    line.sequence += 1
    line.timestamp += FRAME
    line.say(noise(FRAME))
    assert drops(line) == {}
    assert line.core.statistics()["lost"] == line.core.statistics()["concealed_samples"] == 0
    assert line.core.ears_readable() == 3 * 2 * FRAME


# ---- time-outs ---------------------------------------------------------------------------------------------------


def test_a_silent_peer_is_told_once_and_its_return_too() -> None:
    line = Line(media_timeout_ms=500)
    line.tick(24)
    assert MEDIA_TIMEOUT not in line.kinds()
    line.tick(30)
    assert line.kinds().count(MEDIA_TIMEOUT) == 1
    line.say(noise(2 * FRAME))
    assert line.kinds().count(MEDIA_BACK) == 1
    line.tick(60)
    assert line.kinds().count(MEDIA_TIMEOUT) == 2


def silent_report(packets: int | None = None) -> bytes:
    """A receiver report, or, with what was sent so far, a sender's."""
    if packets is None:
        return struct.pack("!BBHI", 0x80, 201, 1, Line().ssrc)
    return struct.pack("!BBHIQIII", 0x80, 200, 6, Line().ssrc, 1 << 32, 0, packets, packets * 160)


def reporting_for_a_second(reports: list[bytes]) -> Line:
    """One packet, then nothing but a report every 200 ms."""
    line = Line(media_timeout_ms=500, rtcp=RTCP_MUX)
    line.say(noise(FRAME))
    for report in reports:
        line.tick(10)
        line.give(report, CALLER)
    return line


@pytest.mark.parametrize("report", [silent_report(), silent_report(1)], ids=["receiver", "sender"])
def test_a_peer_that_reports_and_sends_nothing_is_silent_on_purpose(report: bytes) -> None:
    line = reporting_for_a_second([report] * 5)
    assert MEDIA_TIMEOUT not in line.kinds()
    line.tick(30)
    assert line.kinds().count(MEDIA_TIMEOUT) == 1
    line.give(report, CALLER)
    assert MEDIA_BACK not in line.kinds()  # that takes sound


def test_a_peer_whose_packets_are_lost_on_the_way_is_not_silent() -> None:
    line = reporting_for_a_second([silent_report(10 * k) for k in range(1, 6)])
    assert MEDIA_TIMEOUT in line.kinds()


def test_a_peer_that_was_never_heard_and_one_that_says_goodbye_time_out() -> None:
    line = Line(media_timeout_ms=500, rtcp=RTCP_MUX, remote=CALLER)
    for _ in range(5):
        line.tick(10)
        line.give(silent_report(), CALLER)
    assert MEDIA_TIMEOUT in line.kinds()
    bye = silent_report() + struct.pack("!BBHI", 0x81, 203, 1, line.ssrc)
    assert MEDIA_TIMEOUT in reporting_for_a_second([bye] * 5).kinds()


def test_strangers_and_rubbish_do_not_count_as_media() -> None:
    line = Line(media_timeout_ms=500)
    line.say(noise(FRAME))
    for _ in range(30):
        line.tick()
        line.give(RtpPacket(b"\0" * 160, 1, 1, ssrc=9), STRANGER)
        line.give(b"\0" * 50)
    assert MEDIA_TIMEOUT in line.kinds()


def test_a_stream_that_may_not_hear_does_not_time_out() -> None:
    line = Line(media_timeout_ms=500)
    line.core.set_direction(line.now_ns, hearing=False)
    line.tick(100)
    assert MEDIA_TIMEOUT not in line.kinds()


# ---- hostile input -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 11, 12, 1_501, 65_535])
def test_packets_of_any_size_are_dropped_and_counted(line: Line, n: int) -> None:
    line.give(b"\x80\0" + bytes(max(0, n - 2)) if n > 1 else b"\x80"[:n])
    assert drops(line) == {"oversize" if n > 1_500 else "malformed": 1}
    assert line.core.ears_readable() == 0
    assert line.events == []


@pytest.mark.parametrize(
    "packet",
    [
        RtpPacket(b"", 1, 1),
        RtpPacket(b"\0" * 481, 1, 1),
        RtpPacket(telephone_event(1, 100)[:3], 1, 1, payload_type=101),
        RtpPacket(b"\0" * 160, 1, 1, payload_type=73),  # RTCP astray
    ],
    ids=["empty", "over 60 ms", "short key", "rtcp"],
)
def test_well_formed_nonsense_is_malformed_too(line: Line, packet: RtpPacket) -> None:
    line.give(packet)
    assert drops(line) == {"malformed": 1}
    assert LOCKED not in line.kinds()


def test_csrcs_extension_and_padding_are_taken_off(line: Line) -> None:
    plain, dressed = Line(), line
    for k, frame in enumerate(frames(4)):
        plain.say(frame)
        packet = dressed.packet(frame)
        dressed.give(replace(packet, csrcs=tuple(range(k)), extension=bytes(4 * k), padding=3 * k))
    assert dressed.ears()[0] == plain.ears()[0]


def test_every_length_a_header_may_lie_about_is_checked(line: Line) -> None:
    whole = RtpPacket(b"\0" * 8, 1, 1, csrcs=(1, 2), extension=bytes(8), padding=4).encode()
    for n in range(len(whole)):
        if rtp.parse(whole[:n]) is None:
            line.give(whole[:n])
    assert line.core.statistics()["malformed"] == sum(rtp.parse(whole[:n]) is None for n in range(len(whole)))
    assert line.events == []


@given(st.lists(st.binary(max_size=300), max_size=40))
def test_random_bytes_agree_with_the_oracle_about_what_is_rtp(datagrams: list[bytes]) -> None:
    line = Line()
    for data in datagrams:
        line.give(data)
    refused = line.core.statistics()["malformed"]
    assert refused >= sum(rtp.parse(data) is None for data in datagrams)
    accepted = [p for data in datagrams if (p := rtp.parse(data)) and p.payload_type not in (0, 101)]
    assert refused <= len(datagrams) - len(accepted)


@given(st.data())
def test_hostile_headers_never_break_a_stream(data: st.DataObject) -> None:
    line = Line(vad=1, aec=1, ns=1, ears_ms=100)
    for _ in range(data.draw(st.integers(1, 40))):
        line.now_ns += data.draw(st.integers(0, 300)) * MS
        line.give(
            RtpPacket(
                data.draw(st.binary(max_size=520)),
                data.draw(st.integers(0, 0xFFFF)),
                data.draw(st.sampled_from([0, 1, 160, 8_000, 1 << 31, 0xFFFFFFFF])),
                ssrc=data.draw(st.sampled_from([1, 2])),
                payload_type=data.draw(st.sampled_from([0, 13, 101, 5])),
            )
        )
        line.tick()
    pcm, spans = line.ears()
    assert sum(s.samples for s in spans) * 2 == len(pcm)
    counted = line.core.statistics()
    assert counted["packets_received"] >= sum(counted[name] for name in DROPPED)
