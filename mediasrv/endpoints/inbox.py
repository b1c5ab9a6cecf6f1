"""What the other side of a call has begun, until somebody looks.

A memory channel does the same, and more; but a call has four of these, most of which nobody ever fills, and making
a channel costs five times as much.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class Inbox(Generic[T]):
    """Holds `room` things. Full: the oldest gives way. Closed: what is there can still be taken."""

    __slots__ = ("_arrival", "_closed", "_things")

    def __init__(self, room: int) -> None:
        self._things: deque[T] = deque(maxlen=room)
        self._arrival: trio.Event | None = None  # somebody waits
        self._closed = False

    def __len__(self) -> int:
        return len(self._things)

    def put(self, thing: T) -> None:
        """After the end nothing comes in."""
        if not self._closed:
            self._things.append(thing)
            self._wake()

    def close(self) -> None:
        self._closed = True
        self._wake()

    async def take(self) -> T:
        """The oldest; raises trio.EndOfChannel when there is none, and never will be."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._things:
            if self._closed:
                raise trio.EndOfChannel
            if self._arrival is None:
                self._arrival = trio.Event()
            await self._arrival.wait()
        thing = self._things.popleft()
        await trio.lowlevel.cancel_shielded_checkpoint()
        return thing

    def _wake(self) -> None:
        if self._arrival is not None:
            self._arrival.set()
            self._arrival = None
