"""The second opinion: what the gate took for a voice is denied when it is none, and what it held goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import numpy as np
import pytest

from mediasrv_native.core import Core, CoreEvent, core_bytes
from mediasrv_native.speech import SileroWeights
from tests.native.line import (
    DUCK,
    FRAME,
    HELD,
    HOLD,
    MS,
    OFFSET,
    ONSET,
    RELEASED,
    SPEECH,
    Line,
    noise,
    pcm_of,
    samples_of,
)
from tests.reference import silero, sounds

if TYPE_CHECKING:  # a shape for the type checker; at run time it is a dict
    from mediasrv_native.settings import Settings

WEIGHTS = SileroWeights(silero.WEIGHTS.read_bytes())
QUIET, DENIED = 0, 1  # reasons of an offset
BY_COMMAND, BY_DENIAL = 0, 3  # of a release
HUM = noise(50 * FRAME, seed=3, level=20)


def organ(seconds: float, dbfs: float = -20) -> bytes:
    """A chord with its overtones: periodic as a voice is, and no two tones."""
    at = np.arange(round(seconds * 8_000)) / 8_000
    pipes = [(root * k, 1 / k) for root in (196, 247, 294) for k in range(1, 7)]
    sound = sum(weight * np.sin(2 * np.pi * hz * at + hz) for hz, weight in pipes)
    sound *= np.minimum(1, at * 40)
    return sounds.to_pcm(np.asarray(sound / np.std(sound) * sounds.amplitude(dbfs))).tobytes()


def said(text: str) -> bytes:
    return sounds.to_pcm(sounds.voice(text)[0]).tobytes()


def a_line(**settings: Unpack[Settings]) -> Line:
    """After a second of quiet; the agent is about to speak for three."""
    line = Line(vad=1, **({"silero": WEIGHTS} | settings))
    line.say(HUM, tick=True)
    line.events.clear()
    return line


def speaking_line(on_onset: int = HOLD) -> Line:
    line = a_line(playout_ms=2_000)
    line.core.play(1, noise(99 * FRAME, seed=5), on_onset=on_onset, lease_ms=5_000)
    line.say(HUM[: 10 * 2 * FRAME], tick=True)
    return line


def organ_until_onset(line: Line) -> bytes:
    """Plays it as far as the gate takes it for a voice; returns the rest."""
    pcm, step = organ(1), 2 * FRAME
    for at in range(0, len(pcm), step):
        line.say(pcm[at : at + step], tick=True)
        if line.of_kind(ONSET):
            return pcm[at + step :]
    raise AssertionError("the gate is not deceived by this organ")


def onset_and_end(line: Line) -> tuple[CoreEvent, CoreEvent]:
    (onset,), (end,) = line.of_kind(ONSET), line.of_kind(OFFSET)
    return onset, end


def test_music_is_denied_soon_and_as_if_it_had_never_begun() -> None:
    line = a_line()
    line.say(organ(0.6), tick=True)
    onset, end = onset_and_end(line)
    assert end.reason == DENIED
    assert (end.at_ns, end.rtp_extended) == (onset.at_ns, onset.rtp_extended)
    assert line.core.statistics()["denials"] == 1
    _, spans = line.ears()
    marked_ms = sum(span.samples for span in spans if span.flags & SPEECH) / 16
    assert 100 <= marked_ms <= 180


def test_the_gate_alone_would_have_gone_on_believing_it() -> None:
    line = a_line(silero=None)
    line.say(organ(0.6), tick=True)
    assert [event.kind for event in line.events if event.kind in (ONSET, OFFSET)] == [ONSET]


@pytest.mark.parametrize("on_onset", [HOLD, DUCK])
def test_what_the_engine_held_goes_on_where_it_stopped(on_onset: int) -> None:
    line = speaking_line(on_onset)
    line.say(organ(0.6), tick=True)
    onset, end = onset_and_end(line)
    (held,), (released,) = line.of_kind(HELD), line.of_kind(RELEASED)
    assert onset.hold == held.hold == released.hold != 0
    assert released.reason == BY_DENIAL
    assert 100 * MS <= released.position.at_ns - held.position.at_ns <= 180 * MS
    assert line.events.index(released) < line.events.index(end)
    assert line.core.position().hold == 0
    assert any(abs(sample) > 2_000 for sample in line.tick())


def test_a_hold_of_pythons_own_is_not_let_go() -> None:
    line = speaking_line()
    rest = organ_until_onset(line)
    (onset,) = line.of_kind(ONSET)
    line.core.hold(77, 5_000, 0)
    line.say(rest, tick=True)
    assert line.of_kind(OFFSET)[0].reason == DENIED
    assert [event.hold for event in line.of_kind(RELEASED)] == []
    assert line.core.position().hold == 77 != onset.hold


def test_a_hold_that_python_has_released_is_released_once() -> None:
    line = speaking_line()
    rest = organ_until_onset(line)
    (onset,) = line.of_kind(ONSET)
    line.core.release(onset.hold, -1)
    line.say(rest, tick=True)
    assert line.of_kind(OFFSET)[0].reason == DENIED
    assert [event.reason for event in line.of_kind(RELEASED)] == [BY_COMMAND]


@pytest.mark.parametrize("text", ["stop", "no wait", "hello there how are you", "one moment please", "ten"])
@pytest.mark.parametrize("aec", [0, 1])
def test_a_voice_is_not_denied(text: str, aec: int) -> None:
    line = a_line(aec=aec, ns=aec)
    line.say(said(text) + HUM, tick=True)
    assert line.of_kind(ONSET)
    assert {event.reason for event in line.of_kind(OFFSET)} == {QUIET}


def test_a_voice_within_what_was_denied_is_an_onset_of_its_own() -> None:
    line = a_line()
    music, talk = samples_of(organ(2.5, dbfs=-35)), samples_of(said("hello there how are you today"))
    begins = 8_000
    mixed = list(music)
    for at, sample in enumerate(talk[: len(music) - begins]):
        mixed[begins + at] = max(-32_768, min(32_767, mixed[begins + at] + sample))
    start = line.timestamp
    line.say(pcm_of(mixed), tick=True)
    kinds = [(event.kind, event.reason) for event in line.events if event.kind in (ONSET, OFFSET)]
    assert kinds[:3] == [(ONSET, 0), (OFFSET, DENIED), (ONSET, 0)]
    second = line.of_kind(ONSET)[1]
    assert second.rtp_extended - start >= begins


def test_what_deceived_the_gate_once_does_not_interrupt_a_second_time() -> None:
    line = a_line()
    for _ in range(3):
        line.say(organ(0.5) + HUM, tick=True)
    assert [event.reason for event in line.of_kind(OFFSET)] == [DENIED]


def test_a_voice_after_a_denial_is_noticed_as_soon_as_it_is_found_to_be_one() -> None:
    line = a_line()
    line.say(organ(0.5) + HUM, tick=True)
    begins, voice = line.timestamp, said("okay")
    line.say(voice + HUM, tick=True)
    (_, onset) = line.of_kind(ONSET)
    assert begins < onset.rtp_extended < begins + len(voice) // 2  # before the word is over


def test_wariness_wears_off() -> None:
    line = a_line()
    for _ in range(2):
        line.say(organ(0.5) + 4 * HUM, tick=True)
    assert [event.reason for event in line.of_kind(OFFSET)] == [DENIED, DENIED]


def test_a_jump_of_the_clock_forgets_what_was_asked() -> None:
    line = a_line()
    organ_until_onset(line)
    line.timestamp += 8_000 * 60
    line.say(HUM + said("hello there"), tick=True)
    reasons = [event.reason for event in line.of_kind(OFFSET)]
    assert reasons[0] == QUIET  # the jump ended it, before it was judged
    assert line.of_kind(ONSET)[-1].rtp_extended > line.of_kind(OFFSET)[0].rtp_extended


def lose(line: Line, ms: int) -> None:
    """So much of what the caller says does not arrive."""
    line.now_ns += ms * MS
    line.sequence += ms // 20
    line.timestamp += ms * 8


def test_what_was_made_up_for_a_loss_is_not_what_is_denied() -> None:
    line = a_line(reorder_ms=0)
    rest = organ_until_onset(line)
    lose(line, 160)
    line.say(rest[: 2 * 10 * FRAME])
    assert not line.of_kind(OFFSET)  # what is torn is given twice the time
    line.say(rest[2 * 10 * FRAME : 2 * 14 * FRAME])
    assert [event.reason for event in line.of_kind(OFFSET)] == [DENIED]


@pytest.mark.parametrize("lost", [1, 2, 3])
@pytest.mark.parametrize("text", ["one moment please", "no wait"])
@pytest.mark.parametrize("pitch", ["low", "mid", "high"])
def test_a_voice_whose_onset_was_torn_is_not_denied(text: str, pitch: str, lost: int) -> None:
    """Wherever around its first vowel the packets were lost."""
    speech, voiced_at = sounds.voice(text, pitch)
    pcm = sounds.to_pcm(speech).tobytes()
    for shift in range(0, FRAME, 40):  # of the word against the packets
        for torn in range(max(0, (shift + voiced_at) // FRAME - 4), (shift + voiced_at) // FRAME + 9):
            line = a_line(reorder_ms=0)
            said = bytes(2 * shift) + pcm + HUM
            line.say(said[: 2 * FRAME * torn])
            lose(line, lost * 20)
            line.say(said[2 * FRAME * (torn + lost) :])
            assert line.of_kind(ONSET), (shift, torn)
            assert DENIED not in {event.reason for event in line.of_kind(OFFSET)}, (shift, torn)


@pytest.mark.parametrize("lost_ms", [500, 1_020, 2_000])
@pytest.mark.parametrize("text", ["one moment please", "excuse me", "hello there how are you"])
def test_a_voice_that_comes_back_in_the_middle_of_a_word_is_not_denied(text: str, lost_ms: int) -> None:
    """After a gap that is bridged, and after one that is a jump."""
    pcm = said(text)
    for begins in range(4, 12):
        line = a_line(reorder_ms=0)
        lose(line, lost_ms)
        line.say(pcm[2 * FRAME * begins :] + HUM)
        assert line.of_kind(ONSET), begins
        assert DENIED not in {event.reason for event in line.of_kind(OFFSET)}, begins


def frames_until_denied(line: Line, pcm: bytes) -> int:
    for at in range(0, len(pcm), 2 * FRAME):
        line.say(pcm[at : at + 2 * FRAME], tick=True)
        if [event.reason for event in line.of_kind(OFFSET)] == [DENIED]:
            return at // (2 * FRAME)
    raise AssertionError("nothing was denied")


def test_silence_that_was_never_sent_tears_nothing() -> None:
    paused, torn = a_line(reorder_ms=0), a_line(reorder_ms=0)
    until = {}
    for line in (paused, torn):
        rest = organ_until_onset(line)
        lose(line, 40)
        line.sequence -= 2 if line is paused else 0
        until[line] = frames_until_denied(line, rest)
    assert (until[torn] - until[paused]) * 20 in range(110, 150)  # twice 130 ms, and once


@pytest.mark.parametrize("heard_ms", range(20, 240, 20))
def test_a_voice_is_not_found_in_what_was_made_up_for_a_loss(heard_ms: int) -> None:
    line = a_line(reorder_ms=0)
    line.say(organ(0.5) + HUM, tick=True)
    line.events.clear()
    voice = said("hello there how are you")
    line.say(voice[: heard_ms * 16], tick=True)
    lost_from = line.timestamp
    lose(line, 160)
    line.say(voice[(heard_ms + 160) * 16 :] + HUM, tick=True)
    begun = [event.rtp_extended for event in line.of_kind(ONSET)]
    assert begun
    assert not [at for at in begun if lost_from <= at < lost_from + 160 * 8]


def test_it_costs_memory_only_where_it_is_wanted() -> None:
    alone = core_bytes(vad=1)
    assert alone < core_bytes(vad=1, silero=WEIGHTS) <= alone + 6 * 1_024
    assert core_bytes(vad=0, silero=WEIGHTS) == core_bytes(vad=0)


def test_the_weights_live_as_long_as_the_core_that_uses_them() -> None:
    core = Core(vad=1, silero=SileroWeights(silero.WEIGHTS.read_bytes()))
    line = a_line()
    line.core = core
    line.say(HUM + organ(0.5), tick=True)
    assert line.of_kind(OFFSET)[-1].reason == DENIED


def test_anything_else_in_the_place_of_weights_is_refused() -> None:
    with pytest.raises(TypeError):
        Core(vad=1, silero=b"weights")  # type: ignore[arg-type]
