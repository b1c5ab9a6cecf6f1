"""The process around the server: how Python is told to behave, and what signals mean.

Measured (switch interval): a busy Python thread delays the engine's wake-up by 5 ms at the median with the default
interval, by 0.7 ms with ours. A full collection over a million start-up objects would take 100 ms; frozen, they are
never looked at again.

Nearly all that a call makes is freed by its counts when the call ends. With Python's default the young are looked
through after every 700 of them, and what is found are live calls: that took 8 % of what a SIP call costs. Now most
are gone before anybody looks. What a call leaves behind in circles is looked for when nobody talks: until a full
collection came by itself, a thousand ended calls had made the process 30 MB larger.
"""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import AsyncIterator, Callable
from typing import Never

import trio

from mediasrv.server.server import Ready, Server

SWITCH_INTERVAL_S = 0.000_5
# Of objects made since, of young collections since, of middle ones since. Half of what would be cheapest: the middle
# collection is the longest that comes while people talk, and 100 talking calls then wait for it 19 ms and not 56.
COLLECT_AFTER = 5_000, 5, 10
TIDIES_EVERY_S = 5.0


async def serve(server: Server, announce: Callable[[Ready], None]) -> None:
    """Runs until SIGTERM or SIGINT: the first lets running calls finish, the second ends them now."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_heed, signals, server)
            ready = await nursery.start(server.run)
            gc.collect()
            gc.freeze()
            gc.set_threshold(*COLLECT_AFTER)
            nursery.start_soon(tidy, lambda: server.statistics().live_calls)
            announce(ready)
            await server.wait_stopped()
            nursery.cancel_scope.cancel()


async def tidy(live_calls: Callable[[], int]) -> Never:
    """Frees what nothing points to any more, while there is nobody whom that could delay."""
    while True:
        await trio.sleep(TIDIES_EVERY_S)
        if any(gc.get_count()[1:]) and live_calls() == 0:
            gc.collect()


async def _heed(signals: AsyncIterator[int], server: Server) -> None:
    async for _ in signals:
        if server.draining:
            server.hurry()
        else:
            server.drain()
