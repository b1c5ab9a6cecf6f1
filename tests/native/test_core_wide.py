"""Streams whose RTP clock does not count their samples: G.722 (8 kHz for 16), Opus (48 for whatever it is)."""

from __future__ import annotations

import math
import random
from array import array
from dataclasses import dataclass, field

import pytest

from mediasrv_native.codecs import Decoder, Encoder
from mediasrv_native.core import Core, CoreSpan
from mediasrv_native.settings import G722, L16, OPUS
from tests.reference import rtp
from tests.reference.rtp import RtpPacket

MS = 1_000_000
CALLER = ("192.0.2.7", 40_000)
GAP = 1
EARS_HZ = 16_000


@dataclass
class WideLine:
    """A caller and an agent who both speak a wide-band codec; time moves in frames of 20 ms."""

    codec: int
    say_hz: int
    hear_hz: int
    clock_hz: int
    aec: int = 0
    now_ns: int = 1_000_000_000
    sequence: int = 7
    timestamp: int = 0xFFFF_F000  # it will wrap
    heard: list[int] = field(default_factory=list)
    spans: list[CoreSpan] = field(default_factory=list)
    sent: list[RtpPacket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.core = Core(
            codings=((self.codec, 96),), say_hz=self.say_hz, hear_hz=self.hear_hz, aec=self.aec, ns=self.aec,
            ears_ms=500, remote=CALLER,
        )  # fmt: skip
        self.encoder = Encoder(self.codec, self.hear_hz)
        self.decoder = Decoder(self.codec, self.say_hz)

    def step(self, pcm: bytes, *, lost: bool = False) -> bytes:
        """The caller says 20 ms, we send 20 ms; returns what the caller hears."""
        self.now_ns += 20 * MS
        packet = RtpPacket(self.encoder.encode(pcm), self.sequence, self.timestamp, 9, payload_type=96)
        self.sequence = (self.sequence + 1) % 2**16
        self.timestamp = (self.timestamp + self.clock_hz // 50) % 2**32
        if not lost:
            self.core.receive(packet.encode(), CALLER, self.now_ns)
        heard = b""
        for _, data in self.core.tick_all(self.now_ns):
            out = rtp.parse(data)
            assert out is not None
            self.sent.append(out)
            heard += self.decoder.decode(out.payload)
        while ears := self.core.read_ears():
            self.heard += array("h", ears[0])
            self.spans.append(ears[1])
        return heard


Rates = tuple[int, int, int, int]
G722_LINE: Rates = (G722, 16_000, 16_000, 8_000)
OPUS_LINE: Rates = (OPUS, 48_000, 16_000, 48_000)
L16_LINE: Rates = (L16, 16_000, 16_000, 16_000)
LINES = pytest.mark.parametrize("line", [G722_LINE, OPUS_LINE, L16_LINE], ids=["G722", "opus", "L16"])


def tone(hz: float, rate_hz: int, samples: int, first: int = 0, level: float = 8_000) -> bytes:
    return array(
        "h", (round(level * math.sin(2 * math.pi * hz * k / rate_hz)) for k in range(first, first + samples))
    ).tobytes()


def power_at(pcm: list[int], hz: float, rate_hz: int) -> float:
    """Amplitude of one line of the spectrum."""
    real = sum(s * math.cos(2 * math.pi * hz * k / rate_hz) for k, s in enumerate(pcm))
    imaginary = sum(s * math.sin(2 * math.pi * hz * k / rate_hz) for k, s in enumerate(pcm))
    return 2 * math.hypot(real, imaginary) / len(pcm)


@LINES
def test_every_sample_is_heard_in_its_place_across_a_wrap_of_time_stamps(
    line: Rates,
) -> None:
    wide = WideLine(*line)
    frame = wide.hear_hz // 50
    for k in range(40):
        wide.step(tone(1_000, wide.hear_hz, frame, k * frame))
    assert len(wide.heard) == 40 * EARS_HZ // 50
    assert power_at(wide.heard[-8_000:], 1_000, EARS_HZ) == pytest.approx(8_000, rel=0.1)
    for before, after in zip(wide.spans, wide.spans[1:], strict=False):
        assert after.rtp_extended - before.rtp_extended == before.samples * wide.clock_hz // EARS_HZ
    assert not any(span.flags for span in wide.spans)


@LINES
def test_lost_packets_are_made_up_for_and_labelled(line: Rates) -> None:
    wide = WideLine(*line)
    frame = wide.hear_hz // 50
    for k in range(60):
        wide.step(tone(440, wide.hear_hz, frame, k * frame), lost=k in (30, 41))
    assert len(wide.heard) == 60 * EARS_HZ // 50
    assert sum(span.samples for span in wide.spans if span.flags & GAP) == 2 * EARS_HZ // 50
    gap = wide.heard[30 * EARS_HZ // 50 : 31 * EARS_HZ // 50]
    assert power_at(gap, 440, EARS_HZ) > 4_000


@LINES
def test_what_is_played_reaches_the_caller_whole(line: Rates) -> None:
    wide = WideLine(*line)
    wide.core.play(1, tone(700, wide.say_hz, wide.say_hz))
    frame = bytes(wide.hear_hz // 50 * 2)
    heard = array("h", b"".join(wide.step(frame) for _ in range(45))).tolist()
    assert power_at(heard[wide.say_hz // 5 :], 700, wide.say_hz) == pytest.approx(8_000, rel=0.1)
    steps = {(b.timestamp - a.timestamp) % 2**32 for a, b in zip(wide.sent, wide.sent[1:], strict=False)}
    assert steps == {wide.clock_hz // 50}


def test_an_echo_is_cancelled_though_the_clock_does_not_count_samples() -> None:
    for line in (G722_LINE, OPUS_LINE):
        wide = WideLine(*line, aec=1)
        chance = random.Random(3)
        agent = array("h", (round(chance.gauss(0, 3_000)) for _ in range(8 * wide.say_hz))).tobytes()
        back = bytes(wide.hear_hz // 50 * 2 * 2)  # the room is 40 ms away
        decimate = wide.say_hz // wide.hear_hz
        for at in range(0, len(agent), wide.say_hz // 50 * 2):
            wide.core.play(1, agent[at : at + wide.say_hz // 50 * 2])
            heard = array("h", wide.step(back[: wide.hear_hz // 50 * 2]))
            back = back[wide.hear_hz // 50 * 2 :]
            echo = [sum(heard[k : k + decimate]) // decimate // 3 for k in range(0, len(heard), decimate)]
            back += array("h", echo).tobytes()
        quiet = wide.heard[-EARS_HZ:]
        level = math.sqrt(sum(s * s for s in quiet) / len(quiet))
        # the room gives back a third; the codecs add noise of their own, which no canceller can know
        assert level < 100, f"{line}: the agent hears itself at {level:.0f}"
