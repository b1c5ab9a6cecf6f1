"""`bench determinism`: the media plane run twice from one seed, over emulated networks, and everything compared.

The engine runs in manual mode: no thread, no socket, no clock but ours. Parties of several codecs, some of them under
SRTP, on different networks (parties.py): agents play, hold, duck, release, mark and flush, clips play behind them; keys
are pressed; two callers listen to each other through the jitter buffer; calls end and begin, while packets of the last
one are still on the way. Every packet that is sent, every event, every sample that is heard, every refusal and every
figure of a call that ends goes into a hash. The two runs have a process each, at the same time, so that neither can
lean on what the other left in memory.
"""

from __future__ import annotations

import hashlib
import heapq
import multiprocessing
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from mediasrv.bench.netem import PROFILES, Link
from mediasrv.bench.parties import KEY_PACKETS, KINDS, Kind, Party, Voice
from mediasrv_native.engine import EVENT_REMOVED, HEARD, NativeEngine, NativeEvent
from mediasrv_native.errors import NativeError

FRAME_S, FRAME_NS = 0.02, 20_000_000
STREAMS, SCENE_S = 20, 300.0  # a scene: so many streams for so long, then all is torn down
FRAMES_A_READ = 5
EVENTS_A_TAKE = 256
BEGINNING_NS = 1_000_000_000
DECISIONS_EVERY_S = 2.5  # per stream, on the average
LEASE_MS, RELEASED_BY_LEASE = 1_200, 0
LISTENED_GAIN, CLIP_GAIN, CLIP_FADE_MS = 0.7, 0.2, 40
PAIR = (0, 1)  # the numbers of two callers who hear each other as people do


@dataclass(frozen=True, slots=True)
class Plan:
    minutes: float = 1_000.0  # of streams, all together
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    digest: str
    packets_sent: int
    events: int
    calls: int


@dataclass(slots=True)
class Record:
    """What has come of everything so far."""

    digest: hashlib.blake2b
    packets_sent: int = 0
    events: int = 0
    calls: int = 0

    def outcome(self) -> Outcome:
        return Outcome(self.digest.hexdigest(), self.packets_sent, self.events, self.calls)


