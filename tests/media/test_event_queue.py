from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from mediasrv.errors import StreamClosed
from mediasrv.media.events import (
    Dtmf,
    Generation,
    HoldId,
    MediaBack,
    MediaEvent,
    Position,
    RecordingOver,
    Released,
    ReleaseReason,
    SourceLocked,
)
from mediasrv.media.streams.event_queue import HARD_CAPACITY, PLAIN_CAPACITY, EventQueue


def plain(k: int) -> SourceLocked:
    return SourceLocked(("192.0.2.7", 4000), k)


def key(k: int) -> Dtmf:
    return Dtmf("1", 100, k)


async def test_events_come_in_their_order() -> None:
    queue = EventQueue()
    for k in range(3):
        queue.put(plain(k))
    assert [(await queue.get()) for _ in range(3)] == [plain(0), plain(1), plain(2)]


async def test_when_it_is_full_the_oldest_plain_event_gives_way() -> None:
    queue = EventQueue()
    queue.put(key(0))
    for k in range(PLAIN_CAPACITY + 5):
        queue.put(plain(k))
    assert queue.dropped == 6
    assert await queue.get() == key(0)
    assert await queue.get() == plain(6)


@pytest.mark.parametrize(
    "event",
    [
        Released(HoldId(1), ReleaseReason.LEASE, Position(Generation(1), 0, 0, 0, 0, 0)),
        MediaBack(1),
        RecordingOver(Path("full.wav"), 0, 28, 1),
    ],
    ids=lambda event: type(event).__name__,
)
async def test_a_lapsed_hold_media_that_is_back_and_a_full_disk_are_told_in_any_case(
    event: MediaEvent,
) -> None:
    queue = EventQueue()
    queue.put(event)
    for k in range(2 * PLAIN_CAPACITY):
        queue.put(plain(k))
    assert await queue.get() == event


async def test_an_urgent_event_never_gives_way_to_another_until_nobody_can_be_listening() -> None:
    queue = EventQueue()
    for k in range(HARD_CAPACITY):
        queue.put(key(k))
    assert queue.dropped == 0
    queue.put(key(HARD_CAPACITY))
    assert (queue.dropped, len(queue)) == (1, HARD_CAPACITY)
    assert await queue.get() == key(1)


async def test_a_reader_is_woken_by_an_event_and_by_the_end(autojump_clock: trio.testing.MockClock) -> None:
    queue = EventQueue()

    async def later() -> None:
        await trio.sleep(1)
        queue.put(plain(1))
        await trio.sleep(1)
        queue.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(later)
        assert await queue.get() == plain(1)
        with pytest.raises(StreamClosed):
            await queue.get()
