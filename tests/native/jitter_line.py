"""A jitter buffer with a network before it: the test says what is spoken and what the path does to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mediasrv.bench.netem import Link, Profile
from mediasrv_native.jitter import JitterBuffer, Made
from tests.reference.sounds import Pcm

RATE_HZ, FRAME, FRAME_NS, MS = 8_000, 160, 20_000_000, 1_000_000


@dataclass(frozen=True)
class Packet:
    rtp: int
    arrival_ns: int
    pcm: Pcm
    flags: int = 0


@dataclass
class Heard:
    """All frames of a run, one after another."""

    pcm: Pcm
    made: list[Made]

    def total(self, name: str, after: int = 0) -> int:
        return sum(getattr(made, name) for made in self.made[after:])


def packets_of(pcm: Pcm, *, first_rtp: int = 0, samples: int = FRAME, began_ns: int = 0) -> list[Packet]:
    """Sent on time over a path without delay."""
    return [
        Packet(first_rtp + at, began_ns + at * FRAME_NS // FRAME, pcm[at : at + samples])
        for at in range(0, len(pcm) - samples + 1, samples)
    ]


def through(profile: Profile, packets: Iterable[Packet], seed: int) -> list[Packet]:
    """As they arrive at the other end of a path; in order of arrival."""
    link, arrived = Link(profile, seed), []
    for packet in packets:
        for at_s, _ in link.send(bytes(172), packet.arrival_ns / 1e9):
            arrived.append(Packet(packet.rtp, round(at_s * 1e9), packet.pcm, packet.flags))
    return sorted(arrived, key=lambda packet: packet.arrival_ns)


def play(buffer: JitterBuffer, packets: Iterable[Packet], frames: int, *, due_ns: int = 3 * MS) -> Heard:
    """Ticks from `due_ns` on; each packet is put before the first tick that is not due before it came."""
    waiting, pcm, made = list(packets), [], []
    next_packet = 0
    for _ in range(frames):
        while next_packet < len(waiting) and waiting[next_packet].arrival_ns <= due_ns:
            packet = waiting[next_packet]
            buffer.put(packet.pcm.tobytes(), packet.rtp, packet.arrival_ns, packet.flags)
            next_packet += 1
        out, how = buffer.take(due_ns)
        pcm.append(np.frombuffer(out, np.int16))
        made.append(how)
        due_ns += FRAME_NS
    return Heard(np.concatenate(pcm), made)
