"""Throws damaged packets and wrong commands at the media core: `fuzz_rtp.py --seconds N --seed S`.

A caller with a healthy stream (any codec, plain or protected, with RTCP on the same port or without) is disturbed by
damaged copies of his packets, by strangers and by jumping clocks, while the agent talks, holds and flushes, and people
listen over the bridge. Half of what is damaged under protection was damaged before, so that it authenticates. Fails on
any exception, on a packet that is not one of ours, and when the healthy stream is not heard again afterwards.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache

from mediasrv_native.codecs import G722, L16, OPUS, PCMA, PCMU, Encoder
from mediasrv_native.core import Core
from mediasrv_native.errors import NativeError
from mediasrv_native.repair import METHODS
from mediasrv_native.rtp import RtcpReporter, Srtp, is_rtcp
from mediasrv_native.settings import RTCP_MUX, RTCP_OFF
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import Mutator
from tests.native.line import CALLER, FRAME_NS, STRANGER, noise, voice
from tests.reference import rtp
from tests.reference.rtp import RtpPacket
from tests.reference.srtp import PROFILES

SPICES = (
    b"\x00",
    b"\xff",
    b"\x80",
    b"\x80\x65",
    b"\x80\xc8",
    b"\x8d",
    b"\xbe\xde\xff\xff",
    b"\x00" * 1500,
    b"\xff" * 200,
)
TICKS_A_RUN = 400
TELEPHONE_EVENT, COMFORT_NOISE = 101, 13
OPERATIONS = range(12)
OURS, THEIRS, RETURNING = 0x1234, 1, 99

Keys = tuple[int, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a stream speaks; `ticks` of its RTP clock pass in 20 ms."""

    codec: int
    payload_type: int
    hz: int
    ticks: int


KINDS = (
    Kind(PCMU, 0, 8_000, 160),
    Kind(PCMA, 8, 8_000, 160),
    Kind(G722, 9, 16_000, 160),
    Kind(L16, 96, 16_000, 320),
    Kind(OPUS, 97, 48_000, 960),
)


