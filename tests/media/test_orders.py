from __future__ import annotations

import pytest
import trio

from mediasrv.errors import LocalError
from mediasrv.media.streams import Orders, orders
from mediasrv_native.errors import QueueFull, StaleHandle


class Ring:
    """Room for so many orders; the rest it refuses."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken: list[int] = []

    def order(self, number: int) -> None:
        if not self.room:
            raise QueueFull(-3, "order", "full")
        self.room -= 1
        self.taken.append(number)


def test_an_order_is_given_at_once_while_there_is_room() -> None:
    ring, given = Ring(2), Orders()
    given.give(ring.order, 1)
    assert ring.taken == [1]


def test_what_found_no_room_keeps_its_turn() -> None:
    ring, given = Ring(1), Orders()
    for number in (1, 2, 3):
        given.give(ring.order, number)
    ring.room = 1
    given.again()
    given.give(ring.order, 4)
    ring.room = 9
    given.give(ring.order, 5)
    assert ring.taken == [1, 2], "5 overtook those that wait"
    given.again()
    assert ring.taken == [1, 2, 3, 4, 5]


def test_an_order_for_a_stream_that_has_gone_is_forgotten() -> None:
    ring, given, gone = Ring(0), Orders(), [QueueFull(-3, "order", "full"), StaleHandle(-2, "order", "stale")]

    def refuse() -> None:
        raise gone.pop(0)

    given.give(refuse)
    given.give(ring.order, 1)
    ring.room = 1
    given.again()
    assert ring.taken == [1]


async def test_orders_are_given_to_a_thread_that_says_nothing(autojump_clock: object) -> None:
    ring, given = Ring(0), Orders()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(given.insist)
        given.give(ring.order, 1)
        await trio.sleep(1)
        assert ring.taken == []
        ring.room = 1
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert ring.taken == [1]


def test_an_engine_that_takes_nothing_any_more_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "MOST_WAITING", 2)
    ring, given = Ring(0), Orders()
    given.give(ring.order, 1)
    given.give(ring.order, 2)
    with pytest.raises(LocalError):
        given.give(ring.order, 3)
