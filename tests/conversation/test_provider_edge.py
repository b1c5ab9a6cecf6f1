"""A provider's pieces come in time or not at all, and closing it takes no longer than it may."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
import trio

from mediasrv.conversation.provider_edge import CLOSE_WITHIN_S, in_time
from mediasrv.errors import StreamClosed, leaves
from mediasrv.providers.protocols import ProviderError

FIRST_S = 3.0


async def slow_to_go(closing_s: float) -> AsyncGenerator[str, None]:
    yield "one"
    try:
        await trio.sleep_forever()
    finally:
        await trio.sleep(closing_s)


async def fails_to_go() -> AsyncGenerator[str, None]:
    try:
        yield "one"
    finally:
        await trio.lowlevel.checkpoint()
        raise ConnectionError("reset")


async def fails_beside(problem: BaseException) -> AsyncGenerator[str, None]:
    """With a task of its own, which raises `problem` when it is cancelled: what comes out is a group of both."""

    async def beside() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise problem

    yield "one"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(beside)
        await trio.sleep_forever()


class NeverClosed:
    """An iterator of somebody's own, whose `aclose` does not come back."""

    def __aiter__(self) -> NeverClosed:
        return self

    async def __anext__(self) -> str:
        return await trio.sleep_forever()

    async def aclose(self) -> None:
        await trio.sleep_forever()


async def test_a_provider_that_does_not_close_is_left_after_a_while(autojump_clock: object) -> None:
    began_s = trio.current_time()
    items: AsyncGenerator[str, None] = NeverClosed()  # type: ignore[assignment]
    with pytest.raises(ProviderError, match="nothing for 3 s"):
        async with aclosing(in_time(items, FIRST_S, FIRST_S, "late")) as found:
            await anext(found)
    assert trio.current_time() - began_s == pytest.approx(FIRST_S + CLOSE_WITHIN_S)


async def test_what_goes_wrong_in_closing_is_the_providers_error(autojump_clock: object) -> None:
    with pytest.raises(ProviderError, match="ConnectionError: reset"):
        async with aclosing(in_time(fails_to_go(), FIRST_S, FIRST_S, "rude")) as found:
            assert await anext(found) == "one"


async def test_an_interruption_does_not_wait_for_a_close_that_can_be_cancelled(
    autojump_clock: object,
) -> None:
    with trio.move_on_after(1.0) as scope:
        async with aclosing(in_time(slow_to_go(60.0), FIRST_S, FIRST_S, "late")) as found:
            assert [item async for item in found] == []
    assert scope.cancelled_caught
    assert trio.current_time() - scope.deadline == pytest.approx(0.0)


async def read_until_cancelled(items: AsyncGenerator[str, None]) -> list[BaseException]:
    """What is left of it once the interruption, which cancels it, has had its own."""
    left: list[BaseException] = []
    try:
        with trio.move_on_after(1.0) as scope:
            async with aclosing(in_time(items, FIRST_S, FIRST_S, "torn")) as found:
                async for _ in found:
                    pass
    except* Exception as errors:
        left = leaves(errors)
    assert scope.cancelled_caught
    return left


async def test_of_what_a_provider_raises_while_it_is_cancelled_only_the_error_is_its_own(
    autojump_clock: object,
) -> None:
    (error,) = await read_until_cancelled(fails_beside(ConnectionError("lost while closing")))
    assert isinstance(error, ProviderError)
    assert str(error) == "torn: ConnectionError: lost while closing"


async def test_what_has_a_name_of_ours_keeps_it_though_it_comes_with_a_cancellation(
    autojump_clock: object,
) -> None:
    (error,) = await read_until_cancelled(fails_beside(StreamClosed("closed")))
    assert isinstance(error, StreamClosed)


async def test_a_provider_that_is_late_and_fails_as_it_is_cancelled_is_one_error(
    autojump_clock: object,
) -> None:
    items = fails_beside(ConnectionError("lost while closing"))
    async with aclosing(in_time(items, 1.0, 1.0, "late")) as found:
        assert await anext(found) == "one"
        with pytest.raises(ProviderError, match="late: ConnectionError: lost while closing"):
            await anext(found)