@dataclass(slots=True)
class Scene:
    """A crowd of streams on one engine, from beginning to end."""

    seed: int
    voices: Mapping[Kind, Voice]
    record: Record
    engine: NativeEngine = field(init=False)
    parties: list[Party] = field(default_factory=list)
    by_handle: dict[int, Party] = field(default_factory=dict)

    def run(self, seconds: float) -> None:
        self.engine = engine = NativeEngine(capacity=STREAMS + 4, manual=True, seed=self.seed)
        self._populate()
        on_the_way: list[tuple[float, int, Party, bytes]] = []  # by arrival, then in the order of sending
        sent = 0
        for frame in range(round(seconds / FRAME_S)):
            now_s = frame * FRAME_S
            for party in self.parties:
                for at_s, data in party.link.send(party.packet(), now_s):
                    sent += 1
                    heapq.heappush(on_the_way, (at_s, sent, party, data))
            while on_the_way and on_the_way[0][0] < now_s + FRAME_S:
                at_s, _, party, data = heapq.heappop(on_the_way)
                if not party.leaving:
                    engine.push(party.handle, data, party.address, BEGINNING_NS + round(at_s * 1e9))
            self._decide()
            engine.step(BEGINNING_NS + (frame + 1) * FRAME_NS)
            self._note(frame)
        for party in self.parties:
            if not party.leaving:
                self._note_statistics(party)
        engine.close()

    def _populate(self) -> None:
        profiles = list(PROFILES.values())
        source = random.Random(f"{self.seed}/scene")
        for number in range(STREAMS):
            kind = source.choices(KINDS, [kind.weight for kind in KINDS])[0]
            party = Party(
                kind, self.voices[kind], Link(source.choice(profiles), source.getrandbits(32)),
                random.Random(source.getrandbits(64)), ("192.0.2.1", 10_000 + number),
                group=number // 2, heard_by_people=number in PAIR,
            )  # fmt: skip
            self.parties.append(party)
            self._begin(party)
        self._introduce()

    def _begin(self, party: Party) -> None:
        party.begin()
        party.handle = self.engine.add(rtp_fd=-1, group=party.group, **party.call.settings)
        party.leaving = False
        self.by_handle[party.handle] = party
        self.record.calls += 1

    def _introduce(self) -> None:
        """The pair hears each other, once both are there."""
        one, other = (self.parties[number] for number in PAIR)
        if not one.leaving and not other.leaving:
            self.engine.connect(one.handle, other.handle, HEARD, LISTENED_GAIN)
            self.engine.connect(other.handle, one.handle, HEARD, LISTENED_GAIN)

    # ---- what agents and callers do
    def _decide(self) -> None:
        for party in self.parties:
            if party.leaving:
                continue
            self._talk(party)
            if party.chance.random() < FRAME_S / DECISIONS_EVERY_S:
                deed = party.chance.choice(DEEDS)
                if deed is hang_up:
                    self._note_statistics(party)
                try:
                    deed(self.engine, party)
                except (
                    NativeError
                ) as refused:  # a release of a hold that is over: in order, and the same each time
                    self.record.digest.update(repr(refused).encode())

    def _talk(self, party: Party) -> None:
        call = party.call
        if not call.generation:
            return
        piece = party.voice.pcm[call.said : call.said + party.kind.say_hz // 50 * 2]
        if not piece:
            self.engine.finish(party.handle, call.generation)
            call.generation, call.said = 0, 0
            return
        call.said += 2 * self.engine.play(
            party.handle, call.generation, piece, LEASE_MS, 1, RELEASED_BY_LEASE
        )

    # ---- what came of it
    def _note(self, frame: int) -> None:
        update = self.record.digest.update
        for out in self.engine.packets():
            self.record.packets_sent += 1
            update(out.data)
            update(b"%d" % out.at_ns)
        while events := self.engine.events(EVENTS_A_TAKE):
            for event in events:
                self._note_event(event)
        if frame % FRAMES_A_READ:
            return
        for party in self.parties:
            if party.leaving:
                continue
            for pcm, span in self.engine.read_ears(party.handle, self.engine.ears_readable(party.handle)):
                update(pcm)
                update(repr(span).encode())

    def _note_event(self, event: NativeEvent) -> None:
        self.record.events += 1
        self.record.digest.update(repr(event).encode())
        if event.kind != EVENT_REMOVED:
            return
        self.engine.reclaim(event.stream)
        party = self.by_handle.pop(event.stream)
        self._begin(party)
        if party.heard_by_people:
            self._introduce()

    def _note_statistics(self, party: Party) -> None:
        self.record.digest.update(repr(self.engine.stream_statistics(party.handle)).encode())


# ---- deeds of a party, drawn from as they stand
def speak_up(engine: NativeEngine, party: Party) -> None:
    if not party.call.generation:
        party.call.generation, party.call.said = party.call.next_number(), 0


def hold(engine: NativeEngine, party: Party) -> None:
    engine.hold(party.handle, party.call.next_number(), LEASE_MS, RELEASED_BY_LEASE)


def duck(engine: NativeEngine, party: Party) -> None:
    engine.duck(party.handle, party.call.next_number(), LEASE_MS, RELEASED_BY_LEASE)


def release(engine: NativeEngine, party: Party) -> None:
    engine.release(party.handle, party.call.count, -1)


def flush(engine: NativeEngine, party: Party) -> None:
    engine.flush(party.handle, party.call.generation)
    party.call.generation = 0


def mark(engine: NativeEngine, party: Party) -> None:
    call = party.call
    engine.mark(party.handle, call.generation, party.chance.randrange(party.kind.say_hz), call.next_number())


def press_a_key(engine: NativeEngine, party: Party) -> None:
    party.call.key, party.call.key_packets = bytes([party.chance.randrange(16)]), KEY_PACKETS


def play_a_clip(engine: NativeEngine, party: Party) -> None:
    engine.background(
        party.handle, party.call.next_number(), party.voice.clip, CLIP_GAIN, CLIP_FADE_MS, loop=False
    )


def hang_up(engine: NativeEngine, party: Party) -> None:
    engine.remove(party.handle)
    party.leaving = True


Deed = Callable[[NativeEngine, Party], None]
DEEDS: Sequence[Deed] = (
    *[speak_up] * 8, hold, hold, duck, release, release, flush, flush, mark, mark, mark,
    press_a_key, press_a_key, play_a_clip, hang_up,
)  # fmt: skip


def perform(plan: Plan) -> tuple[Outcome, float]:
    """All scenes, one after the other; with the processor's seconds."""
    began_s = time.process_time()
    voices = {kind: Voice.of(kind) for kind in KINDS}
    record = Record(hashlib.blake2b(digest_size=16))
    scenes = max(1, round(plan.minutes * 60 / (STREAMS * SCENE_S)))
    seconds = plan.minutes * 60 / STREAMS / scenes
    for number in range(scenes):
        Scene(plan.seed * 1_000 + number, voices, record).run(seconds)
    return record.outcome(), time.process_time() - began_s


def run(plan: Plan) -> dict[str, object]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        (first, first_s), (again, again_s) = pool.map(perform, [plan, plan])
    core_s = max(first_s, again_s)
    return {
        "bench": "determinism",
        "minutes": plan.minutes,
        "seed": plan.seed,
        "hash_a": first.digest,
        "hash_b": again.digest,
        "identical": first == again,
        "packets_sent": first.packets_sent,
        "events": first.events,
        "calls": first.calls,
        "core_seconds": round(core_s, 1),
        "times_life_per_core": round(plan.minutes * 60 / core_s, 1),
    }
