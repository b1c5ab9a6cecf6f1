"""Several threads: where calls go, what is promised on each, and what all of them count together."""

from __future__ import annotations

import os

import pytest

from mediasrv.errors import AtCapacity, LocalError
from mediasrv.media import Cost, Engine, EngineSettings, Listen, Policy, StreamSpec, default_threads

PLAIN = StreamSpec(aec=False, ns=False, vad=False, bridge=True)
THREE = EngineSettings(capacity=7, millicores=10, threads=3, cpus=(), policy=Policy.NORMAL)


async def test_calls_spread_over_the_threads_and_a_call_stays_on_one() -> None:
    async with Engine(THREE) as engine:
        for group in (1, 2, 3):
            streams = [await engine.add(engine.reserve(Cost(1, 2.0)), PLAIN, group) for _ in range(2)]
            streams[0].connect(streams[1], Listen.HEARD)
        assert [one.streams for one in engine.thread_statistics()] == [2, 2, 2]
        assert len(engine.streams()) == 6


async def test_a_stream_moves_to_another_group_of_its_thread_alone() -> None:
    async with Engine(THREE) as engine:
        here, there, beside = [await engine.add(engine.reserve(Cost(1, 2.0)), PLAIN, n) for n in (1, 2, 3)]
        another = await engine.add(engine.reserve(Cost(1, 1.0)), PLAIN, 4)
        near = next(one for one in (here, there, beside) if one._engine is another._engine)
        far = next(one for one in (here, there, beside) if one is not near)
        with pytest.raises(LocalError, match="another thread"):
            another.move_beside(far)
        assert another.group == 4
        another.move_beside(near)
        assert another.group == near.group
        another.connect(near, Listen.HEARD)
        with pytest.raises(LocalError, match="listens"):
            near.move_beside(another)


async def test_the_pool_is_shared_out_and_no_stream_of_it_is_lost() -> None:
    async with Engine(THREE) as engine:
        assert [one.capacity for one in engine.thread_statistics()] == [3, 2, 2]
        reservations = [engine.reserve(Cost(1, 0.1)) for _ in range(7)]
        with pytest.raises(AtCapacity):
            engine.reserve(Cost(1, 0.1))
        for reservation in reservations:
            reservation.release()
        engine.reserve(Cost(3, 0.1))


async def test_no_thread_is_promised_more_than_it_can_do() -> None:
    async with Engine(THREE) as engine:
        for _ in range(3):
            engine.reserve(Cost(1, 8.0))
        with pytest.raises(AtCapacity, match="thousandths"):
            engine.reserve(Cost(1, 3.0))  # six are left, two on each
        engine.reserve(Cost(1, 2.0))


async def test_a_second_leg_goes_where_its_call_is_and_takes_its_room_along() -> None:
    async with Engine(THREE) as engine:
        await engine.add(engine.reserve(Cost(1, 4.0)), PLAIN, 1)
        elsewhere = engine.reserve(Cost(1, 4.0))
        await engine.add(elsewhere, PLAIN, 1)
        third = engine.reserve(Cost(1, 4.0))
        with pytest.raises(AtCapacity):
            await engine.add(third, PLAIN, 1)
        third.release()
        assert [one.streams for one in engine.thread_statistics()] == [2, 0, 0]
        for _ in range(2):
            engine.reserve(Cost(1, 10.0))


async def test_what_the_threads_count_is_added_up() -> None:
    async with Engine(THREE) as engine:
        total, each = engine.statistics(), engine.thread_statistics()
    assert total.capacity == 7
    assert len(each) == 3
    assert total.policy is Policy.NORMAL


async def test_leaving_joins_every_thread_and_leaves_no_descriptor() -> None:
    before = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
    async with Engine(THREE) as engine:
        for group in range(3):
            await engine.add(engine.reserve(Cost()), PLAIN, group)
        assert len(os.listdir("/proc/self/task")) >= before[1] + 3
    assert (len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))) == before


def test_threads_are_pinned_in_turn_or_not_at_all() -> None:
    assert EngineSettings(threads=3, cpus=(5, 4)).thread_cpus() == [5, 4, 5]
    assert EngineSettings(threads=2, cpus=()).thread_cpus() == [None, None]
    assert len(EngineSettings().thread_cpus()) == default_threads() >= 1
