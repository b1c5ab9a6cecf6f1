"""Orders on their way to the engine's thread: at once, or in turn as soon as its ring has room again.

The ring is full when the thread has not looked into it for thousands of orders: it stands still, or a storm of them
came at once. Then nobody may be made to fail for that, least of all whoever closes a stream or silences a voice: what
must happen is kept, in order, and given when the engine says something or a moment has passed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Never

import trio

from mediasrv.errors import LocalError
from mediasrv_native.errors import NativeError, QueueFull

MOST_WAITING = 65_536
AGAIN_S = 0.02


class Orders:
    """Of one thread; what waits keeps its order, whichever stream it concerns."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], object]] = deque()
        self._late = trio.Event()

    def give(self, order: Callable[..., object], *arguments: Any) -> None:
        """LocalError when the engine has taken none for so long that there is no room here either."""
        if not self._waiting:
            try:
                order(*arguments)
            except QueueFull:
                pass
            else:
                return
        if len(self._waiting) >= MOST_WAITING:
            raise LocalError("the engine takes no more orders")
        self._waiting.append(partial(order, *arguments))
        self._late.set()

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def again(self) -> None:
        """Gives what waits, as far as there is room."""
        while self._waiting:
            try:
                self._waiting[0]()
            except QueueFull:
                return
            except NativeError:
                pass  # its stream has gone meanwhile, or it came too late to make sense
            self._waiting.popleft()

    async def insist(self) -> Never:
        """For a thread that may have nothing to say while orders wait."""
        while True:
            await self._late.wait()
            self._late = trio.Event()
            while self._waiting:
                await trio.sleep(AGAIN_S)
                self.again()
