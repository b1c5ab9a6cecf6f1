"""Streams that move from one group to another: the native engine, stepped by hand."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from mediasrv_native import engine as native
from mediasrv_native.errors import StaleHandle, WrongArgument, WrongState
from tests.native.test_engine_listen import MS, TICK, House, level, tone


@pytest.fixture
def house() -> House:
    return House()


def sent_at(house: House, ms: int) -> dict[int, list[tuple[int, int]]]:
    """When each stream sent, and with which sequence number, while so much time passed, 2 ms at a time."""
    sent: dict[int, list[tuple[int, int]]] = {}
    for _ in range(ms // 2):
        house.now_ns += 2 * MS
        house.engine.step(house.now_ns)
        for out in house.engine.packets():
            sequence = int.from_bytes(out.data[2:4], "big")
            sent.setdefault(out.stream, []).append((out.at_ns, sequence))
    return sent


def test_streams_of_two_groups_hear_each_other_once_one_has_moved(house: House) -> None:
    one, other = house.add(group=1), house.add(group=2)
    house.run(50)
    with pytest.raises(WrongArgument):
        house.engine.connect(one, other, native.HEARD, 1)
    house.engine.move(other, 1)
    house.engine.connect(one, other, native.HEARD, 1)
    house.engine.connect(other, one, native.HEARD, 1)
    house.call_in(other, tone(800, 6_000))
    house.run(700)
    assert level(house.heard_by_peer(one)[-3_200:]) == pytest.approx(6_000, rel=0.1)
    assert not house.heard_by_peer(other).any()


def test_a_stream_that_has_moved_goes_on_with_its_numbers_after_less_than_40_ms(house: House) -> None:
    seed = 20_261_121
    print("seed", seed)
    chance = random.Random(seed)
    streams = [house.add(group=group) for group in range(1, 9)]
    gaps: list[int] = []
    for _ in range(60):
        before = sent_at(house, chance.randrange(40, 120, 2))
        mover = chance.choice(streams)
        house.engine.move(mover, chance.randrange(1, 9))
        after = sent_at(house, 60)
        assert before.keys() == after.keys() == set(streams)
        for stream in streams:
            (last_ns, last), (next_ns, following) = before[stream][-1], after[stream][0]
            assert following == (last + 1) % 2**16
            gaps.append(next_ns - last_ns)
            assert next_ns - last_ns == TICK or stream == mover
            steady = [at_ns for at_ns, _ in after[stream]]
            assert {later - sooner for sooner, later in pairwise(steady)} == {TICK}
    assert min(gaps) == TICK
    assert max(gaps) < 2 * TICK


def test_one_that_listens_or_is_listened_to_stays_where_it_is(house: House) -> None:
    listener, source, far = house.add(group=1), house.add(group=1), house.add(group=2)
    house.engine.connect(listener, source, native.SAID, 1)
    for stream in (listener, source):
        with pytest.raises(WrongState):
            house.engine.move(stream, 2)
    house.engine.disconnect(listener, source, native.SAID)
    house.engine.move(source, 2)
    house.engine.connect(far, source, native.SAID, 1)
    house.say(source, tone(400, 8_000))
    house.run(300)
    assert level(house.heard_by_peer(far)[-1_600:]) == pytest.approx(8_000, rel=0.02)
    assert not house.heard_by_peer(listener)[-1_600:].any()


def test_one_that_moves_and_leaves_at_once_gives_its_place_back(house: House) -> None:
    house.add(group=2)
    stream = house.add(group=1)
    house.engine.move(stream, 2)
    house.engine.remove(stream)
    house.run(60)
    assert [event.stream for event in house.events if event.kind == native.EVENT_REMOVED] == [stream]
    house.engine.reclaim(stream)
    with pytest.raises(StaleHandle):
        house.engine.move(stream, 2)
