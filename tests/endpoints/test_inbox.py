"""What waits in an inbox, and who waits for it."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from mediasrv.endpoints.inbox import Inbox


async def test_things_are_taken_in_the_order_in_which_they_came() -> None:
    inbox: Inbox[int] = Inbox(8)
    for thing in range(3):
        inbox.put(thing)
    assert [await inbox.take() for _ in range(3)] == [0, 1, 2]


async def test_the_oldest_gives_way_when_it_is_full() -> None:
    inbox: Inbox[int] = Inbox(2)
    for thing in range(5):
        inbox.put(thing)
    assert len(inbox) == 2
    assert [await inbox.take() for _ in range(2)] == [3, 4]


async def test_several_who_wait_get_one_thing_each() -> None:
    inbox: Inbox[int] = Inbox(4)
    taken: list[int] = []

    async def take() -> None:
        taken.append(await inbox.take())

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(take)
        await trio.testing.wait_all_tasks_blocked()
        for thing in range(3):
            inbox.put(thing)
    assert sorted(taken) == [0, 1, 2]


async def test_closed_it_gives_what_is_there_and_then_ends() -> None:
    inbox: Inbox[int] = Inbox(4)
    inbox.put(1)
    inbox.close()
    inbox.put(2)
    assert await inbox.take() == 1
    with pytest.raises(trio.EndOfChannel):
        await inbox.take()


async def test_closing_wakes_who_waits() -> None:
    inbox: Inbox[int] = Inbox(4)

    async def take() -> None:
        with pytest.raises(trio.EndOfChannel):
            await inbox.take()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        nursery.start_soon(take)
        await trio.testing.wait_all_tasks_blocked()
        inbox.close()


async def test_a_take_that_is_cancelled_takes_nothing() -> None:
    inbox: Inbox[int] = Inbox(4)
    with trio.CancelScope() as scope:
        scope.cancel()
        inbox.put(1)
        await inbox.take()
    assert len(inbox) == 1
