"""`bench determinism`: the media plane run twice from one seed, over emulated networks, and everything compared.

The engine runs in manual mode: no thread, no socket, no clock but ours. Callers of several codecs on different networks
speak packets that were coded beforehand; agents play, hold, release, rewind, mark and flush; keys are pressed; people
listen to some of the callers through the jitter buffer; streams come and go. Every packet that is sent, every event and
every sample that is heard goes into a hash. The two runs have a process each, at the same time, so that neither can
lean on what the other left in memory.
"""

from __future__ import annotations

import hashlib
import heapq
import multiprocessing
import random
import struct
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from mediasrv.bench.netem import PROFILES, Link
from mediasrv.bench.speech import SMALL_TALK
from mediasrv.providers.formant import speak
from mediasrv_native import codecs
from mediasrv_native.codecs import Encoder
from mediasrv_native.engine import NativeEngine
from mediasrv_native.errors import NativeError
from mediasrv_native.settings import RTCP_MUX

FRAME_S, FRAME_NS = 0.02, 20_000_000
STREAMS, SCENE_S = 20, 300.0  # a scene: so many streams for so long, then all is torn down
FRAMES_A_READ = 5
BEGINNING_NS = 1_000_000_000
KEY_TYPE, KEY_PACKETS = 101, 6
DECISIONS_EVERY_S = 2.5  # per stream, on the average
TALK_FRAMES = 250
LEASE_MS, RELEASED_BY_LEASE = 1_200, 0
HEARD = 0  # what a listener hears of another stream: its caller


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


KINDS = (
    Kind(codecs.PCMU, 0, 8_000, 8_000, 160, 5),
    Kind(codecs.PCMA, 8, 8_000, 8_000, 160, 2, full=False),
    Kind(codecs.G722, 9, 16_000, 16_000, 160, 2),
    Kind(codecs.OPUS, 96, 48_000, 16_000, 960, 1),
)


@dataclass(frozen=True, slots=True)
class Plan:
    minutes: float = 1_000.0  # of streams, all together
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    digest: str
    cpu_s: float
    packets_sent: int
    events: int


@dataclass(slots=True)
class Voice:
    """What a kind's callers say, packet by packet, and its agents, as PCM."""

    packets: Sequence[bytes]
    pcm: bytes

    @classmethod
    def of(cls, kind: Kind) -> Voice:
        caller = speak(SMALL_TALK, kind.hear_hz, "low").pcm + bytes(kind.hear_hz * 2)
        frame, encoder = kind.hear_hz // 50 * 2, Encoder(kind.codec, kind.hear_hz)
        packets = [encoder.encode(caller[at : at + frame]) for at in range(0, len(caller) - frame, frame)]
        return cls(packets, speak(SMALL_TALK, kind.say_hz, "mid").pcm)


@dataclass(slots=True)
class Party:
    """One stream with its caller and its agent; what they do next is drawn from a source of their own."""

    kind: Kind
    voice: Voice
    link: Link
    chance: random.Random
    address: tuple[str, int]
    handle: int = 0
    sequence: int = 0
    timestamp: int = 0
    cursor: int = 0
    generation: int = 0
    holds: int = 0
    said: int = 0  # octets of the agent's voice already given
    key: bytes = b""
    key_packets: int = 0

    def packet(self) -> bytes:
        payload, payload_type, stamp = self.voice.packets[self.cursor], self.kind.payload_type, self.timestamp
        if self.key_packets:
            self.key_packets -= 1
            duration = (KEY_PACKETS - self.key_packets) * self.kind.frame_ticks
            payload, payload_type = (
                self.key + struct.pack("!BH", 0x8A if not self.key_packets else 0x0A, duration),
                KEY_TYPE,
            )
            stamp -= duration
        self.cursor = (self.cursor + 1) % len(self.voice.packets)
        header = struct.pack(
            "!BBHII", 0x80, payload_type, self.sequence, stamp & 0xFFFF_FFFF, self.address[1]
        )
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + self.kind.frame_ticks) & 0xFFFF_FFFF
        return header + payload


