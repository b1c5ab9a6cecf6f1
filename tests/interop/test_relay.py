"""The emulated network as a program in between: real datagrams, both ways."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from mediasrv.bench.netem import Loss, Profile
from tests.interop.patience import PATIENCE_S
from tools.netem import relaying

pytestmark = pytest.mark.interop
ANY = ("127.0.0.1", 0)
PACKETS = 40


async def bound() -> trio.socket.SocketType:
    opened = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    await opened.bind(ANY)
    return opened


@asynccontextmanager
async def echo() -> AsyncIterator[tuple[str, int]]:
    async def answer(at: trio.socket.SocketType) -> None:
        while True:
            data, source = await at.recvfrom(2_000)
            await at.sendto(data.upper(), source)

    with await bound() as at:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer, at)
            yield at.getsockname()
            nursery.cancel_scope.cancel()


async def test_datagrams_pass_and_answers_find_their_way_back() -> None:
    with trio.fail_after(PATIENCE_S):
        async with echo() as server, relaying(ANY, server, Profile(delay_ms=1.0), seed=1) as relay:
            for word in (b"one", b"another"):
                with await bound() as caller:  # the second comes from another port, and is answered there
                    await caller.sendto(word, relay.at)
                    assert await caller.recv(2_000) == word.upper()


async def test_what_the_profile_loses_is_lost() -> None:
    with trio.fail_after(PATIENCE_S):
        async with echo() as server, relaying(ANY, server, Profile(loss=Loss(good=1.0)), seed=1) as relay:
            with await bound() as caller:
                for _ in range(PACKETS):
                    await caller.sendto(b"lost", relay.at)
                while relay.up.link.statistics.sent < PACKETS:
                    await trio.lowlevel.checkpoint()
            assert relay.up.link.statistics.lost == PACKETS
            assert relay.down.link.statistics.sent == 0
