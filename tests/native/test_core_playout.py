"""The voice on its way out: what is sent is what was played, sample for sample, outside the fades."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mediasrv_native.errors import NativeError, QueueFull, StaleHandle, WrongArgument, WrongState
from mediasrv_native.settings import OPUS, PCMA, PCMU
from tests.native.line import (
    FINISHED,
    FLUSHED,
    FRAME,
    HELD,
    MARK,
    MS,
    RELEASED,
    STARVED,
    Line,
    noise,
    on_the_wire,
    pcm_of,
)

if TYPE_CHECKING:  # a shape for the type checker; at run time it is a dict
    from mediasrv_native.settings import Settings

FADE = 40  # 5 ms at 8 kHz
BY_COMMAND, BY_LEASE, BY_FLUSH = 0, 1, 2
LATER = 1 << 30  # lease in ms that no test outlives


def is_fade_out(faded: list[int], original: list[int]) -> bool:
    quieter = all(abs(a) <= abs(b) for a, b in zip(faded, original, strict=True))
    return quieter and abs(faded[-1]) <= abs(original[-1]) // 8 + 16


@pytest.fixture
def line() -> Line:
    return Line()


def test_what_is_played_is_sent_sample_for_sample(line: Line) -> None:
    pcm = noise(5 * FRAME + 37)
    assert line.core.play(1, pcm) == 5 * FRAME + 37
    line.core.finish(1)
    assert line.tick(7) == on_the_wire(pcm) + [0] * (2 * FRAME - 37)


def test_any_chunking_sounds_the_same() -> None:
    pcm = noise(10 * FRAME)
    sounds = []
    for step in (2, 34, 320, 4000):
        line = Line()
        for at in range(0, len(pcm), step):
            line.core.play(1, pcm[at : at + step])
        line.core.finish(1)
        sounds.append(line.tick(12))
    assert sounds.count(on_the_wire(pcm) + [0] * 2 * FRAME) == len(sounds)


def test_packets_follow_one_another_through_both_wraps() -> None:
    line = Line(first_sequence=0xFFFE, first_timestamp=0xFFFFFFFF - FRAME, ssrc=77, codings=((PCMU, 96),))
    line.tick(4)
    assert [p.sequence for p in line.sent] == [0xFFFE, 0xFFFF, 0, 1]
    assert [p.timestamp for p in line.sent] == [0xFFFFFFFF - FRAME, 0xFFFFFFFF, FRAME - 1, 2 * FRAME - 1]
    assert {(p.ssrc, p.payload_type, len(p.payload)) for p in line.sent} == {(77, 96, FRAME)}


def test_silence_is_sent_when_nothing_plays_and_a_talk_spurt_begins_with_the_marker(line: Line) -> None:
    line.tick(2)
    line.core.play(1, noise(2 * FRAME))
    line.tick(2)
    line.tick(1)
    line.core.play(1, noise(FRAME))
    line.tick(1)
    assert [p.marker for p in line.sent] == [False, False, True, False, False, True]


def test_position_is_what_the_captured_packets_hold(line: Line) -> None:
    line.core.play(3, noise(3 * FRAME + 10))
    for sent in (FRAME, 2 * FRAME, 3 * FRAME, 3 * FRAME + 10):
        line.tick()
        position = line.core.position()
        assert (position.generation, position.wire, position.source) == (3, sent, sent)
        assert position.at_ns == line.now_ns


def test_heard_lags_by_the_far_delay_and_catches_up() -> None:
    line = Line(far_delay_ms=50, far_delay_error_ms=30)
    line.core.play(1, noise(4 * FRAME))
    line.core.finish(1)
    heard = []
    for _ in range(8):
        line.tick()
        heard.append(line.core.position().heard)
    # the packet of the first tick is in the ear from 50 to 70 ms later
    assert heard == [0, 0, 0, 80, 240, 400, 560, 640]
    assert line.core.position().heard_error == 30 * 8


def test_the_end_of_a_finished_generation_is_told_with_its_last_packet(line: Line) -> None:
    line.core.play(1, noise(2 * FRAME))
    line.core.finish(1)
    line.tick()
    assert FINISHED not in line.kinds()
    line.tick()
    (finished,) = line.of_kind(FINISHED)
    assert (finished.position.generation, finished.position.source) == (1, 2 * FRAME)
    line.tick(3)
    assert line.kinds().count(FINISHED) == 1
    assert STARVED not in line.kinds()


def test_a_generation_finished_too_late_or_without_a_sound_ends_at_the_next_tick(line: Line) -> None:
    line.core.play(1, noise(FRAME))
    line.tick(2)
    line.core.finish(1)
    line.core.finish(2)
    line.tick()
    assert [(e.position.generation, e.position.source) for e in line.of_kind(FINISHED)] == [
        (1, FRAME),
        (2, 0),
    ]


def test_starvation_is_told_once_a_gap(line: Line) -> None:
    line.core.play(1, noise(FRAME + 5))
    line.tick(4)
    assert line.kinds().count(STARVED) == 1
    line.core.play(1, noise(FRAME))
    line.tick(3)
    assert line.kinds().count(STARVED) == 2
    assert line.core.statistics()["starved"] == 2


def test_the_next_generation_follows_without_a_gap(line: Line) -> None:
    first, second = noise(FRAME + 50), noise(FRAME + 7, seed=2)
    line.core.play(1, first)
    line.core.finish(1)
    line.core.play(2, second)
    line.core.finish(2)
    assert line.tick(3)[: 2 * FRAME + 57] == on_the_wire(first) + on_the_wire(second)
    assert [(e.position.generation, e.position.wire) for e in line.of_kind(FINISHED)] == [
        (1, FRAME + 50),
        (2, FRAME + 7),
    ]


# ---- holds --------------------------------------------------------------------------------------------------------


def test_a_hold_fades_out_and_a_release_goes_on_where_it_stopped(line: Line) -> None:
    pcm = noise(10 * FRAME)
    wire = on_the_wire(pcm)
    line.core.play(1, pcm)
    line.tick(2)
    line.core.hold(5, LATER, line.now_ns)
    held = line.tick(3)
    assert is_fade_out(held[:FADE], wire[2 * FRAME : 2 * FRAME + FADE])
    assert set(held[FADE:]) == {0}
    assert len(line.sent) == 5  # packets keep flowing
    stopped = line.core.position()
    assert (stopped.hold, stopped.source, stopped.wire) == (5, 2 * FRAME + FADE, 2 * FRAME + FADE)
    line.core.release(5, line.now_ns)
    back = line.tick(2)
    go_on = wire[2 * FRAME + FADE :]
    assert is_fade_out(back[:FADE][::-1], go_on[:FADE][::-1])
    assert back[FADE:] == go_on[FADE : 2 * FRAME]
    assert [k for k in line.kinds() if k in (HELD, RELEASED)] == [HELD, RELEASED]
    (released,) = line.of_kind(RELEASED)
    assert (released.hold, released.reason, released.arg) == (5, BY_COMMAND, 2 * FRAME + FADE)


def test_a_release_may_go_back_to_a_mark(line: Line) -> None:
    pcm = noise(10 * FRAME)
    wire = on_the_wire(pcm)
    line.core.play(1, pcm)
    line.core.finish(1)
    line.tick(4)
    line.core.hold(1, LATER, line.now_ns)
    line.tick()
    before = line.core.position()
    line.core.release(1, line.now_ns, source=FRAME)
    assert line.of_kind(RELEASED) == []
    sent = line.tick(9)
    assert line.of_kind(RELEASED)[0].arg == FRAME
    assert sent[FADE:] == wire[FRAME + FADE :]
    after = line.core.position()
    assert after.source == 10 * FRAME
    assert after.wire == before.wire + 9 * FRAME
    assert line.kinds().count(FINISHED) == 1


def test_a_release_before_the_fade_was_sent_changes_nothing_audible(line: Line) -> None:
    pcm = noise(4 * FRAME)
    line.core.play(1, pcm)
    first = line.tick()
    line.core.hold(1, LATER, line.now_ns)
    line.core.release(1, line.now_ns)
    assert first + line.tick(3) == on_the_wire(pcm)


def test_a_rewind_of_a_sounding_voice_fades_out_and_in_again(line: Line) -> None:
    pcm = noise(4 * FRAME)
    wire = on_the_wire(pcm)
    line.core.play(1, pcm)
    line.tick(2)
    line.core.hold(1, LATER, line.now_ns)
    line.core.release(1, line.now_ns, source=10)
    sent = line.tick()
    assert is_fade_out(sent[:FADE], wire[2 * FRAME : 2 * FRAME + FADE])
    assert is_fade_out(sent[FADE : 2 * FADE][::-1], wire[10 : 10 + FADE][::-1])
    assert sent[2 * FADE :] == wire[10 + FADE : 10 + FRAME - FADE]


@pytest.mark.parametrize(("asked", "got"), [(0, 1_600), (5_000, 9 * FRAME + FADE)])
def test_a_release_goes_no_further_than_the_ring_remembers(asked: int, got: int) -> None:
    line = Line(rewind_ms=0, playout_ms=200)
    pcm = noise(1_600)
    line.core.play(1, pcm)
    line.tick(9)
    line.core.hold(1, LATER, line.now_ns)
    line.tick()
    line.core.release(1, line.now_ns, source=asked)
    line.tick()
    (released,) = line.of_kind(RELEASED)
    assert released.arg >= 9 * FRAME
    assert released.arg <= got


def test_a_release_that_names_another_hold_does_nothing(line: Line) -> None:
    line.core.play(1, noise(4 * FRAME))
    line.tick()
    line.core.hold(1, LATER, line.now_ns)
    line.core.hold(2, LATER, line.now_ns)
    with pytest.raises(StaleHandle):
        line.core.release(1, line.now_ns)
    line.tick()
    assert line.core.position().hold == 2
    assert set(line.tick()) == {0}
    with pytest.raises(StaleHandle):
        line.core.release(0, line.now_ns)


def test_a_lease_ends_by_itself(line: Line) -> None:
    pcm = noise(10 * FRAME)
    line.core.play(1, pcm)
    line.tick()
    line.core.hold(9, 50, line.now_ns)
    assert line.core.next_deadline() == line.now_ns + 50 * MS
    line.tick(2)
    assert RELEASED not in line.kinds()
    assert any(line.tick())
    (released,) = line.of_kind(RELEASED)
    assert (released.reason, released.hold) == (BY_LEASE, 9)
    assert line.core.statistics()["leases_expired"] == 1
    with pytest.raises(StaleHandle):
        line.core.release(9, line.now_ns)


def test_a_lease_may_also_end_between_ticks(line: Line) -> None:
    line.core.hold(9, 7, line.now_ns)
    line.core.handle_deadline(line.now_ns + 7 * MS)
    line.collect()
    assert RELEASED in line.kinds()


def test_a_lease_that_stays_leaves_the_hold_to_a_command(line: Line) -> None:
    line.core.play(1, noise(4 * FRAME))
    line.tick()
    line.core.hold(9, 30, line.now_ns, on_lease=1)
    line.tick(5)
    assert line.core.position().hold == 9
    line.core.release(9, line.now_ns)
    assert any(line.tick())


def test_a_duck_goes_on_eighteen_decibels_softer(line: Line) -> None:
    pcm = pcm_of([16_000] * 6 * FRAME)
    line.core.play(1, pcm)
    line.tick()
    line.core.hold(3, LATER, line.now_ns, duck=True)
    soft = line.tick(2)
    assert all(1_940 < s < 2_090 for s in soft[FADE:])
    line.core.release(3, line.now_ns)
    loud = line.tick()
    assert loud[FADE:] == on_the_wire(pcm)[: FRAME - FADE]
    assert line.core.position().source == 4 * FRAME


def test_a_hold_over_silence_keeps_the_next_voice_back(line: Line) -> None:
    pcm = noise(2 * FRAME)
    line.core.hold(4, LATER, line.now_ns)
    line.core.play(1, pcm)
    assert set(line.tick(2)) == {0}
    line.core.release(4, line.now_ns)
    assert line.tick(2) == on_the_wire(pcm)


# ---- flush --------------------------------------------------------------------------------------------------------


def test_a_flush_fades_out_and_tells_what_was_really_sent(line: Line) -> None:
    pcm = noise(10 * FRAME)
    wire = on_the_wire(pcm)
    line.core.play(1, pcm)
    line.tick(2)
    line.core.flush(1, line.now_ns)
    line.collect()
    assert FLUSHED not in line.kinds()
    after = line.tick(2)
    assert is_fade_out(after[:FADE], wire[2 * FRAME : 2 * FRAME + FADE])
    assert set(after[FADE:]) == {0}
    (flushed,) = line.of_kind(FLUSHED)
    assert (flushed.arg, flushed.position.generation) == (1, 1)
    assert (flushed.position.wire, flushed.position.source) == (2 * FRAME + FADE, 2 * FRAME + FADE)
    line.tick(10)
    assert line.core.position().source == 2 * FRAME + FADE  # stays readable
    assert line.core.position().heard == 2 * FRAME + FADE


def test_audio_of_a_dead_generation_is_refused_however_late(line: Line) -> None:
    line.core.flush(4, line.now_ns)
    for generation in (1, 4):
        with pytest.raises(StaleHandle):
            line.core.play(generation, noise(10))
        with pytest.raises(StaleHandle):
            line.core.finish(generation)
    assert line.core.play(5, noise(10)) == 10


def test_the_next_turn_begins_in_the_tick_that_ends_the_last(line: Line) -> None:
    second = noise(2 * FRAME, seed=2)
    line.core.play(1, noise(10 * FRAME))
    line.tick()
    line.core.flush(1, line.now_ns)
    line.core.play(2, second)
    assert line.tick(2)[FADE:] == on_the_wire(second)[: 2 * FRAME - FADE]
    assert line.of_kind(FLUSHED)[0].position.generation == 1
    assert line.core.position().generation == 2


def test_a_flush_ends_the_hold_and_is_answered_at_once_when_nothing_sounds(line: Line) -> None:
    line.core.play(1, noise(10 * FRAME))
    line.tick()
    line.core.hold(1, LATER, line.now_ns)
    line.tick()
    line.core.flush(1, line.now_ns)
    line.collect()
    assert line.kinds()[-2:] == [RELEASED, FLUSHED]
    assert line.of_kind(RELEASED)[0].reason == BY_FLUSH
    pcm = noise(FRAME, seed=3)
    line.core.play(2, pcm)
    assert line.tick() == on_the_wire(pcm)  # no fade: this one was never interrupted


def test_a_flush_of_what_was_never_begun_tells_that_nothing_of_it_was_sent(line: Line) -> None:
    line.core.play(1, noise(FRAME))
    line.core.finish(1)
    line.tick(2)
    line.core.play(2, noise(FRAME))
    line.core.flush(2, line.now_ns)
    line.collect()
    (flushed,) = line.of_kind(FLUSHED)
    assert (flushed.arg, flushed.position.generation, flushed.position.wire) == (2, 2, 0)
    assert set(line.tick(2)) == {0}


def test_a_flush_of_an_ended_generation_leaves_the_present_one_and_its_hold(line: Line) -> None:
    pcm = noise(4 * FRAME, seed=2)
    line.core.play(1, noise(FRAME))
    line.core.finish(1)
    line.core.play(2, pcm)
    line.tick(2)
    line.core.hold(8, LATER, line.now_ns)
    line.core.flush(1, line.now_ns)
    line.tick()
    assert line.core.position().hold == 8
    assert line.of_kind(FLUSHED)[0].position.generation == 2
    line.core.release(8, line.now_ns)
    assert line.tick(2)[FADE:] == on_the_wire(pcm)[FRAME + 2 * FADE : 3 * FRAME + FADE]


def test_every_flush_is_answered_once(line: Line) -> None:
    line.core.play(1, noise(10 * FRAME))
    line.tick()
    for generation in range(1, 20):
        line.core.flush(generation, line.now_ns)
    line.tick(3)
    assert [e.arg for e in line.of_kind(FLUSHED)] == list(range(1, 20))


def test_a_finished_generation_that_is_flushed_is_not_told_to_have_finished(line: Line) -> None:
    line.core.play(1, noise(FRAME))
    line.core.finish(1)
    line.core.flush(1, line.now_ns)
    line.tick(3)
    assert FINISHED not in line.kinds()


# ---- marks, room, wrong arguments -----------------------------------------------------------------------------------


def test_marks_fire_once_when_everything_before_them_was_sent(line: Line) -> None:
    line.core.play(1, noise(4 * FRAME))
    for name, source in ((10, 0), (11, FRAME), (12, FRAME + 1), (13, 4 * FRAME)):
        line.core.mark(1, source, name, line.now_ns)
    fired = []
    for _ in range(5):
        line.events.clear()
        line.tick()
        fired.append([(e.name, e.arg) for e in line.of_kind(MARK)])
    assert fired == [[(10, 0), (11, FRAME)], [(12, FRAME + 1)], [], [(13, 4 * FRAME)], []]


def test_a_mark_that_was_passed_again_after_a_rewind_stays_silent(line: Line) -> None:
    line.core.play(1, noise(4 * FRAME))
    line.core.mark(1, FRAME, 1, line.now_ns)
    line.tick(2)
    line.core.hold(1, LATER, line.now_ns)
    line.tick()
    line.core.release(1, line.now_ns, source=0)
    line.tick(4)
    assert line.kinds().count(MARK) == 1


def test_marks_die_with_their_generation_and_their_table_is_bounded(line: Line) -> None:
    for name in range(32):
        line.core.mark(2, FRAME, name, line.now_ns)
    with pytest.raises(QueueFull):
        line.core.mark(2, FRAME, 99, line.now_ns)
    line.core.flush(2, line.now_ns)
    with pytest.raises(StaleHandle):
        line.core.mark(2, FRAME, 99, line.now_ns)
    line.core.mark(3, 0, 99, line.now_ns)
    line.core.play(3, noise(FRAME))
    line.tick()
    assert [e.name for e in line.of_kind(MARK)] == [99]


def test_room_is_the_queue_of_unsent_audio_whatever_is_kept_for_rewinding() -> None:
    line = Line(playout_ms=200, rewind_ms=100)
    assert line.core.room() == 1_600
    assert line.core.play(1, noise(5_000)) == 1_600
    assert line.core.room() == 0
    for sent in range(1, 8):
        line.tick()
        assert line.core.room() == sent * FRAME
    assert line.core.play(1, noise(5_000)) == 7 * FRAME


def test_flushed_audio_makes_room_at_once_even_when_nothing_is_sent(line: Line) -> None:
    line.core.set_direction(line.now_ns, sending=False)
    line.core.play(1, noise(16_000))
    assert line.core.room() == 0
    line.core.flush(1, line.now_ns)
    assert line.core.room() == 16_000
    line.collect()
    assert FLUSHED in line.kinds()


def test_the_passages_of_many_short_generations_never_fill_up(line: Line) -> None:
    for generation in range(1, 500):
        assert line.core.play(generation, noise(40)) == 40
        line.core.finish(generation)
        line.tick()
    assert line.kinds().count(FINISHED) == 499


def test_generations_without_a_sound_never_fill_up_either(line: Line) -> None:
    for generation in range(1, 500):
        line.core.finish(generation)
        line.tick()
    assert line.kinds().count(FINISHED) == 499


def test_more_passages_than_the_ring_has_places_for_wait_their_turn(line: Line) -> None:
    taken = [line.core.play(1, noise(10), lease_ms=k) for k in range(100)]
    assert taken == [10] * 64 + [0] * 36
    assert line.core.room() == 0
    with pytest.raises(QueueFull):
        line.core.finish(1)
    line.tick(4 + 50)
    assert line.core.room() > 0
    assert line.core.play(1, noise(10), lease_ms=99) == 10


def test_wrong_arguments_are_refused_and_change_nothing(line: Line) -> None:
    core, pcm = line.core, noise(2 * FRAME)
    core.play(2, pcm)
    for wrong in (
        lambda: core.play(0, pcm),
        lambda: core.play(3, pcm, on_onset=3),
        lambda: core.play(3, pcm, on_lease=2),
        lambda: core.hold(0, 10, line.now_ns),
        lambda: core.hold(1, -1, line.now_ns),
        lambda: core.hold(1, 10, line.now_ns, on_lease=2),
        lambda: core.flush(0, line.now_ns),
        lambda: core.mark(0, 1, 1, line.now_ns),
        lambda: core.mark(3, -1, 1, line.now_ns),
        lambda: core.set_remote(None, line.now_ns),
        lambda: core.set_remote(("192.0.2.1", 0), line.now_ns),
        lambda: core.release(1, line.now_ns, source=-2),
    ):
        with pytest.raises(WrongArgument):
            wrong()
    assert core.apply_raw(99, line.now_ns) < 0
    with pytest.raises(StaleHandle):
        core.play(1, pcm)
    core.finish(2)
    core.finish(2)  # twice is once
    with pytest.raises(WrongState):
        core.play(2, pcm)
    assert line.tick(2) == on_the_wire(pcm)


@pytest.mark.parametrize(
    "wrong",
    [
        {"say_hz": 44_100},
        {"say_hz": 8_000, "hear_hz": 11_025},
        {"codings": ((3, 0),)},
        {"codings": ((PCMU, 0), (OPUS, 96))},
        {"codings": ((PCMU, 0), (PCMA, 0))},
        {"codings": ()},
        {"ptime_ms": 25},
        {"codings": ((PCMU, 128),)},
        {"telephone_event_type": 0x80},
        {"codings": ((PCMU, 101),)},
        {"aec_tail_ms": 63},
        {"reorder_ms": 41},
        {"playout_ms": 199},
        {"playout_ms": 2_001},
        {"rewind_ms": 2_001},
        {"ears_ms": 99},
        {"far_delay_ms": 1_001},
    ],
)
def test_a_wrong_configuration_is_refused(wrong: Settings) -> None:
    with pytest.raises(NativeError):
        Line(**wrong)


# ---- the tick ------------------------------------------------------------------------------------------------------


def test_a_tick_that_comes_too_late_is_skipped_and_nothing_of_the_voice_is_lost(line: Line) -> None:
    pcm = noise(3 * FRAME)
    line.core.play(1, pcm)
    first = line.tick()
    assert line.core.tick(line.now_ns + 20 * MS, line.now_ns + 81 * MS) is None
    line.now_ns += 20 * MS
    assert first + line.tick(2) == on_the_wire(pcm)
    assert [p.sequence for p in line.sent] == [0, 1, 2]
    assert [p.timestamp for p in line.sent] == [0, 2 * FRAME, 3 * FRAME]
    assert line.core.statistics()["ticks_skipped"] == 1


def test_a_stream_that_may_not_send_keeps_its_voice_and_its_clock(line: Line) -> None:
    pcm = noise(2 * FRAME)
    line.core.play(1, pcm)
    line.core.set_direction(line.now_ns, sending=False)
    assert line.tick(3) == []
    line.core.set_direction(line.now_ns, sending=True)
    assert line.tick(2) == on_the_wire(pcm)
    assert (line.sent[0].sequence, line.sent[0].timestamp) == (0, 3 * FRAME)


def test_nothing_is_sent_before_there_is_somewhere_to_send_it() -> None:
    line = Line(remote=None)
    line.core.play(1, noise(FRAME))
    assert line.tick(2) == []
    line.say(noise(FRAME))
    assert any(line.tick())
    assert line.sent_to == [("192.0.2.7", 40_000)]
