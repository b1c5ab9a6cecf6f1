"""A provider dies at what it awaits, and only then."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
import trio

from mediasrv.providers.protocols import ProviderError
from tests.sim.strikes.mortal import Fate


async def pieces(count: int) -> AsyncGenerator[int, None]:
    for number in range(count):
        await trio.sleep(1)
        yield number


async def taken_of(fate: Fate, count: int) -> list[int]:
    """Before it failed."""
    taken: list[int] = []

    async def take() -> None:
        async for piece in fate.each(pieces(count)):
            taken.append(piece)

    with pytest.raises(ProviderError, match="lost"):
        await take()
    return taken


async def test_undisturbed_it_gives_all_and_ends(autojump_clock: object) -> None:
    assert [piece async for piece in Fate("it").each(pieces(3))] == [0, 1, 2]


async def test_it_dies_while_it_is_waited_for_and_stays_dead(autojump_clock: object) -> None:
    fate = Fate("it")
    async with trio.open_nursery() as nursery:

        async def kill() -> None:
            await trio.sleep(1.5)
            fate.die()

        nursery.start_soon(kill)
        assert await taken_of(fate, 3) == [0]
        assert trio.current_time() == 1.5
    assert await taken_of(fate, 3) == []


async def test_it_falters_once_at_what_is_under_way(autojump_clock: object) -> None:
    fate = Fate("it")
    async with trio.open_nursery() as nursery:

        async def trip() -> None:
            await trio.sleep(1.5)
            fate.falter()

        nursery.start_soon(trip)
        assert await taken_of(fate, 3) == [0]
    assert [piece async for piece in fate.each(pieces(2))] == [0, 1]


async def test_it_falters_at_what_comes_next_when_nothing_is_asked_of_it(autojump_clock: object) -> None:
    fate = Fate("it")
    fate.falter()
    assert await taken_of(fate, 3) == []
    assert [piece async for piece in fate.each(pieces(2))] == [0, 1]


async def test_who_waits_for_it_can_be_cancelled_as_ever(autojump_clock: object) -> None:
    fate = Fate("it")
    with trio.move_on_after(0.5) as scope:
        await fate.outlive(trio.sleep_forever)
    assert scope.cancelled_caught