@dataclass(slots=True)
class Scene:
    """A crowd of streams on one engine, from beginning to end."""

    seed: int
    voices: Sequence[Voice]
    digest: hashlib.blake2b
    parties: list[Party] = field(default_factory=list)
    packets_sent: int = 0
    events: int = 0

    def run(self, seconds: float) -> None:
        engine = NativeEngine(capacity=STREAMS + 4, manual=True, seed=self.seed)
        self._populate(engine)
        on_the_way: list[
            tuple[float, int, int, bytes]
        ] = []  # ordered by arrival, then by the order of sending
        sent = 0
        for frame in range(round(seconds / FRAME_S)):
            now_s = frame * FRAME_S
            for number, party in enumerate(self.parties):
                for at_s, data in party.link.send(party.packet(), now_s):
                    sent += 1
                    heapq.heappush(on_the_way, (at_s, sent, number, data))
            while on_the_way and on_the_way[0][0] < now_s + FRAME_S:
                at_s, _, number, data = heapq.heappop(on_the_way)
                party = self.parties[number]
                engine.push(party.handle, data, party.address, BEGINNING_NS + round(at_s * 1e9))
            self._decide(engine)
            engine.step(BEGINNING_NS + (frame + 1) * FRAME_NS)
            self._note(engine, frame)
        for party in self.parties:
            self.digest.update(repr(engine.stream_statistics(party.handle)).encode())
        engine.close()

    def _populate(self, engine: NativeEngine) -> None:
        profiles = list(PROFILES.values())
        source = random.Random(f"{self.seed}/scene")
        for number in range(STREAMS):
            kind = source.choices(KINDS, [kind.weight for kind in KINDS])[0]
            party = Party(
                kind, self.voices[KINDS.index(kind)], Link(source.choice(profiles), source.getrandbits(32)),
                random.Random(source.getrandbits(64)), ("192.0.2.1", 10_000 + number),
                sequence=source.getrandbits(16), timestamp=source.getrandbits(32),
                cursor=source.randrange(TALK_FRAMES),
            )  # fmt: skip
            self.parties.append(party)
            self._add(engine, party, number)
        for listener, talker in ((1, 0), (0, 1)):  # two callers who hear each other as people do
            engine.connect(self.parties[listener].handle, self.parties[talker].handle, HEARD, 0.7)

    def _add(self, engine: NativeEngine, party: Party, number: int) -> None:
        kind = party.kind
        party.handle = engine.add(
            rtp_fd=-1, group=number // 2, codings=((kind.codec, kind.payload_type),), say_hz=kind.say_hz,
            hear_hz=kind.hear_hz, telephone_event_type=KEY_TYPE, aec=kind.full, ns=kind.full, vad=kind.full,
            bridge=number < 2, rtcp=RTCP_MUX, playout_ms=1_000, rewind_ms=500, ears_ms=400, remote=party.address,
            ssrc=number + 1, first_sequence=party.sequence ^ 0x7FFF, first_timestamp=party.timestamp ^ 0x5A5A_5A5A,
            media_timeout_ms=5_000,
        )  # fmt: skip

    # ---- what agents and callers do
    def _decide(self, engine: NativeEngine) -> None:
        for party in self.parties:
            self._talk(engine, party)
            if party.chance.random() < FRAME_S / DECISIONS_EVERY_S:
                try:
                    self._act(engine, party)
                except (
                    NativeError
                ) as refused:  # a release of a hold that is over, a flush of nothing: in order
                    self.digest.update(repr(refused).encode())

    def _talk(self, engine: NativeEngine, party: Party) -> None:
        if not party.generation:
            return
        frame = party.kind.say_hz // 50 * 2
        piece = party.voice.pcm[party.said : party.said + frame]
        if not piece:
            engine.finish(party.handle, party.generation)
            party.generation, party.said = 0, 0
            return
        party.said += 2 * engine.play(party.handle, party.generation, piece, LEASE_MS, 1, RELEASED_BY_LEASE)

    def _act(self, engine: NativeEngine, party: Party) -> None:
        what, handle = party.chance.randrange(8), party.handle
        if what <= 2 and not party.generation:
            party.holds += 1  # generations and holds only grow; one counter serves both
            party.generation, party.said = party.holds, 0
        elif what == 3:
            party.holds += 1
            engine.hold(handle, party.holds, LEASE_MS, RELEASED_BY_LEASE)
        elif what == 4:
            engine.release(handle, party.holds, -1)
        elif what == 5 and party.generation:
            engine.flush(handle, party.generation)
            party.generation = 0
        elif what == 6:
            party.key, party.key_packets = bytes([party.chance.randrange(16)]), KEY_PACKETS
        elif party.generation:
            engine.mark(handle, party.generation, party.chance.randrange(party.kind.say_hz), party.holds)

    # ---- what came of it
    def _note(self, engine: NativeEngine, frame: int) -> None:
        update = self.digest.update
        for out in engine.packets():
            self.packets_sent += 1
            update(out.data)
            update(b"%d" % out.at_ns)
        for event in engine.events():
            self.events += 1
            update(repr(event).encode())
        if frame % FRAMES_A_READ:
            return
        for party in self.parties:
            for pcm, span in engine.read_ears(party.handle, engine.ears_readable(party.handle)):
                update(pcm)
                update(repr(span).encode())


def perform(plan: Plan) -> Outcome:
    """All scenes, one after the other."""
    began_s = time.process_time()
    voices = [Voice.of(kind) for kind in KINDS]
    digest = hashlib.blake2b(digest_size=16)
    scenes = max(1, round(plan.minutes * 60 / (STREAMS * SCENE_S)))
    seconds = plan.minutes * 60 / STREAMS / scenes
    packets = events = 0
    for number in range(scenes):
        scene = Scene(plan.seed * 1_000 + number, voices, digest)
        scene.run(seconds)
        packets, events = packets + scene.packets_sent, events + scene.events
    return Outcome(digest.hexdigest(), time.process_time() - began_s, packets, events)


def run(plan: Plan) -> dict[str, object]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        first, again = pool.map(perform, [plan, plan])
    core_s = max(first.cpu_s, again.cpu_s)
    return {
        "bench": "determinism",
        "minutes": plan.minutes,
        "seed": plan.seed,
        "hash_a": first.digest,
        "hash_b": again.digest,
        "identical": first == Outcome(again.digest, first.cpu_s, again.packets_sent, again.events),
        "packets_sent": first.packets_sent,
        "events": first.events,
        "core_seconds": round(core_s, 1),
        "times_life_per_core": round(plan.minutes * 60 / core_s, 1),
    }
