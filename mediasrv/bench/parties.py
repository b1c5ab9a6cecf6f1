"""Callers and agents for the media plane in manual mode: what each is, says and sends, drawn from a source of its own.

A caller's packets were coded beforehand and are dealt out in turn, so that a simulated minute costs what the media
plane costs, and hardly what its driver does.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mediasrv.bench.netem import Link
from mediasrv.bench.speech import SMALL_TALK
from mediasrv.providers.formant import speak
from mediasrv_native import codecs
from mediasrv_native.codecs import Encoder
from mediasrv_native.rtp import SRTP_AES128_CM_SHA1_80, Srtp, srtp_keying_octets
from mediasrv_native.settings import RTCP_MUX

if TYPE_CHECKING:
    from mediasrv_native.settings import Settings

CLIP_S = 1
KEY_TYPE, KEY_PACKETS = 101, 6
KEY_LAST, KEY_ON = 0x8A, 0x0A  # RFC 4733, 2.3: the end bit, and a volume of -10 dBm0
PROTECTION = SRTP_AES128_CM_SHA1_80


@dataclass(frozen=True, slots=True)
class Kind:
    """What a stream speaks; `weight` of them among ten."""

    codec: int
    payload_type: int
    say_hz: int
    hear_hz: int
    frame_ticks: int
    weight: int
    full: bool = True  # with echo canceller, noise suppressor and gate
    secure: bool = False


KINDS = (
    Kind(codecs.PCMU, 0, 8_000, 8_000, 160, 5),
    Kind(codecs.PCMA, 8, 8_000, 8_000, 160, 2, full=False, secure=True),
    Kind(codecs.G722, 9, 16_000, 16_000, 160, 2),
    Kind(codecs.OPUS, 96, 48_000, 16_000, 960, 1),
)


@dataclass(frozen=True, slots=True)
class Voice:
    """What a kind's callers say, packet by packet, and its agents, as PCM; and a clip that outlives its streams."""

    packets: Sequence[bytes]
    pcm: bytes
    clip: bytes

    @classmethod
    def of(cls, kind: Kind) -> Voice:
        caller = speak(SMALL_TALK, kind.hear_hz, "low").pcm + bytes(kind.hear_hz * 2)
        frame, encoder = kind.hear_hz // 50 * 2, Encoder(kind.codec, kind.hear_hz)
        packets = [encoder.encode(caller[at : at + frame]) for at in range(0, len(caller) - frame, frame)]
        agent = speak(SMALL_TALK, kind.say_hz, "mid").pcm
        return cls(packets, agent, agent[: 2 * kind.say_hz * CLIP_S])


@dataclass(slots=True)
class Call:
    """What is new in each call of a party: where its packets begin, its keys, and how far its agent has come."""

    ssrc: int
    sequence: int
    timestamp: int
    cursor: int  # into the voice's packets
    protection: Srtp | None
    settings: Settings
    generation: int = 0  # of the agent's voice; 0: it is silent
    count: int = 0  # holds, generations and clips only grow; one counter serves them all
    said: int = 0  # octets of the agent's voice already given
    key: bytes = b""
    key_packets: int = 0

    def next_number(self) -> int:
        self.count += 1
        return self.count


@dataclass(slots=True)
class Party:
    """One end of the line that calls, hangs up and calls again, over the same network."""

    kind: Kind
    voice: Voice
    link: Link
    chance: random.Random
    address: tuple[str, int]
    group: int
    heard_by_people: bool
    call: Call = field(init=False)
    handle: int = 0
    leaving: bool = False

    def begin(self) -> None:
        """A call of which nothing was known before."""
        bits, kind = self.chance.getrandbits, self.kind
        ssrc, sequence, timestamp = bits(32), bits(16), bits(32)
        octets = srtp_keying_octets(PROTECTION)
        ours, theirs = self.chance.randbytes(octets), self.chance.randbytes(octets)
        settings: Settings = {
            "codings": ((kind.codec, kind.payload_type),), "say_hz": kind.say_hz, "hear_hz": kind.hear_hz,
            "telephone_event_type": KEY_TYPE, "aec": kind.full, "ns": kind.full, "vad": kind.full,
            "bridge": self.heard_by_people, "rtcp": RTCP_MUX, "remote": self.address,
            "playout_ms": 1_000, "rewind_ms": 500, "ears_ms": 400, "media_timeout_ms": 5_000,
            "ssrc": bits(32), "first_sequence": bits(16), "first_timestamp": bits(32),
            "srtp": (PROTECTION, ours, theirs) if kind.secure else None,
        }  # fmt: skip
        protection = Srtp(PROTECTION, theirs, ours, ssrc) if kind.secure else None
        cursor = self.chance.randrange(len(self.voice.packets))
        self.call = Call(ssrc, sequence, timestamp, cursor, protection, settings)

    def packet(self) -> bytes:
        """The caller's next 20 ms: voice, or a key as long as one is pressed."""
        call, kind = self.call, self.kind
        payload, payload_type, stamp = self.voice.packets[call.cursor], kind.payload_type, call.timestamp
        if call.key_packets:
            call.key_packets -= 1
            duration = (KEY_PACKETS - call.key_packets) * kind.frame_ticks
            payload = call.key + struct.pack("!BH", KEY_ON if call.key_packets else KEY_LAST, duration)
            payload_type, stamp = (
                KEY_TYPE,
                (stamp - duration + kind.frame_ticks) & 0xFFFF_FFFF,
            )  # where it began
        packet = struct.pack("!BBHII", 0x80, payload_type, call.sequence, stamp, call.ssrc) + payload
        call.cursor = (call.cursor + 1) % len(self.voice.packets)
        call.sequence = (call.sequence + 1) & 0xFFFF
        call.timestamp = (call.timestamp + kind.frame_ticks) & 0xFFFF_FFFF
        return packet if call.protection is None else call.protection.protect(packet)
