"""Streams of a group that hear each other, and clips behind the voice: the native engine, stepped by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Unpack

import numpy as np
import pytest
from numpy.typing import NDArray

from mediasrv_native import engine as native
from mediasrv_native.engine import NativeEngine
from mediasrv_native.errors import QueueFull, StaleHandle, WrongArgument, WrongState
from mediasrv_native.settings import L16
from tests.reference import rtp

if TYPE_CHECKING:  # a shape for the type checker; at run time it is a dict
    from mediasrv_native.settings import Settings

MS = 1_000_000
TICK = 20 * MS
CALLER = ("192.0.2.7", 4000)
Sound = NDArray[np.int16]
NOTHING = np.zeros(0, np.int16)


class House:
    """A manual engine, its clock, and what each stream sent."""

    def __init__(self) -> None:
        self.engine = NativeEngine(capacity=12, manual=True)
        self.now_ns = 0
        self.sent: dict[int, list[bytes]] = {}
        self.events: list[native.NativeEvent] = []
        self.clips: list[bytes] = []
        self.coming: list[tuple[int, int, bytes]] = []
        self.engine.step(0)

    def add(self, group: int = 1, **different: Unpack[Settings]) -> int:
        settings: Settings = {"playout_ms": 2000, "remote": CALLER, "bridge": True, "codings": ((L16, 96),)}
        settings |= {"say_hz": 16_000, "hear_hz": 16_000}
        return self.engine.add(rtp_fd=-1, group=group, **(settings | different))

    def run(self, ms: int) -> None:
        for at_ns, stream, data in sorted(self.coming):
            self.engine.push(stream, data, CALLER, at_ns)
        self.coming.clear()
        self.now_ns += ms * MS
        self.engine.step(self.now_ns)
        for out in self.engine.packets():
            self.sent.setdefault(out.stream, []).append(out.data[12:])
        self.events += self.engine.events()

    def say(self, stream: int, pcm: Sound) -> None:
        self.engine.play(stream, 1, pcm.tobytes(), 0, 0, 0)

    def call_in(self, stream: int, pcm: Sound) -> None:
        """The stream's peer sends this, a packet every 20 ms from now on."""
        for k in range(len(pcm) // 320):
            payload = pcm[k * 320 : (k + 1) * 320].astype(">i2").tobytes()
            data = rtp.RtpPacket(payload, sequence=k, timestamp=k * 320, payload_type=96).encode()
            self.coming.append((self.now_ns + k * TICK, stream, data))

    def background(
        self,
        stream: int,
        clip_id: int,
        clip: Sound,
        gain: float = 1.0,
        fade_ms: int = 5,
        *,
        loop: bool = True,
    ) -> None:
        pcm = clip.tobytes()
        self.clips.append(pcm)  # the engine reads it where it lies
        self.engine.background(stream, clip_id, pcm, gain, fade_ms, loop)

    def heard_by_peer(self, stream: int) -> Sound:
        """Everything it was sent so far, as L16."""
        return np.frombuffer(b"".join(self.sent[stream]), ">i2").astype(np.int16)

    def clips_done(self) -> list[int]:
        return [event.name for event in self.events if event.kind == native.EVENT_CLIP_DONE]


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.engine.close()


def tone(ms: int, level: int, hz: float = 500, rate_hz: int = 16_000) -> Sound:
    return np.rint(level * np.sin(2 * np.pi * hz * np.arange(ms * rate_hz // 1000) / rate_hz)).astype(
        np.int16
    )


def level(pcm: Sound) -> float:
    return float(np.sqrt(np.mean(pcm.astype(float) ** 2)) * 2**0.5)


def steepest(pcm: Sound) -> int:
    return int(np.abs(np.diff(pcm.astype(int))).max())


def test_who_is_connected_hears_the_voice_and_nobody_else_does(house: House) -> None:
    caller, supervisor, stranger = house.add(), house.add(), house.add()
    house.engine.connect(supervisor, caller, native.SAID, 0.5)
    house.say(caller, tone(400, 8_000))
    house.run(300)
    assert level(house.heard_by_peer(supervisor)[3_200:]) == pytest.approx(4_000, rel=0.02)
    assert not house.heard_by_peer(stranger).any()


def test_a_voice_is_heard_by_all_listeners_in_the_same_tick_whatever_their_order(house: House) -> None:
    before, speaker, after = house.add(), house.add(), house.add()
    for listener in (before, after):
        house.engine.connect(listener, speaker, native.SAID, 1)
    house.say(speaker, tone(400, 8_000))
    house.run(300)
    assert np.array_equal(house.heard_by_peer(before), house.heard_by_peer(after))


def test_a_conference_of_three_hears_the_others_and_not_itself(house: House) -> None:
    members = [house.add() for _ in range(3)]
    for listener in members:
        for source in members:
            if listener != source:
                house.engine.connect(listener, source, native.SAID, 1)
    for number, member in enumerate(members):
        house.say(member, np.full(16_000, 1_000 * 2**number, np.int16))
    house.run(400)
    for member in members:  # each is sent its own voice and what the two others say
        assert set(house.heard_by_peer(member)[-320:].tolist()) == {7_000}


def test_connecting_changing_and_disconnecting_make_no_click(house: House) -> None:
    speaker, listener = house.add(), house.add()
    house.say(speaker, np.full(32_000, 12_000, np.int16))
    house.run(100)
    for gain in (1.0, 0.25, 2.0):
        house.engine.connect(listener, speaker, native.SAID, gain)
        house.run(60)
    house.engine.disconnect(listener, speaker, native.SAID)
    house.run(60)
    heard = house.heard_by_peer(listener)
    assert steepest(heard) <= 12_000 * 2 / 80 + 1  # full scale in 5 ms
    assert not heard[-320:].any()
    assert heard.max() == 24_000


def test_a_source_that_leaves_leaves_its_listeners_in_peace(house: House) -> None:
    speaker, listener = house.add(), house.add()
    house.engine.connect(listener, speaker, native.SAID, 1)
    house.say(speaker, tone(2_000, 8_000))
    house.run(100)
    house.engine.remove(speaker)
    house.run(60)
    house.engine.reclaim(speaker)
    again = house.add()
    house.say(again, tone(400, 8_000))
    house.run(100)
    assert not house.heard_by_peer(listener)[-640:].any()
    with pytest.raises(StaleHandle):
        house.engine.connect(listener, speaker, native.SAID, 1)
    with pytest.raises(StaleHandle):
        house.engine.disconnect(listener, speaker, native.SAID)


def test_a_voice_of_another_rate_is_heard_at_the_listeners(house: House) -> None:
    narrow = house.add(codings=((0, 0),), say_hz=8_000, hear_hz=8_000)
    wide = house.add()
    house.engine.connect(wide, narrow, native.SAID, 1)
    house.say(narrow, tone(800, 8_000, rate_hz=8_000))
    house.run(500)
    heard = house.heard_by_peer(wide)[-1_600:]
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.argmax(spectrum) * 16_000 / len(heard) == pytest.approx(500)
    assert level(heard) == pytest.approx(8_000, rel=0.02)


def test_eight_connections_and_not_a_ninth(house: House) -> None:
    listener, *sources = (house.add() for _ in range(10))
    for source in sources[:8]:
        house.engine.connect(listener, source, native.SAID, 1)
    with pytest.raises(QueueFull):
        house.engine.connect(listener, sources[8], native.SAID, 1)
    house.engine.connect(listener, sources[0], native.SAID, 0.5)  # again: only the gain
    house.engine.disconnect(listener, sources[0], native.SAID)
    house.engine.connect(listener, sources[8], native.SAID, 1)
    house.run(100)
    assert house.engine.statistics()["commands_refused"] == 0


def test_what_cannot_be_connected_is_refused_by_name(house: House) -> None:
    one, stranger = house.add(group=1), house.add(group=2)
    deaf = house.add(group=1, bridge=False)
    for source, what, gain in (
        (one, native.SAID, 1),
        (stranger, native.SAID, 1),
        (deaf, 7, 1),
        (deaf, native.SAID, -1),
    ):
        with pytest.raises(WrongArgument):
            house.engine.connect(one, source, what, gain)
    with pytest.raises(WrongArgument):
        house.engine.connect(one, deaf, native.SAID, float("nan"))
    with pytest.raises(WrongState):
        house.engine.connect(one, deaf, native.HEARD, 1)


def test_eight_voices_at_full_scale_are_limited_and_not_clipped(house: House) -> None:
    listener, *sources = (house.add() for _ in range(9))
    for source in sources:
        house.engine.connect(listener, source, native.SAID, 1)
        house.say(source, tone(600, 32_000, hz=200))
    house.run(500)
    heard = house.heard_by_peer(listener)[6_400:]
    assert level(heard) == pytest.approx(29_000, rel=0.02)
    assert steepest(heard) < 1.1 * 29_000 * 2 * np.pi * 200 / 16_000


# ---- what streams hear
def test_a_supervisor_hears_the_caller_and_the_agent_at_once(house: House) -> None:
    caller, supervisor = house.add(), house.add()
    house.engine.connect(supervisor, caller, native.HEARD, 1)
    house.engine.connect(supervisor, caller, native.SAID, 1)
    house.call_in(caller, tone(800, 6_000, hz=500))
    house.say(caller, tone(800, 3_000, hz=1_250))
    house.run(700)
    spectrum = np.abs(np.fft.rfft(house.heard_by_peer(supervisor)[-3_200:])) / 1_600
    assert spectrum[100] == pytest.approx(6_000, rel=0.1)
    assert spectrum[250] == pytest.approx(3_000, rel=0.05)
    assert not any(event.kind == native.EVENT_FAULT for event in house.events)


def test_a_whisper_reaches_the_agents_leg_only(house: House) -> None:
    caller, agent, supervisor = house.add(), house.add(), house.add()
    house.engine.connect(agent, caller, native.HEARD, 1)
    house.engine.connect(caller, agent, native.HEARD, 1)
    house.engine.connect(agent, supervisor, native.HEARD, 1)
    house.call_in(supervisor, tone(800, 6_000))
    house.run(700)
    assert level(house.heard_by_peer(agent)[-3_200:]) == pytest.approx(6_000, rel=0.1)
    assert not house.heard_by_peer(caller).any()
    house.engine.connect(caller, supervisor, native.HEARD, 1)  # and now it is a barge
    house.run(60)
    assert level(house.heard_by_peer(caller)[-320:]) == pytest.approx(6_000, rel=0.1)


def test_legs_of_a_conference_hear_each_other_and_never_themselves(house: House) -> None:
    legs = [house.add() for _ in range(3)]
    for listener in legs:
        for source in legs:
            if listener != source:
                house.engine.connect(listener, source, native.HEARD, 1)
    pitches = (500, 1_000, 2_000)
    for leg, hz in zip(legs, pitches, strict=True):
        house.call_in(leg, tone(1_000, 6_000, hz=hz))
    house.run(900)
    for leg, own_hz in zip(legs, pitches, strict=True):
        spectrum = np.abs(np.fft.rfft(house.heard_by_peer(leg)[-3_200:])) / 1_600
        heard = {hz for hz in pitches if spectrum[hz // 5] > 3_000}
        assert heard == set(pitches) - {own_hz}
        assert spectrum[own_hz // 5] < 100


def test_a_late_listener_hears_at_once_and_what_is_said_now(house: House) -> None:
    caller, listener = house.add(), house.add()
    house.call_in(caller, np.concatenate((tone(2_000, 6_000, hz=500), tone(1_000, 6_000, hz=1_250))))
    house.run(2_500)
    house.engine.connect(listener, caller, native.HEARD, 1)
    house.run(300)
    spectrum = np.abs(np.fft.rfft(house.heard_by_peer(listener)[-3_200:])) / 1_600
    assert spectrum[250] == pytest.approx(6_000, rel=0.1)
    assert spectrum[100] < 100


def test_who_has_nobody_to_hear_from_hears_silence(house: House) -> None:
    caller, listener = house.add(), house.add()
    house.engine.connect(listener, caller, native.HEARD, 1)
    house.run(300)
    assert not house.heard_by_peer(listener).any()


# ---- the clip behind it all
def test_a_clip_plays_once_and_is_given_back(house: House) -> None:
    stream = house.add()
    clip = tone(100, 4_000)
    house.background(stream, 1, clip, fade_ms=5, loop=False)
    house.run(60)
    assert house.clips_done() == []
    house.run(100)
    assert house.clips_done() == [1]
    heard = house.heard_by_peer(stream)
    assert np.array_equal(heard[80:1_600], clip[80:])
    assert not heard[1_600:].any()


def test_a_clip_that_loops_goes_on_until_it_is_stopped(house: House) -> None:
    stream = house.add()
    clip = tone(34, 4_000)  # no whole number of ticks
    house.background(stream, 1, clip, fade_ms=5, loop=True)
    house.run(1_000)
    assert house.clips_done() == []
    heard = house.heard_by_peer(stream)
    assert np.array_equal(heard[80:16_000], np.tile(clip, 30)[80:16_000])
    house.background(stream, 2, NOTHING, fade_ms=20)
    house.run(60)
    assert house.clips_done() == [2]
    assert not house.heard_by_peer(stream)[-320:].any()


def test_one_clip_fades_into_the_next(house: House) -> None:
    stream = house.add()
    first, second = np.full(16_000, 4_000, np.int16), np.full(16_000, -4_000, np.int16)
    house.background(stream, 1, first, fade_ms=5, loop=True)
    house.run(100)
    house.background(stream, 2, second, fade_ms=100, loop=True)
    house.run(40)
    assert house.clips_done() == [1]
    house.run(160)
    heard = house.heard_by_peer(stream)
    assert heard[-1] == -4_000
    assert steepest(heard) <= 8_000 / 80 + 2


def test_a_clip_is_never_told_done_while_an_older_one_is_still_read(house: House) -> None:
    stream = house.add()
    slow, short = np.full(16_000, 4_000, np.int16), np.full(160, 100, np.int16)
    house.background(stream, 1, slow, fade_ms=200, loop=True)
    house.run(300)
    house.background(stream, 2, short, fade_ms=5, loop=False)
    house.run(100)
    assert house.clips_done() == []
    house.run(200)
    assert house.clips_done() == [2]


def test_a_clip_lies_behind_the_voice(house: House) -> None:
    stream = house.add()
    house.background(stream, 1, np.full(1_600, 500, np.int16), fade_ms=5, loop=True)
    house.say(stream, np.full(16_000, 3_000, np.int16))
    house.run(200)
    assert set(house.heard_by_peer(stream)[-320:].tolist()) == {3_500}


@pytest.mark.parametrize(
    ("clip_id", "gain", "fade_ms"),
    [(0, 1.0, 5), (1, -1.0, 5), (1, float("nan"), 5), (1, 1.0, 4), (1, 1.0, 2_001)],
)
def test_a_clip_out_of_range_is_refused(house: House, clip_id: int, gain: float, fade_ms: int) -> None:
    with pytest.raises(WrongArgument):
        house.background(house.add(), clip_id, tone(20, 100), gain, fade_ms)


def test_a_stream_that_leaves_with_a_clip_gives_it_back_with_itself(house: House) -> None:
    stream = house.add()
    house.background(stream, 1, tone(100, 100))
    house.run(40)
    house.engine.remove(stream)
    house.run(60)
    assert [event.kind for event in house.events][-1] == native.EVENT_REMOVED
