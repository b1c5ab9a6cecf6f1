"""What people hear of a stream: the same sound as the ears', in ticks, at any rate, whatever the packets do."""

from __future__ import annotations

import random
from array import array
from itertools import pairwise

import pytest

from mediasrv_native.core import core_bytes
from mediasrv_native.errors import WrongArgument
from tests.native.line import FRAME, FRAME_NS, MS, Line, noise, on_the_wire, pcm_of, samples_of, voice

QUIET = pcm_of([0] * FRAME)


def listen(line: Line, rate_hz: int = 8_000) -> list[int]:
    """The tick that is due now, as somebody hears it."""
    frame = line.core.bridge_frame(line.now_ns, rate_hz)
    assert frame is not None
    return samples_of(frame)


def say_and_listen(line: Line, pcm: bytes, rate_hz: int = 8_000) -> list[int]:
    heard: list[int] = []
    for at in range(0, len(pcm), 2 * FRAME):
        line.give(line.packet(pcm[at : at + 2 * FRAME]))
        heard += listen(line, rate_hz)
        line.tick()
    return heard


def test_who_listens_hears_what_was_said_sample_for_sample() -> None:
    pcm = noise(200 * FRAME)
    heard = say_and_listen(Line(bridge=True), pcm)
    said = on_the_wire(pcm)
    begins = next(at for at in range(0, 10 * FRAME, FRAME) if heard[at : at + FRAME] == said[:FRAME])
    assert heard[begins:] == said[: len(heard) - begins]
    assert begins <= 4 * FRAME


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 48_000])
def test_every_rate_carries_the_same_voice(rate_hz: int) -> None:
    pcm = voice(100 * FRAME, level=4_000)
    heard = say_and_listen(Line(bridge=True), pcm, rate_hz)
    power = sum(x * x for x in heard[len(heard) // 2 :]) / (len(heard) // 2)
    said = samples_of(pcm)[50 * FRAME :]
    assert len(heard) == 100 * rate_hz // 50
    assert power == pytest.approx(sum(x * x for x in said) / len(said), rel=0.1)


def test_ten_listeners_hear_one_and_the_same_tick() -> None:
    line = Line(bridge=True)
    say_and_listen(line, noise(20 * FRAME))
    line.give(line.packet(noise(FRAME, seed=2)))
    first = [line.core.bridge_frame(line.now_ns, rate_hz) for rate_hz in (8_000, 48_000)]
    again = [line.core.bridge_frame(line.now_ns, rate_hz) for rate_hz in (8_000, 48_000)]
    assert first == again
    statistics = line.core.bridge_statistics()
    assert statistics is not None
    assert statistics["out_samples"] == 21 * FRAME


def test_a_rate_that_was_not_asked_for_in_a_while_brings_nothing_old() -> None:
    line = Line(bridge=True)
    say_and_listen(line, voice(50 * FRAME, level=8_000), 16_000)
    say_and_listen(line, QUIET * 50, 8_000)
    line.give(line.packet(QUIET))
    assert max(map(abs, listen(line, 16_000))) < 50


@pytest.mark.parametrize("rate_hz", [0, 11_025, 44_100, -1])
def test_a_rate_that_nobody_has_gives_nothing(rate_hz: int) -> None:
    assert Line(bridge=True).core.bridge_frame(FRAME_NS, rate_hz) is None


def test_a_stream_without_a_bridge_pays_nothing_and_gives_nothing() -> None:
    line = Line()
    assert line.core.bridge_frame(line.now_ns, 8_000) is None
    assert line.core.bridge_statistics() is None
    assert core_bytes(bridge=False) + 20_000 < core_bytes(bridge=True) < core_bytes(bridge=False) + 50_000


@pytest.mark.parametrize("wrong", [{"bridge_min_ms": 10}, {"bridge_max_ms": 2_000}, {"bridge_min_ms": 300}])
def test_a_delay_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(WrongArgument):
        Line(bridge=True, **wrong)
    Line(**wrong)  # of no concern without a bridge


def jittery(seed: int, **settings: int) -> tuple[Line, list[int]]:
    """30 s of voice, each packet up to 70 ms late, one in fifty lost; packets and ticks interleaved as they come."""
    line, rng = Line(bridge=True, reorder_ms=0, **settings), random.Random(seed)
    pcm, coming, last_ns = voice(1_500 * FRAME, level=4_000), [], 0
    for k in range(1_500):
        packet = line.packet(pcm[2 * k * FRAME : 2 * (k + 1) * FRAME])
        last_ns = max(last_ns, line.now_ns + k * FRAME_NS + rng.randrange(70 * MS))
        if rng.random() >= 0.02:
            coming.append((last_ns, packet))
    heard = []
    for _ in range(1_500):
        due_ns = line.now_ns
        while coming and coming[0][0] <= due_ns:
            line.now_ns, packet = coming.pop(0)
            line.give(packet)
        line.now_ns = due_ns
        heard += listen(line)
        line.tick()
    return line, heard


def steepest(samples: list[int]) -> int:
    return max(abs(b - a) for a, b in pairwise(samples))


def test_jitter_and_loss_are_smoothed_over() -> None:
    line, heard = jittery(3)
    statistics = line.core.bridge_statistics()
    assert statistics is not None
    concealed = statistics["concealed_voice"] + statistics["concealed_silence"]
    assert concealed / statistics["out_samples"] < 0.03
    assert statistics["filled_before_us"] > 0
    assert 60 < statistics["target_ms"] < 130
    assert steepest(heard) < 2 * steepest(samples_of(voice(100 * FRAME, level=4_000)))


def test_the_same_packets_give_the_same_sound() -> None:
    assert array("h", jittery(5)[1]) == array("h", jittery(5)[1])


def test_a_configured_delay_is_kept() -> None:
    line, _ = jittery(3, bridge_min_ms=180, bridge_max_ms=180)
    statistics = line.core.bridge_statistics()
    assert statistics is not None
    assert statistics["target_ms"] == 180


def test_a_sender_that_begins_anew_is_heard_again() -> None:
    line = Line(bridge=True)
    say_and_listen(line, voice(100 * FRAME))
    line.ssrc, line.sequence, line.timestamp = 0xBEEF, 7, 3_000_000_000
    for _ in range(4):  # two in sequence make a source (RFC 3550, A.1)
        say_and_listen(line, voice(FRAME))
    heard = say_and_listen(line, voice(100 * FRAME, level=4_000))
    assert sum(map(abs, heard[50 * FRAME :])) > 50 * FRAME * 300


def test_after_seconds_of_silence_on_purpose_the_delay_is_as_before() -> None:
    line = Line(bridge=True)
    say_and_listen(line, voice(200 * FRAME))
    for _ in range(250):
        listen(line)
        line.tick()
    line.timestamp += 250 * FRAME
    say_and_listen(line, voice(200 * FRAME))
    statistics = line.core.bridge_statistics()
    assert statistics is not None
    assert statistics["current_ms"] < 90
    assert statistics["restarts"] == 0
