"""Silence that is described instead of sent, and what it does to everything that counts packets."""

from __future__ import annotations

import pytest

from mediasrv_native import rtp
from tests.native.line import FRAME, MS, Line, noise

COMFORT = 13
PRESS, SET_COMFORT = 11, 12


def quiet_line(**settings: int) -> Line:
    return Line(comfort_noise_type=COMFORT, **settings)


def kinds(line: Line) -> list[int]:
    return [packet.payload_type for packet in line.sent]


def test_silence_is_told_of_at_once_and_every_second() -> None:
    line = quiet_line()
    line.tick(101)
    assert kinds(line) == [COMFORT] * 3
    first, second, third = (packet.timestamp for packet in line.sent)
    assert second - first == third - second == 8_000
    assert [packet.sequence - line.sent[0].sequence for packet in line.sent] == [0, 1, 2]
    assert not any(packet.marker for packet in line.sent)


def test_a_voice_after_silence_is_a_talk_spurt_and_its_clock_went_on() -> None:
    line = quiet_line()
    line.tick(7)
    line.core.play(1, noise(2 * FRAME))
    line.core.finish(1)
    line.tick(5)
    assert kinds(line) == [COMFORT, 0, 0, COMFORT]
    assert [packet.marker for packet in line.sent] == [False, True, False, False]
    begin = line.sent[0].timestamp
    assert [packet.timestamp - begin for packet in line.sent] == [0, 7 * FRAME, 8 * FRAME, 9 * FRAME]


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
def test_packets_of_any_length_hold_the_voice_whole(ptime_ms: int) -> None:
    line = quiet_line(ptime_ms=ptime_ms)
    line.tick(12)
    line.core.play(1, noise(6 * FRAME))
    line.core.finish(1)
    line.tick(12)
    voice = [packet for packet in line.sent if packet.payload_type == 0]
    assert len(voice) == -(-120 // ptime_ms)
    assert {len(packet.payload) for packet in voice} == {ptime_ms * 8}
    assert voice[0].timestamp - line.sent[0].timestamp == 12 * FRAME
    stamps = [packet.timestamp for packet in voice]
    assert [later - stamps[0] for later in stamps] == [k * ptime_ms * 8 for k in range(len(voice))]
    assert [packet.marker for packet in voice] == [True] + [False] * (len(voice) - 1)
    assert kinds(line)[0] == kinds(line)[-1] == COMFORT


def test_a_key_in_packets_ends_a_silence_and_begins_another() -> None:
    line = quiet_line()
    line.tick(3)
    assert line.core.apply_raw(PRESS, line.now_ns, flag=5, arg=100, name=40) == 0
    line.tick(20)
    assert kinds(line) == [COMFORT] + [101] * 7 + [COMFORT]


def test_reports_count_descriptions_as_packets_of_ours() -> None:
    line = quiet_line(rtcp=1)
    reports = []
    for _ in range(400):
        line.now_ns += 20 * MS
        for _, data in line.core.tick_all(line.now_ns):
            found = rtp.parse_rtcp(data, 0) if 200 <= data[1] <= 201 else None
            reports += [found] if found else []
    assert reports
    assert reports[0].sender is not None
    statistics = line.core.statistics()
    assert statistics["comfort_sent"] == statistics["packets_sent"] == 8
    assert reports[0].sender.octets == reports[0].sender.packets <= 8


def test_a_stream_that_may_send_again_tells_of_its_silence_anew() -> None:
    line = quiet_line()
    line.tick(2)
    line.core.set_direction(line.now_ns, sending=False)
    line.tick(2)
    line.core.set_direction(line.now_ns, sending=True)
    line.tick(2)
    assert kinds(line) == [COMFORT, COMFORT]  # one for each silence


def test_agreeing_on_it_in_mid_call_takes_effect_at_once() -> None:
    line = Line()
    line.tick(2)
    line.core.apply_raw(SET_COMFORT, line.now_ns, arg=COMFORT)
    line.tick(3)
    line.core.apply_raw(SET_COMFORT, line.now_ns, arg=0)
    line.tick(2)
    assert kinds(line) == [0, 0, COMFORT, 0, 0]
