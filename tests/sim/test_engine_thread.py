"""The native engine in virtual time, with a handset at the other end of a virtual line."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import trio

from mediasrv.bench.netem import PROFILES, Profile
from mediasrv.ids import SeededTokens
from mediasrv.media import Arming, Cost, Offset, Onset, StreamFace, StreamSpec
from mediasrv.media.engine import Engine, EngineSettings
from mediasrv.providers import formant
from tests.sim import g711
from tests.sim.deterministic import Agenda, run
from tests.sim.engine_thread import EngineThread
from tests.sim.handset import Handset
from tests.sim.network import Address, Network

HANDSET = ("127.0.0.2", 7_000)


class Line:
    """A stream of the engine's and a handset, connected."""

    def __init__(self, agenda: Agenda, profile: Profile) -> None:
        self.agenda, self.network = agenda, Network(agenda, 5, profile=profile)
        self.handset = Handset(5)
        self.heard: list[tuple[int, bytes]] = []
        self.events: list[object] = []
        self.voiced_ns = 0
        self.network.attach(HANDSET, self._on_rtp)

    async def live(self, seconds: float, *, say_at_s: float = 1.0) -> None:
        settings = EngineSettings(capacity=2, host="127.0.0.1", cpus=())
        async with Engine(settings, manual=True, tokens=SeededTokens(5)) as engine:
            EngineThread(engine, self.network, "127.0.0.1")
            async with trio.open_nursery() as nursery:
                stream = await engine.add(engine.reserve(Cost()), StreamSpec(remote=HANDSET), 1)
                nursery.start_soon(self._follow, stream)
                nursery.start_soon(self._speak, stream)
                self._send_frame(stream.local)
                self.agenda.after(say_at_s * 1_000, self._say)
                await trio.sleep(seconds)
                nursery.cancel_scope.cancel()
            await stream.aclose()
            assert engine.streams() == ()

    async def _follow(self, stream: StreamFace) -> None:
        while True:
            self.events.append(await stream.next_event())

    async def _speak(self, stream: StreamFace) -> None:
        voice = formant.speak("this is a rather long passage that somebody may interrupt", 8_000)
        generation = stream.begin()
        await stream.play(voice.pcm, 8_000, generation, Arming(on_onset="hold", lease_ms=1_000))
        await stream.finish(generation)

    def _say(self) -> None:
        utterance = formant.speak("excuse me please", 8_000, "high")
        self.voiced_ns = self.agenda.clock.now_ns() + utterance.voiced_at[0] * 125_000
        self.handset.say(g711.encode(utterance.pcm))

    def _send_frame(self, to: Address) -> None:
        packet = self.handset.packet()
        assert packet is not None
        self.network.send(packet, HANDSET, to)
        self.agenda.after(20, partial(self._send_frame, to))

    def _on_rtp(self, data: bytes, source: Address, to: Address) -> None:
        self.heard.append((self.agenda.clock.now_ns(), data))


def talk(profile: Profile, *, seconds: float = 4.0) -> Line:
    async def main(agenda: Agenda) -> Line:
        line = Line(agenda, profile)
        await line.live(seconds)
        return line

    return run(5, main)


def test_a_packet_leaves_every_20_ms_of_virtual_time() -> None:
    line = talk(PROFILES["clean"])
    assert {late - early for (early, _), (late, _) in pairwise(line.heard)} == {20_000_000}


def test_speech_over_the_voice_is_noticed_and_the_voice_paused_by_the_engine_itself() -> None:
    line = talk(PROFILES["clean"])
    onset = next(event for event in line.events if isinstance(event, Onset))
    assert onset.hold is not None
    assert any(isinstance(event, Offset) for event in line.events)
    paused = [at for at, data in line.heard if line.voiced_ns <= at and not g711.audible(data[12:])]
    assert paused[0] - line.voiced_ns < 120_000_000


def test_the_same_seed_gives_the_same_packets_over_a_bad_line() -> None:
    first, second = talk(PROFILES["wifi"]), talk(PROFILES["wifi"])
    assert first.heard == second.heard
    assert first.network.log == second.network.log
