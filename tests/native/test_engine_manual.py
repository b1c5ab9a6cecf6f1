"""The native engine stepped by hand: handles, slots, rings. Its streams' sound is tested with the core."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import pytest

from mediasrv_native import engine as native
from mediasrv_native.engine import NativeEngine
from mediasrv_native.errors import QueueFull, StaleHandle, WrongArgument, WrongState

if TYPE_CHECKING:  # a shape for the type checker; at run time it is a dict
    from mediasrv_native.settings import Settings

MS = 1_000_000
CALLER = ("192.0.2.7", 4000)


SMALL: Settings = {"playout_ms": 400, "rewind_ms": 200, "ears_ms": 400, "remote": CALLER}


def add(engine: NativeEngine, group: int = 0, **different: Unpack[Settings]) -> int:
    return engine.add(rtp_fd=-1, group=group, **(SMALL | different))


@pytest.fixture
def engine() -> Iterator[NativeEngine]:
    engine = NativeEngine(capacity=4, manual=True, commands=8, events=8)
    yield engine
    engine.close()


def kinds(engine: NativeEngine) -> list[int]:
    return [event.kind for event in engine.events()]


def test_added_and_removed_are_acknowledged_within_20_ms(engine: NativeEngine) -> None:
    stream = add(engine)
    engine.step(0)
    assert kinds(engine) == [native.EVENT_ADDED]
    engine.remove(stream)
    engine.step(20 * MS)
    assert kinds(engine) == [native.EVENT_REMOVED]


def test_a_stale_handle_is_refused_everywhere(engine: NativeEngine) -> None:
    stale = add(engine)
    engine.remove(stale)
    engine.step(40 * MS)
    engine.events()
    engine.reclaim(stale)
    live = add(engine)
    assert (live & 0xFFFFFFFF, live >> 32) == (stale & 0xFFFFFFFF, (stale >> 32) + 1)
    for attempt in (
        lambda h: engine.remove(h),
        lambda h: engine.reclaim(h),
        lambda h: engine.hold(h, 1, 100, 0),
        lambda h: engine.flush(h, 1),
        lambda h: engine.play(h, 1, b"\0\0", 0, 0, 0),
        lambda h: engine.finish(h, 1),
        lambda h: engine.read_ears(h, 160),
        lambda h: engine.ears_readable(h),
        lambda h: engine.want_room(h, 1),
        lambda h: engine.want_ears(h, 1),
        lambda h: engine.position(h),
        lambda h: engine.stream_statistics(h),
        lambda h: engine.push(h, b"", CALLER, 0),
    ):
        for wrong in (stale, 0, live + (1 << 32), 999):
            with pytest.raises(StaleHandle):
                attempt(wrong)
    assert engine.position(live).wire == 0


def test_a_slot_cannot_be_reclaimed_before_its_removal_was_taken(engine: NativeEngine) -> None:
    stream = add(engine)
    with pytest.raises(WrongState):
        engine.reclaim(stream)
    engine.remove(stream)
    engine.step(40 * MS)
    with pytest.raises(WrongState):
        engine.reclaim(stream)
    engine.events()
    engine.reclaim(stream)
    with pytest.raises(StaleHandle):
        engine.reclaim(stream)


def test_a_full_pool_refuses_and_stays_whole(engine: NativeEngine) -> None:
    streams = [add(engine) for _ in range(4)]
    with pytest.raises(QueueFull):
        add(engine)
    assert len(set(streams)) == 4
    assert engine.statistics()["streams"] == 4


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_what_streams_took_is_the_system_s_again_when_they_are_gone() -> None:
    engine = NativeEngine(capacity=160, manual=True)  # the first places keep theirs for the next call
    before = resident_bytes()
    streams = [add(engine, aec=True, ns=True, vad=True, bridge=True) for _ in range(160)]
    took = resident_bytes() - before
    for stream in streams:
        engine.remove(stream)
    engine.step(20 * MS)
    while engine.events():
        pass
    for stream in streams:
        engine.reclaim(stream)
    assert resident_bytes() - before < took / 5
    again = [add(engine) for _ in range(160)]
    engine.step(40 * MS)
    assert {engine.position(stream).wire for stream in again} == {0}
    engine.close()


def test_a_full_command_ring_refuses_commands_but_never_a_removal(engine: NativeEngine) -> None:
    stream = add(engine)
    engine.step(0)
    for hold in range(1, 9):
        engine.hold(stream, hold, 100, 0)
    with pytest.raises(QueueFull):
        engine.hold(stream, 9, 100, 0)
    engine.remove(stream)
    engine.step(40 * MS)
    assert native.EVENT_REMOVED in [event.kind for _ in range(40) for event in step_and_take(engine)]


def step_and_take(engine: NativeEngine) -> list[native.NativeEvent]:
    engine.step(engine.next_step())
    return engine.events()


def test_events_that_find_the_ring_full_stay_and_come_later_in_order(engine: NativeEngine) -> None:
    stream = add(engine)
    engine.step(0)
    for hold in range(1, 21):
        engine.hold(stream, hold, 0, 0)
        engine.step(engine.next_step())
    counted = engine.statistics()
    seen = [event for _ in range(40) for event in step_and_take(engine)]
    holds = [event.hold for event in seen if event.kind == native.EVENT_HELD]
    assert holds == list(range(1, 21))
    assert counted["events"] == 8


def test_a_wish_is_granted_once(engine: NativeEngine) -> None:
    stream = add(engine)
    engine.want_room(stream, 160)
    engine.step(60 * MS)
    assert kinds(engine).count(native.EVENT_ROOM) == 1
    engine.step(120 * MS)
    assert kinds(engine) == []


def test_groups_spread_over_the_slots_and_a_group_stays_together(engine: NativeEngine) -> None:
    for group in (5, 5, 6, 7):
        engine.play(add(engine, group), 1, bytes(6400), 0, 0, 0)
    engine.step(0)
    engine.packets()
    engine.step(100 * MS)
    due = {packet.stream & 0xFFFFFFFF: packet.at_ns % (20 * MS) for packet in engine.packets()}
    assert due[0] == due[1]
    assert len({due[0], due[2], due[3]}) == 3


def test_a_packet_waits_for_the_first_slot_at_or_after_its_time(engine: NativeEngine) -> None:
    stream = add(engine)
    engine.step(0)
    engine.push(stream, bytes(20), CALLER, 3 * MS)
    engine.step(2 * MS)
    assert engine.statistics()["packets_received"] == 0
    engine.step(4 * MS)
    assert engine.statistics()["packets_received"] == 1


def test_a_packet_for_a_stream_that_left_is_dropped(engine: NativeEngine) -> None:
    stream = add(engine)
    engine.push(stream, bytes(20), CALLER, 3 * MS)
    engine.remove(stream)
    engine.step(100 * MS)
    assert engine.statistics()["packets_received"] == 0


def test_a_network_that_is_full_says_so(engine: NativeEngine) -> None:
    stream = add(engine)
    with pytest.raises(QueueFull):
        [engine.push(stream, bytes(20), CALLER, 0) for _ in range(10_000)]


def test_the_schedule_begins_with_the_first_step_and_stays_on_its_grid(engine: NativeEngine) -> None:
    engine.step(1_234_567_891)
    assert engine.next_step() == 1_236 * MS
    engine.step(1_236 * MS)
    assert engine.next_step() == 1_238 * MS


def test_slots_without_news_are_run_at_once_and_the_last_one_is_told(engine: NativeEngine) -> None:
    engine.step(0)
    assert engine.step_on(7 * MS) == 6 * MS
    assert engine.next_step() == 8 * MS


def test_the_next_slot_is_run_in_any_case(engine: NativeEngine) -> None:
    engine.step(0)
    assert engine.step_on(0) == 2 * MS


def test_slots_are_run_up_to_the_first_that_has_news(engine: NativeEngine) -> None:
    engine.step(0)
    add(engine)
    assert engine.step_on(1_000 * MS) == 2 * MS
    assert kinds(engine) == [native.EVENT_ADDED]
    stopped_ns = engine.step_on(1_000 * MS)
    assert 2 * MS < stopped_ns <= 22 * MS
    assert [packet.at_ns for packet in engine.packets()] == [stopped_ns]
    assert engine.step_on(1_000 * MS) == stopped_ns + 20 * MS


def test_slots_run_at_once_send_what_slots_run_one_by_one_send() -> None:
    def sent(at_once: bool) -> list[tuple[int, bytes]]:
        engine = NativeEngine(capacity=4, manual=True, seed=7)
        engine.step(0)
        stream = add(engine, ssrc=1, first_sequence=1, first_timestamp=1)
        packets = []
        engine.play(stream, 1, bytes(range(250)) * 20, 0, 0, 0)
        while engine.next_step() < 400 * MS:
            if at_once:
                engine.step_on(400 * MS)
            else:
                engine.step(engine.next_step())
            engine.events()
            packets += [(packet.at_ns, packet.data) for packet in engine.packets()]
        engine.close()
        return packets

    assert [at_ns for at_ns, _ in sent(at_once=True)] == list(range(20 * MS, 400 * MS, 20 * MS))
    assert sent(at_once=True) == sent(at_once=False)


@pytest.mark.parametrize(
    "wrong",
    [{"capacity": 0}, {"capacity": 5_000}, {"slots": 0}, {"slots": 3}, {"policy": 9}, {"priority": 99}],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(WrongArgument):
        NativeEngine(manual=True, **wrong)  # type: ignore[arg-type]


def test_what_manual_mode_lacks_is_refused(engine: NativeEngine) -> None:
    with pytest.raises(WrongState):
        engine.start()
    assert engine.eventfd == -1
    with pytest.raises(WrongState):
        engine.step_on(0)  # the schedule has not begun
    with pytest.raises(WrongArgument):
        engine.step(-1)


def test_a_closed_engine_says_so(engine: NativeEngine) -> None:
    engine.close()
    engine.close()
    with pytest.raises(WrongState):
        engine.step(0)


def test_streams_that_are_live_when_the_engine_is_freed_go_with_it() -> None:
    for _ in range(20):
        engine = NativeEngine(capacity=4, manual=True)
        for _ in range(4):
            add(engine, aec=1, ns=1, vad=1)
        engine.step(0)
        engine.close()


def test_a_captured_stream_tells_every_packet_both_ways_and_others_none() -> None:
    engine = NativeEngine(capacity=2, manual=True, captured=64)
    captured, other = add(engine), add(engine)
    engine.capture(captured, True)
    sent = bytes([0x80, 0]) + bytes(10) + bytes(160)
    for stream in (captured, other):
        engine.push(stream, sent, CALLER, 5 * MS)
    engine.step(40 * MS)
    told = engine.captured()
    assert {packet.stream for packet in told} == {captured}
    received = [moment for moment in told if moment.kind == native.MOMENT_RECEIVED]
    assert [(packet.at_ns, packet.peer, packet.data) for packet in received] == [(5 * MS, CALLER, sent)]
    out = [packet.data for packet in engine.packets() if packet.stream == captured]
    assert [moment.data for moment in told if moment.kind == native.MOMENT_SENT] == out
    engine.capture(captured, False)
    engine.step(80 * MS)
    assert engine.captured() == []
    engine.close()


def test_packets_that_nobody_collects_are_lost_newest_first_and_counted() -> None:
    engine = NativeEngine(capacity=1, manual=True, captured=4)
    stream = add(engine)
    engine.capture(stream, True)
    for number in range(7):
        engine.push(stream, bytes([number]), CALLER, MS)
    engine.step(2 * MS)
    order, *packets = engine.captured()
    assert order.kind == native.MOMENT_OBEYED  # the stream's own beginning takes one of the four places
    assert [packet.data for packet in packets] == [bytes([number]) for number in (0, 1, 2)]
    assert engine.statistics()["captured_lost"] >= 3
    engine.close()


def test_an_engine_without_room_for_captures_says_so(engine: NativeEngine) -> None:
    with pytest.raises(WrongState):
        engine.capture(add(engine), True)
    assert engine.captured() == []
