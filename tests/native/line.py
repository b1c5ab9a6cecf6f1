"""A line with a core at one end: the test is the caller, the clock, and the agent."""

from __future__ import annotations

import math
import random
from array import array
from typing import TYPE_CHECKING, Unpack

from mediasrv_native import kernels
from mediasrv_native.core import Core, CoreEvent, CoreSpan
from tests.reference import rtp
from tests.reference.rtp import RtpPacket

if TYPE_CHECKING:  # a shape for the type checker; at run time it is a dict
    from mediasrv_native.settings import Settings

Address = tuple[str, int]

DEFAULTS: Settings = {"telephone_event_type": 101, "remote": ("192.0.2.1", 4_000)}

MS = 1_000_000
FRAME_NS = 20 * MS
FRAME = 160
CALLER: Address = ("192.0.2.7", 40_000)
STRANGER: Address = ("198.51.100.9", 40_000)

ONSET, OFFSET, HELD, RELEASED, FLUSHED, MARK, FINISHED, STARVED, DTMF = range(1, 10)
MEDIA_TIMEOUT, MEDIA_BACK, LOCKED = 10, 11, 12
LULL = 19
GAP, MASKED, SPEECH, RESYNC = 1, 2, 4, 8
IGNORE, HOLD, DUCK = 0, 1, 2


def pcm_of(samples: list[int] | array[int]) -> bytes:
    return array("h", samples).tobytes()


def samples_of(pcm: bytes) -> list[int]:
    return array("h", pcm).tolist()


def on_the_wire(pcm: bytes) -> list[int]:
    """What G.711 mu-law leaves of it."""
    return samples_of(kernels.g711_decode_u(kernels.g711_encode_u(pcm)))


def noise(n: int, seed: int = 1, level: int = 8000) -> bytes:
    """Audio in which every stretch is different, so that a sample's place can be told."""
    rng = random.Random(seed)
    return pcm_of([rng.randint(-level, level) for _ in range(n)])


def voice(n: int, pitch_hz: float = 125, level: float = 6000, rate_hz: int = 8000, first: int = 0) -> bytes:
    """A vowel: harmonics under two formants, with the tremble of a larynx."""
    weights = [
        math.exp(-(((k * pitch_hz - 700) / 300) ** 2))
        + 0.6 * math.exp(-(((k * pitch_hz - 1200) / 400) ** 2))
        + 0.15
        for k in range(1, 25)
    ]
    scale = level / sum(weights) * 2
    out = []
    for i in range(first, first + n):
        t = i / rate_hz
        phase = 2 * math.pi * pitch_hz * t + 0.35 * math.sin(2 * math.pi * 5 * t)
        swell = 0.75 + 0.25 * math.sin(2 * math.pi * 3.3 * t)
        value = scale * swell * sum(w * math.sin(k * phase + k * k) for k, w in enumerate(weights, 1))
        out.append(max(-32000, min(32000, round(value))))
    return pcm_of(out)


class Line:
    """Time stands still unless a method moves it; packets come and ticks are due on a 20 ms grid."""

    def __init__(self, *, seed: int = 0, **settings: Unpack[Settings]) -> None:
        self.core = Core(seed=seed, **(DEFAULTS | settings))
        self.now_ns = 1_000_000_000
        self.sequence, self.timestamp, self.ssrc = 100, 8_000, 0x5EED
        self.sent: list[RtpPacket] = []
        self.sent_to: list[Address] = []
        self.events: list[CoreEvent] = []

    def collect(self) -> None:
        self.events += self.core.events()

    def kinds(self) -> list[int]:
        return [event.kind for event in self.events]

    def of_kind(self, kind: int) -> list[CoreEvent]:
        return [event for event in self.events if event.kind == kind]

    # ---- our side -------------------------------------------------------------------------------------------
    def tick(self, count: int = 1) -> list[int]:
        """Lets 20 ms pass, `count` times; returns the samples that were sent."""
        heard: list[int] = []
        for _ in range(count):
            self.now_ns += FRAME_NS
            packets = self.core.tick_all(self.now_ns)
            self.collect()
            for to, data in packets:
                packet = rtp.parse(data)
                assert packet is not None
                self.sent.append(packet)
                self.sent_to.append(to)
                heard += samples_of(kernels.g711_decode_u(packet.payload))
        return heard

    # ---- the caller's side ----------------------------------------------------------------------------------
    def packet(self, pcm: bytes) -> RtpPacket:
        """The next packet of the caller's stream; the stream moves on."""
        made = RtpPacket(kernels.g711_encode_u(pcm), self.sequence, self.timestamp, self.ssrc)
        self.sequence += 1
        self.timestamp += len(pcm) // 2
        return made

    def give(self, packet: RtpPacket | bytes, source: Address = CALLER) -> bool:
        data = packet.encode() if isinstance(packet, RtpPacket) else packet
        urgent = self.core.receive(data, source, self.now_ns)
        self.collect()
        return urgent

    def say(self, pcm: bytes, *, ptime_ms: int = 20, tick: bool = False) -> None:
        """The caller's audio, in packets, each at its time."""
        step = ptime_ms * 8 * 2
        for at in range(0, len(pcm), step):
            piece = pcm[at : at + step]
            if tick:
                self.tick()
            else:
                self.now_ns += len(piece) // 16 * MS
            self.give(self.packet(piece))

    def key(self, code: int, duration: int, *, start: int, end: bool = False) -> None:
        """One telephone-event packet; it takes a place in the sequence and no time."""
        self.give(
            RtpPacket(
                rtp.telephone_event(code, duration, end=end),
                self.sequence,
                start,
                self.ssrc,
                payload_type=101,
            )
        )
        self.sequence += 1

    def ears(self) -> tuple[bytes, list[CoreSpan]]:
        """Everything heard and not read yet."""
        pcm, spans = b"", []
        while (piece := self.core.read_ears()) is not None:
            pcm += piece[0]
            spans.append(piece[1])
        return pcm, spans
