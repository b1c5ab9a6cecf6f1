"""Keys that we press: in packets where they were agreed on, in band elsewhere; the voice waits."""

from __future__ import annotations

import pytest

from mediasrv_native import kernels
from mediasrv_native.tones import Detector, Tones
from tests.native.line import FRAME, MASKED, Line, noise, on_the_wire, pcm_of, samples_of

PRESS, DTMF_SENT = 11, 18
FULL, WRONG = -3, -1


def press(line: Line, key: int, duration_ms: int = 100, gap_ms: int = 60) -> int:
    """The status of the command; `name`, the pause, goes the way of raw commands."""
    return line.core.apply_raw(PRESS, line.now_ns, flag=key, arg=duration_ms, name=gap_ms)


def test_a_key_is_a_run_of_packets_in_the_place_of_sound() -> None:
    line = Line()
    line.tick(2)
    assert press(line, 5) == 0
    line.tick(9)
    before, run = line.sent[:2], [packet for packet in line.sent if packet.payload_type == 101]
    assert {packet.payload[0] for packet in run} == {5}
    assert {packet.timestamp for packet in run} == {before[-1].timestamp + FRAME}
    assert [packet.marker for packet in run] == [True] + [False] * (len(run) - 1)
    durations = [packet.payload[2] << 8 | packet.payload[3] for packet in run]
    assert durations == sorted(durations)
    assert durations[-1] == 800
    assert [bool(packet.payload[1] & 0x80) for packet in run][-3:] == [True] * 3
    assert [event.code for event in line.of_kind(DTMF_SENT)] == [5]
    sequence = [packet.sequence for packet in line.sent]
    assert sequence == list(range(sequence[0], sequence[0] + len(sequence)))


def test_the_voice_waits_for_a_key_and_goes_on_whole() -> None:
    line = Line()
    pcm = noise(6 * FRAME)
    line.core.play(1, pcm)
    line.tick(3)
    press(line, 1)
    line.tick(20)
    voice = b"".join(packet.payload for packet in line.sent if packet.payload_type == 0)
    assert on_the_wire(pcm) == samples_of(kernels.g711_decode_u(voice))[: 6 * FRAME]
    first_after = next(p for k, p in enumerate(line.sent) if p.payload_type == 0 and k > 3)
    assert first_after.marker


@pytest.mark.parametrize("key", range(16))
def test_without_an_agreement_a_key_is_its_tones(key: int) -> None:
    line, detector = Line(telephone_event_type=0), Detector(8_000)
    press(line, key)
    heard = [found for _ in range(20) if (found := detector.process(pcm_of(line.tick())))]
    assert [found[0] for found in heard] == [key]
    assert [event.code for event in line.of_kind(DTMF_SENT)] == [key]


def test_what_is_no_key_is_refused_and_too_many_are() -> None:
    line = Line()
    assert press(line, 16) == WRONG
    assert press(line, 1, duration_ms=-1) == WRONG
    statuses = [press(line, 1) for _ in range(40)]
    assert statuses.count(0) == 32
    assert statuses[-1] == FULL


# ---- keys that are heard in band -----------------------------------------------------------------------------------

DTMF = 9


def key_sound(key: int, ms: int = 80) -> bytes:
    return Tones.of_key(8_000, key, ms).process(8 * ms)[0] + bytes(8 * 80 * 2)


@pytest.mark.parametrize("key", range(16))
def test_a_key_in_band_is_told_once_with_its_length(key: int) -> None:
    line = Line(inband_dtmf=True)
    line.say(noise(10 * FRAME, level=30) + key_sound(key) + noise(10 * FRAME, level=30))
    (told,) = line.of_kind(DTMF)
    assert told.code == key
    assert told.arg == pytest.approx(80, abs=20)


def test_tones_are_no_keys_where_keys_come_as_telephone_events() -> None:
    line = Line(inband_dtmf=True)
    line.say(noise(5 * FRAME, level=30))
    line.key(7, 800, start=line.timestamp, end=True)
    line.say(key_sound(3) + noise(10 * FRAME, level=30))
    assert [event.code for event in line.of_kind(DTMF)] == [7]


def test_nobody_listens_for_keys_unless_asked() -> None:
    line = Line()
    line.say(key_sound(3) + noise(10 * FRAME, level=30))
    assert line.of_kind(DTMF) == []


def test_a_key_in_band_is_no_speech() -> None:
    line = Line(inband_dtmf=True, vad=True)
    for key in range(16):
        line.say(key_sound(key, 200))
    assert line.of_kind(1) == []
    _, spans = line.ears()
    assert any(span.flags & MASKED for span in spans)
