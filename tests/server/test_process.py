"""The process around the server: what is done while nobody talks."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from mediasrv.server.process import TIDIES_EVERY_S, tidy


class Circle:
    """Points to itself: its count never falls to nothing."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def only_when_asked() -> Iterator[None]:
    gc.collect(0)  # something has been looked through since the last full collection
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("only_when_asked")
async def test_what_calls_left_in_circles_is_freed_when_nobody_talks(autojump_clock: MockClock) -> None:
    live = 1
    left = weakref.ref(Circle())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tidy, lambda: live)
        await trio.sleep(10 * TIDIES_EVERY_S)
        assert left() is not None
        live = 0
        await trio.sleep(2 * TIDIES_EVERY_S)
        assert left() is None
        nursery.cancel_scope.cancel()


@pytest.mark.usefixtures("only_when_asked")
async def test_who_has_looked_does_not_look_again_before_there_is_something_new(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect, looks = gc.collect, 0

    def counted() -> int:
        nonlocal looks
        looks += 1
        return collect()

    monkeypatch.setattr(gc, "collect", counted)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tidy, lambda: 0)
        await trio.sleep(10 * TIDIES_EVERY_S)
        nursery.cancel_scope.cancel()
    assert looks == 1
