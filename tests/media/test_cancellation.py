"""Cancelled at any await, a stream is as it was or as it would have been: it still plays, flushes, reads, closes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from mediasrv.media import Arming, Stream
from tests.media.conftest import CALLER, MS, Bench
from tests.media.sound import is_silent, silent_packet, tone

Act = Callable[[Stream], Awaitable[object]]


async def play_for_long(stream: Stream) -> None:
    await stream.play(tone(4_000), 8_000, stream.begin(), Arming())


async def play_resampled(stream: Stream) -> None:
    await stream.play(tone(4_000, 16_000), 16_000, stream.begin(), Arming())


async def finish(stream: Stream) -> None:
    generation = stream.begin()
    await stream.play(tone(20, 16_000), 16_000, generation, Arming())
    await stream.finish(generation)


async def flush(stream: Stream) -> None:
    generation = stream.begin()
    await stream.play(tone(100), 8_000, generation, Arming())
    await stream.flush(generation)


async def read(stream: Stream) -> None:
    await stream.read(500)


async def next_event(stream: Stream) -> None:
    while True:
        await stream.next_event()


ACTS: list[Act] = [play_for_long, play_resampled, finish, flush, read, next_event, Stream.aclose]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
@pytest.mark.parametrize("after_ms", [0, 2, 20, 70])
async def test_cancelled_at_any_await_the_stream_still_works(bench: Bench, act: Act, after_ms: int) -> None:
    stream = await bench.add()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(act, stream)
        if after_ms:
            await trio.testing.wait_all_tasks_blocked()
        await bench.run(after_ms)
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.testing.wait_all_tasks_blocked()
            await bench.run(40 if stream.closed else 0)
    if not stream.closed:
        await everything_still_works(bench, stream)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.aclose)
        await trio.testing.wait_all_tasks_blocked()
        await bench.run(40)
    assert bench.engine.streams() == ()


async def everything_still_works(bench: Bench, stream: Stream) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.run, 60)
        await stream.flush(stream.begin())
    generation = stream.begin()
    assert await stream.play(tone(60), 8_000, generation, Arming()) == 480
    await stream.finish(generation)
    bench.engine.packets()
    for k in range(3):
        bench.engine.push(stream, silent_packet(k), CALLER, bench.now_ns + k * 20 * MS)
    await bench.run(100)
    assert sum(not is_silent(packet.data) for packet in bench.engine.packets()) == 3
    assert len((await stream.read(60)).pcm) >= 2 * 960
