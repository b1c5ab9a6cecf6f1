"""A stream in Opus: what is lost is found in the next packet, reports make it ready for loss, silence is not sent."""

from __future__ import annotations

import struct

import numpy as np

from mediasrv_native.codecs import OPUS, Encoder
from mediasrv_native.core import Core
from mediasrv_native.settings import RTCP_MUX
from tests.native.line import CALLER, FRAME_NS, GAP
from tests.reference import rtp
from tests.reference.rtp import RtpPacket
from tests.reference.sounds import Pcm, power_db, talk, to_pcm

RATE_HZ, CLOCK_HZ = 16_000, 48_000
FRAME, TICKS = RATE_HZ // 50, CLOCK_HZ // 50
PAYLOAD_TYPE, SSRC = 96, 0x1234
CODINGS = ((OPUS, PAYLOAD_TYPE),)
RECEIVER_REPORT, SOURCE_DESCRIPTION = 201, 202


def opus_core(**settings: int) -> Core:
    return Core(
        codings=CODINGS, say_hz=RATE_HZ, hear_hz=RATE_HZ, ssrc=SSRC, remote=CALLER, opus_bit_rate=24_000,
        ears_ms=2_000, **settings,
    )  # fmt: skip


def frames(pcm: Pcm) -> list[bytes]:
    return [pcm[at : at + FRAME].tobytes() for at in range(0, len(pcm) - FRAME + 1, FRAME)]


def heard(payloads: list[bytes], lost: set[int]) -> tuple[Pcm, list[bool]]:
    """The ears' samples, and of each 20 ms whether they were a gap."""
    core, pcm, gaps = opus_core(), b"", []
    for k, payload in enumerate(payloads):
        if k not in lost:
            core.receive(RtpPacket(payload, k, k * TICKS, 7, PAYLOAD_TYPE).encode(), CALLER, k * FRAME_NS)
        core.handle_deadline(k * FRAME_NS)
        core.tick_all(k * FRAME_NS)
        while (piece := core.read_ears()) is not None:
            pcm += piece[0]
            gaps += [bool(piece[1].flags & GAP)] * piece[1].samples
    return np.frombuffer(pcm, np.int16), gaps


def error_db(*, fec: bool) -> float:
    """How far what is heard with every eighth packet lost is from what is heard of all, where it was lost."""
    encoder = Encoder(OPUS, RATE_HZ, fec=fec, expected_loss=20, bit_rate=32_000)
    payloads = [encoder.encode(frame) for frame in frames(to_pcm(talk(4, 1, RATE_HZ)))]
    whole, _ = heard(payloads, set())
    broken, gaps = heard(payloads, set(range(8, len(payloads), 8)))
    n = min(len(whole), len(broken))
    missing = np.array(gaps[:n])
    assert 0.08 < missing.mean() < 0.15
    return power_db(whole[:n][missing].astype(float) - broken[:n][missing]) - power_db(whole[:n][missing])


def test_a_lost_packet_is_heard_from_the_copy_in_the_next() -> None:
    assert error_db(fec=True) < error_db(fec=False) - 3


def sent(core: Core, sound: list[bytes], first: int) -> list[RtpPacket]:
    packets = []
    for k, frame in enumerate(sound, first):
        core.play(1, frame)
        for _, data in core.tick_all((k + 1) * FRAME_NS):
            packet = rtp.parse(data)
            if packet is not None and packet.payload_type == PAYLOAD_TYPE:
                packets.append(packet)
    return packets


def receiver_report(loss: float) -> bytes:
    """RFC 3550 section 6.4.2, with the description that must go with it."""
    block = struct.pack("!IIIIII", SSRC, round(loss * 256) << 24, 10, 0, 0, 0)
    report = struct.pack("!BBHI", 0x81, RECEIVER_REPORT, 7, 7) + block
    return report + struct.pack("!BBHIBB2s", 0x81, SOURCE_DESCRIPTION, 2, 7, 1, 0, b"\0\0")


def copies(packets: list[RtpPacket]) -> int:
    """RFC 6716 section 4.2.3: in a packet of one SILK frame, the second bit says that a copy follows."""
    return sum(bool(packet.payload[1] & 0x40) for packet in packets if packet.payload[0] < 0x80)


def test_reported_loss_is_answered_with_copies() -> None:
    core, sound = (
        opus_core(rtcp=RTCP_MUX, opus_fec=1, opus_expected_loss=0),
        frames(to_pcm(talk(2, 1, RATE_HZ))),
    )
    assert copies(sent(core, sound, 0)) == 0
    core.receive(receiver_report(0.2), CALLER, len(sound) * FRAME_NS)
    assert copies(sent(core, sound, len(sound))) > len(sound) // 2
    core.receive(receiver_report(0.0), CALLER, 2 * len(sound) * FRAME_NS)
    assert copies(sent(core, sound, 2 * len(sound))) <= 1  # of a frame from before the report


def test_silence_is_not_sent_and_time_goes_on() -> None:
    core = opus_core(opus_dtx=1)
    packets = sent(core, [bytes(2 * FRAME)] * 100, 0)
    after = sent(core, frames(to_pcm(talk(0.2, 1, RATE_HZ))), 100)
    assert len(packets) < 40
    assert after[-1].timestamp == 109 * TICKS
    assert [packet.sequence for packet in packets + after] == list(range(len(packets + after)))