@cache
def payloads(kind: Kind) -> tuple[bytes, ...]:
    """A vowel and noise, 20 ms each."""
    encoder, step = Encoder(kind.codec, kind.hz), 2 * kind.hz // 50
    sound = voice(kind.hz // 5, rate_hz=kind.hz) + noise(kind.hz // 5, kind.codec)
    return tuple(encoder.encode(sound[at : at + step]) for at in range(0, len(sound), step))


def healthy(kind: Kind, k: int, ssrc: int) -> bytes:
    """Mostly sound, now and then a key or a description of the silence."""
    if k % 50 < 5:
        event = rtp.telephone_event(k // 50 % 20, kind.ticks * (k % 50 + 1), end=k % 50 == 4)
        return RtpPacket(event, k, (k - k % 50) * kind.ticks, ssrc, TELEPHONE_EVENT).encode()
    if k % 97 == 0:
        level_and_shape = bytes([k % 128, *range(k % 12)])
        return RtpPacket(level_and_shape, k, k * kind.ticks, ssrc, COMFORT_NOISE).encode()
    payload = payloads(kind)[k % len(payloads(kind))]
    return RtpPacket(payload, k, k * kind.ticks, ssrc, kind.payload_type).encode()


class Run:
    def __init__(self, seed: int) -> None:
        self.mutator = Mutator(seed, SPICES)
        self.chance = chance = self.mutator.random
        self.kind = KINDS[seed % len(KINDS)]
        self.keys = chance.choice((None, self.some_keys()))
        self.bridged, is_full = chance.random() < 0.5, chance.random() < 0.5
        self.core = Core(
            seed=seed, codings=self.codings(), say_hz=self.kind.hz, hear_hz=self.kind.hz,
            ptime_ms=chance.choice((10, 20, 40, 60) if self.kind.codec != L16 else (10, 20)),
            telephone_event_type=TELEPHONE_EVENT, comfort_noise_type=chance.choice((0, COMFORT_NOISE)),
            aec=is_full, ns=is_full, vad=is_full, high_pass=is_full,
            plc=chance.choice([*METHODS.values()]), bridge=self.bridged, lock_source=1,
            reorder_ms=chance.choice((0, 40)), playout_ms=500, rewind_ms=200, ears_ms=200,
            media_timeout_ms=1_000, remote=CALLER, ssrc=OURS, srtp=self.keys,
            opus_complexity=1, opus_fec=True, rtcp=chance.choice((RTCP_MUX, RTCP_OFF)),
        )  # fmt: skip
        self.ends = self.ends_of(self.keys, THEIRS)
        self.reporter = RtcpReporter(THEIRS, seed=seed)
        self.sound = noise(self.kind.hz // 50 * 4, seed)

    def codings(self) -> tuple[tuple[int, int], ...]:
        """G.711 comes in two laws, and either may arrive."""
        own = (self.kind.codec, self.kind.payload_type)
        others = [(k.codec, k.payload_type) for k in KINDS[:2] if k != self.kind]
        return (own, *others[:1]) if self.kind in KINDS[:2] else (own,)

    def some_keys(self) -> Keys:
        profile = self.chance.choice(PROFILES)
        return profile.number, self.chance.randbytes(profile.keying), self.chance.randbytes(profile.keying)

    @staticmethod
    def ends_of(keys: Keys | None, ssrc: int) -> Srtp | None:
        """The caller's side of the same keys."""
        return None if keys is None else Srtp(keys[0], keys[2], keys[1], ssrc)

    # ---- the line --------------------------------------------------------------------------------------------------

    def wrapped(self, data: bytes, *, report: bool = False) -> bytes:
        """Protected where the stream is, and where SRTP would take it at all."""
        if self.ends is None:
            return data
        try:
            return self.ends.protect_rtcp(data) if report else self.ends.protect(data)
        except NativeError:
            return data

    def damaged(self, data: bytes, *, report: bool = False) -> bytes:
        if self.chance.random() < 0.5:
            return self.wrapped(self.mutator.mutate(data), report=report)
        return self.mutator.mutate(self.wrapped(data, report=report))

    def disturb_line(self, now_ns: int) -> None:
        chance = self.chance
        for _ in range(chance.choice((0, 0, 1, 3))):
            ssrc = THEIRS if self.ends is not None else chance.choice((THEIRS, 2, 2**32 - 1))
            data = self.damaged(healthy(self.kind, chance.randrange(65_536), ssrc))
            jump_ns = chance.choice((0, 0, 0, -FRAME_NS))
            self.core.receive(data, chance.choice((CALLER, STRANGER)), now_ns + jump_ns)
        if chance.random() < 0.1:
            said = self.reporter.write(
                now_ns,
                timestamp=chance.randrange(2**32),
                packets=1,
                octets=160,
                talks=True,
                bye=chance.random() < 0.1,
            )
            self.core.receive(self.damaged(said, report=True), CALLER, now_ns)

    # ---- the agent, and who listens ----------------------------------------------------------------------------------

    def disturb_voice(self, k: int, now_ns: int) -> None:
        chance = self.chance
        try:
            self.core.play(
                k // 40 + 1,
                self.sound[: 2 * chance.randrange(len(self.sound) // 2)],
                on_onset=chance.randrange(3),
            )
            if chance.random() < 0.05:
                self.core.finish(k // 40 + 1)
        except NativeError:  # a generation that a command flushed
            return
        if chance.random() < 0.2:
            self.command(now_ns)

    def command(self, now_ns: int) -> None:
        chance = self.chance
        self.core.apply_raw(
            chance.choice(OPERATIONS),
            now_ns,
            flag=chance.choice((0, 1, 255)),
            generation=chance.choice((0, 1, 2, 2**32 - 1)),
            hold=chance.choice((0, 1, 7, 2**31, 2**32 - 1)),
            arg=chance.choice((-1, 0, 1, 8, 20, 97, 8_000, 2**40, -(2**62), 2**62)),
        )

    def tick(self, now_ns: int) -> None:
        for channel, _, data in self.core.tick_channels(now_ns):
            plain: bytes | int = data
            if self.ends is not None:
                plain = self.ends.unprotect_rtcp(data) if channel == 1 else self.ends.unprotect(data)
            assert isinstance(plain, bytes), "we sent what cannot be opened"
            assert is_rtcp(plain) if channel == 1 else rtp.parse(plain) is not None
        if self.bridged:
            frame = self.core.bridge_frame(now_ns, self.kind.hz)
            assert frame is None or len(frame) == 2 * self.kind.hz // 50
        self.core.events()
        self.core.read_ears()

    # ---- afterwards --------------------------------------------------------------------------------------------------

    def recover(self) -> None:
        """Whatever was said to it, a caller who goes on is heard; with new keys, where there are any."""
        end_ns = TICKS_A_RUN * FRAME_NS
        self.core.set_direction(end_ns, hearing=True)
        self.core.set_remote(STRANGER, end_ns)
        if self.keys is not None:
            self.keys = self.some_keys()
            self.core.set_keys(self.keys, end_ns)
            self.ends = self.ends_of(self.keys, RETURNING)
        while self.core.read_ears() is not None:
            pass
        before = self.core.statistics()["packets_received"]
        for k in range(60):
            now_ns = end_ns + (20 + k) * FRAME_NS
            self.core.receive(self.wrapped(healthy(self.kind, k + 105, RETURNING)), STRANGER, now_ns)
            self.core.tick_channels(now_ns)
        assert self.core.statistics()["packets_received"] > before
        heard = self.core.read_ears()
        assert heard is not None
        assert heard[0]


def run(seed: int) -> None:
    one = Run(seed)
    for k in range(TICKS_A_RUN):
        now_ns = (k + 1) * FRAME_NS
        one.disturb_line(now_ns)
        one.disturb_voice(k, now_ns)
        one.tick(now_ns)
    one.recover()


if __name__ == "__main__":
    sys.exit(campaign("fuzz_rtp", run, f"{TICKS_A_RUN} ticks", __doc__))
