"""The engine's own promises: its pool, its events, its end."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
import trio.testing

from mediasrv.errors import AtCapacity, LocalError, StreamClosed
from mediasrv.ids import SeededTokens
from mediasrv.media import (
    Arming,
    Cost,
    Engine,
    EngineSettings,
    PortRange,
    PortsExhausted,
    StreamSpec,
    stream_bytes,
)
from tests.media.conftest import CALLER, MS, Bench
from tests.media.sound import silent_packet, tone

PLAIN = StreamSpec(remote=CALLER, aec=False, ns=False, vad=False)


async def test_a_slot_is_used_again_only_after_the_engine_has_let_go_of_it(bench: Bench) -> None:
    streams = [await bench.add() for _ in range(4)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(streams[0].aclose)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(AtCapacity):
            await bench.add()
        await bench.run(40)
    again = await bench.add()
    assert again.handle & 0xFFFFFFFF == streams[0].handle & 0xFFFFFFFF
    assert again.handle != streams[0].handle


async def test_the_fifth_call_in_a_house_for_four_is_refused_and_the_four_go_on(bench: Bench) -> None:
    streams = [await bench.add() for _ in range(4)]
    with pytest.raises(AtCapacity):
        bench.engine.reserve(Cost())
    await bench.run(20)
    assert [stream.statistics().ticks for stream in streams] == [1] * 4


async def test_ports_that_are_used_up_are_a_refusal_and_come_back() -> None:
    settings = EngineSettings(ports=PortRange(20_000, 20_003))
    async with Engine(settings, manual=True, tokens=SeededTokens(2)) as engine:
        bench = Bench(engine)
        first, second = await bench.add(), await bench.add()
        assert {first.local[1], second.local[1]} == {20_000, 20_002}
        with pytest.raises(PortsExhausted):
            await bench.add()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first.aclose)
            await trio.testing.wait_all_tasks_blocked()
            await bench.run(40)
        assert (await bench.add()).local == first.local


async def test_a_spec_that_is_wrong_leaves_nothing_taken(bench: Bench) -> None:
    for wrong in (
        StreamSpec(codec="GSM"),
        StreamSpec(playout_ms=5),
        StreamSpec(payload_type=300),
        StreamSpec(remote=("nowhere", 1)),
    ):
        with pytest.raises(ValueError):
            await bench.add(wrong)
    for _ in range(4):
        await bench.add()


async def test_one_reservation_adds_as_many_streams_as_it_was_made_for(bench: Bench) -> None:
    reservation = bench.engine.reserve(Cost(streams=2))
    await bench.engine.add(reservation, PLAIN, 1)
    await bench.engine.add(reservation, PLAIN, 1)
    with pytest.raises(LocalError):
        await bench.engine.add(reservation, PLAIN, 1)
    with pytest.raises(TypeError):
        await bench.engine.add(None, PLAIN, 1)  # type: ignore[arg-type]


async def test_a_reservation_of_another_engine_is_refused_by_name_and_keeps_its_room(bench: Bench) -> None:
    async with Engine(EngineSettings(capacity=1), manual=True, tokens=SeededTokens(3)) as other:
        theirs = other.reserve(Cost())
        with pytest.raises(LocalError, match="another engine"):
            await bench.engine.add(theirs, PLAIN, 1)
        await other.add(theirs, PLAIN, 1)


async def test_streams_of_a_group_share_a_slot_and_groups_spread(bench: Bench) -> None:
    for group in (1, 1, 2, 3):
        await bench.add(group=group)
    await bench.run(100)
    bench.engine.packets()
    await bench.run(20)
    sent = {packet.stream.handle & 0xFFFFFFFF: packet.at_ns % (20 * MS) for packet in bench.engine.packets()}
    assert sent[0] == sent[1]
    assert len({sent[0], sent[2], sent[3]}) == 3


async def test_aclose_gives_up_waiting_after_a_second_but_the_slot_comes_back_later(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    stream = await bench.add()
    began = trio.current_time()
    await stream.aclose()
    assert trio.current_time() - began == pytest.approx(1)
    assert len(bench.engine.streams()) == 1
    await bench.run(40)
    assert bench.engine.streams() == ()


async def test_aclose_is_not_stopped_by_cancellation(bench: Bench) -> None:
    stream = await bench.add()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.aclose)
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await bench.run(40)
    assert bench.engine.streams() == ()


async def test_leaving_the_engine_tells_the_streams_and_gives_everything_back() -> None:
    async with Engine(manual=True, tokens=SeededTokens(3)) as engine:
        stream = await Bench(engine).add()
    with pytest.raises(StreamClosed):
        stream.position()
    await stream.aclose()
    with pytest.raises(LocalError):
        engine.reserve(Cost())
    with pytest.raises(LocalError):
        engine.statistics()


async def test_a_packet_for_a_closed_stream_is_lost(bench: Bench) -> None:
    stream = await bench.add()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.aclose)
        await trio.testing.wait_all_tasks_blocked()
        bench.engine.push(stream, silent_packet(0), CALLER, 0)
        await bench.run(40)
    assert bench.engine.statistics().packets_received == 0


async def test_a_stream_stays_within_its_memory() -> None:
    assert stream_bytes(StreamSpec()) <= 192 * 1024
    assert stream_bytes(StreamSpec(aec=False, ns=False)) < stream_bytes(StreamSpec())


async def test_the_same_seed_gives_the_same_packets() -> None:
    async def run() -> list[tuple[int, bytes]]:
        async with Engine(manual=True, tokens=SeededTokens(4)) as engine:
            bench = Bench(engine)
            stream = await bench.add(StreamSpec(remote=CALLER))
            for k in range(20):
                engine.push(stream, silent_packet(k), CALLER, k * 20 * MS)
            await stream.play(tone(200), 8_000, stream.begin(), Arming())
            await bench.run(400)
            return [(packet.at_ns, packet.data) for packet in engine.packets()]

    assert await run() == await run()


async def test_statistics_count_what_was_done(bench: Bench) -> None:
    stream = await bench.add()
    for k in range(5):
        bench.engine.push(stream, silent_packet(k), CALLER, k * 20 * MS)
    await bench.run(200)
    counted = bench.engine.statistics()
    assert (counted.streams, counted.capacity, counted.packets_received) == (1, 4, 5)
    assert counted.ticks == 10
    assert counted.lateness.p99_ms == 0
    assert counted.cpu_ns == 0


async def test_hundreds_of_streams_one_after_another_leave_nothing(bench: Bench) -> None:
    for _ in range(300):
        stream = await bench.add()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.aclose)
            await trio.testing.wait_all_tasks_blocked()
            await bench.run(20)
    assert bench.engine.streams() == ()
    assert bench.engine.statistics().streams == 0


async def test_a_stream_that_takes_anothers_place_has_its_port_and_gives_it_back_when_both_are_gone(
    bench: Bench,
) -> None:
    first = await bench.add(replace(PLAIN, rtcp="port"))
    reservation = bench.engine.reserve(Cost())
    second = await bench.engine.add(reservation, replace(PLAIN, codec="opus"), 1, port_of=first)
    assert second.local == first.local
    async with trio.open_nursery() as closing:
        closing.start_soon(first.aclose)
        await trio.testing.wait_all_tasks_blocked()
        await bench.run(40)
    assert second.local == first.local
    taken = await bench.add(PLAIN)
    assert taken.local != second.local
    with pytest.raises(StreamClosed):
        await bench.engine.add(bench.engine.reserve(Cost()), PLAIN, 1, port_of=first)
    with pytest.raises(LocalError, match="no partner"):
        await bench.engine.add(bench.engine.reserve(Cost()), replace(PLAIN, rtcp="port"), 1, port_of=second)
