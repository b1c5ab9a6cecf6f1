"""Several codecs in one stream, packets of other lengths than the tick, and voices that are mixed in."""

from __future__ import annotations

import pytest

from mediasrv_native import kernels
from mediasrv_native.settings import PCMA, PCMU
from tests.native.line import FRAME, GAP, Line, noise, on_the_wire, pcm_of
from tests.reference.rtp import RtpPacket

BOTH = ((PCMU, 0), (PCMA, 8))
CODING, PTIME = 9, 13  # MS_OP_
WRONG_ARGUMENT = -1


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
def test_packets_of_any_length_carry_every_sample_in_its_place(ptime_ms: int) -> None:
    line = Line(ptime_ms=ptime_ms, first_timestamp=0xFFFF_FF00)
    pcm = noise(12 * FRAME)
    line.core.play(1, pcm)
    assert line.tick(12) == on_the_wire(pcm)
    each = ptime_ms * 8
    assert {len(packet.payload) for packet in line.sent} == {each}
    assert [packet.timestamp for packet in line.sent] == [
        (0xFFFF_FF00 + k * each) % 2**32 for k in range(12 * FRAME // each)
    ]
    assert [packet.marker for packet in line.sent] == [True] + [False] * (len(line.sent) - 1)


def test_what_was_not_yet_enough_for_a_packet_is_not_sent_after_a_pause() -> None:
    line = Line(ptime_ms=60)
    line.core.play(1, noise(10 * FRAME))
    line.tick(2)
    line.core.set_direction(line.now_ns, sending=False)
    line.tick(1)
    line.core.set_direction(line.now_ns, sending=True)
    line.tick(3)
    assert [packet.timestamp for packet in line.sent] == [3 * FRAME]


def test_each_packet_is_decoded_by_its_own_payload_type() -> None:
    line = Line(codings=BOTH, ears_ms=2_000)
    pcm, a_law = noise(FRAME, level=6_000), []
    for k in range(6):
        if k % 2:
            packet = RtpPacket(
                kernels.g711_encode_a(pcm), line.sequence, line.timestamp, line.ssrc, payload_type=8
            )
            line.sequence += 1
            line.timestamp += FRAME
            line.now_ns += 20_000_000
            line.give(packet)
        else:
            line.say(pcm)
        a_law.append(k % 2)
    assert line.core.statistics()["unknown_type"] == 0
    _, spans = line.ears()
    assert not any(span.flags & GAP for span in spans)
    assert sum(span.samples for span in spans) == 6 * 320


def test_a_stream_changes_to_another_of_its_codecs_without_a_hole() -> None:
    line = Line(codings=BOTH)
    pcm = noise(4 * FRAME)
    line.core.play(1, pcm)
    line.tick(2)
    assert line.core.apply_raw(CODING, line.now_ns, arg=8) == 0
    line.tick(2)
    assert [packet.payload_type for packet in line.sent] == [0, 0, 8, 8]
    assert [packet.timestamp for packet in line.sent] == [k * FRAME for k in range(4)]
    after = b"".join(packet.payload for packet in line.sent[2:])
    assert after == kernels.g711_encode_a(pcm[2 * FRAME * 2 :])


@pytest.mark.parametrize(("before_ms", "after_ms"), [(60, 10), (30, 40), (20, 60), (60, 20)])
def test_packets_of_another_length_follow_without_a_hole(before_ms: int, after_ms: int) -> None:
    line = Line(ptime_ms=before_ms)
    pcm = noise(24 * FRAME)
    line.core.play(1, pcm)
    line.tick(4)
    assert line.core.apply_raw(PTIME, line.now_ns, arg=after_ms) == 0
    line.tick(20)
    sent = b"".join(packet.payload for packet in line.sent)
    assert sent == kernels.g711_encode_u(pcm)[: len(sent)]
    assert len(sent) > 24 * FRAME - after_ms * 8
    sizes = [len(packet.payload) for packet in line.sent]
    changed = sizes.index(after_ms * 8)
    assert set(sizes[:changed]) == {before_ms * 8}
    assert set(sizes[changed:]) == {after_ms * 8}
    assert changed * before_ms < 4 * 20 + 60
    timestamps = [packet.timestamp for packet in line.sent]
    assert timestamps == [timestamps[0] + sum(sizes[:k]) for k in range(len(sizes))]


@pytest.mark.parametrize("ms", [0, -20, 50, 80, 276])
def test_packets_of_a_length_that_nobody_uses_are_not_sent(ms: int) -> None:
    line = Line()
    assert line.core.apply_raw(PTIME, line.now_ns, arg=ms) == WRONG_ARGUMENT


@pytest.mark.parametrize("payload_type", [9, -1, 300])
def test_a_codec_that_was_not_agreed_on_cannot_be_changed_to(payload_type: int) -> None:
    line = Line(codings=BOTH)
    assert line.core.apply_raw(CODING, line.now_ns, arg=payload_type) == WRONG_ARGUMENT


def test_another_voice_is_added_once_and_the_sum_does_not_wrap() -> None:
    line = Line()
    line.core.play(1, pcm_of([20_000] * (5 * FRAME)))
    line.core.mix_in(pcm_of([20_000] * FRAME))
    loud, *_, alone = (line.tick() for _ in range(5))
    assert min(loud[40:]) > 28_000
    assert set(alone) == {on_the_wire(pcm_of([20_000]))[0]}


def test_several_voices_sum_each_with_its_gain() -> None:
    line = Line()
    line.core.mix_in(pcm_of([8_000] * FRAME), 0.5)
    line.core.mix_in(pcm_of([-1_000] * FRAME), 1.0)
    assert set(line.tick()) == {on_the_wire(pcm_of([3_000]))[0]}
