"""What the ears do to what they hear beside taking echo off it: rumble, noise, level; what they tell of the line."""

import math
from array import array

import pytest

from mediasrv_native.errors import WrongArgument
from tests.native.line import FRAME, Line, noise, pcm_of, samples_of, voice
from tests.reference import sounds

HZ, EARS_HZ = 8_000, 16_000


def level_dbfs(pcm: bytes) -> float:
    samples = samples_of(pcm)
    return 20 * math.log10(math.sqrt(sum(s * s for s in samples) / len(samples)) / 32_768 + 1e-9)


def hum(seconds: float, hz: float = 50, peak: int = 4_000) -> bytes:
    return pcm_of([round(peak * math.sin(2 * math.pi * hz * i / HZ)) for i in range(round(seconds * HZ))])


def heard(line: Line, pcm: bytes) -> bytes:
    """What the ears made of it, the last second."""
    line.say(pcm)
    return line.ears()[0][-2 * EARS_HZ // 2 :]


def test_rumble_is_taken_off_where_it_is_asked_for() -> None:
    plain, passed = heard(Line(), hum(1.5)), heard(Line(high_pass=True), hum(1.5))
    assert level_dbfs(plain) - level_dbfs(passed) == pytest.approx(10.6, abs=1.5)


def test_a_faint_voice_is_brought_to_its_level() -> None:
    """Talk of -21 dBFS, 20 dB fainter; its level over pauses, too, is about what it was before."""
    talk = sounds.talk(10, seed=1)
    faint = sounds.to_pcm(talk / 10).tobytes()
    as_it_was, line = Line(vad=True, ears_ms=2_000), Line(vad=True, agc_dbfs=-20, ears_ms=2_000)
    for each in (as_it_was, line):
        each.say(faint)
    before, after = (level_dbfs(each.ears()[0]) for each in (as_it_was, line))
    assert before < -35
    assert after - before == pytest.approx(20, abs=4)


@pytest.mark.parametrize(("percent", "at_least_db", "at_most_db"), [(10, 1, 6), (50, 8, 18), (100, 16, 40)])
def test_noise_goes_down_by_as_much_as_is_asked_for(
    percent: int, at_least_db: float, at_most_db: float
) -> None:
    steady = noise(4 * HZ, seed=3, level=500)
    gone = level_dbfs(heard(Line(), steady)) - level_dbfs(heard(Line(ns=True, ns_percent=percent), steady))
    assert at_least_db <= gone <= at_most_db


def test_a_line_that_echoes_is_told_with_its_delay() -> None:
    line, said = Line(aec=True), voice(4 * HZ, level=6_000)
    on_the_way = [0] * (10 * FRAME)  # 200 ms
    for at in range(0, len(said), 2 * FRAME):
        line.core.play(1, said[at : at + 2 * FRAME])
        on_the_way += [s // 4 for s in line.tick()]
        line.give(line.packet(array("h", on_the_way[:FRAME]).tobytes()))
        on_the_way = on_the_way[FRAME:]
    told = line.core.statistics()
    assert told["echo_seen"] == 1
    quiet = Line(aec=True)
    quiet.say(voice(HZ))
    assert quiet.core.statistics()["echo_seen"] == 0
    assert quiet.core.statistics()["echo_delay_ms"] == -1


@pytest.mark.parametrize(
    "wrong", [{"ns_percent": 101}, {"agc_dbfs": -41}, {"agc_dbfs": -5}, {"agc_dbfs": 10}]
)
def test_what_is_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(WrongArgument):
        Line(**wrong)  # type: ignore[arg-type]
