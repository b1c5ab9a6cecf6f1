"""What a stream has to tell, until somebody asks.

Bounded: when it is full, the oldest event that is not urgent gives way, and is counted. What a call cannot do
without (speech, holds that lapsed, keys, ends, faults) never gives way to anything else; should nobody listen for
thousands of those, the oldest goes after all, for a peer must not be able to fill our memory.
"""

from __future__ import annotations

from collections import deque

import trio

from mediasrv.errors import StreamClosed
from mediasrv.media.events import (
    Dtmf,
    Finished,
    MediaBack,
    MediaEvent,
    MediaFault,
    MediaTimeout,
    Offset,
    Onset,
    RecordingOver,
    Released,
)

PLAIN_CAPACITY = 64
HARD_CAPACITY = 1024
URGENT = (Onset, Offset, Released, Finished, Dtmf, MediaTimeout, MediaBack, MediaFault, RecordingOver)


class EventQueue:
    def __init__(self) -> None:
        self._events: deque[MediaEvent] = deque()
        self._arrival = trio.Event()
        self._reading = False
        self._closed = False
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: MediaEvent) -> None:
        if len(self._events) >= PLAIN_CAPACITY:
            self._give_way()
        self._events.append(event)
        self._arrival.set()

    def _give_way(self) -> None:
        plain = next((k for k, event in enumerate(self._events) if not isinstance(event, URGENT)), None)
        if plain is not None:
            del self._events[plain]
        elif len(self._events) >= HARD_CAPACITY:
            self._events.popleft()
        else:
            return
        self.dropped += 1

    async def get(self) -> MediaEvent:
        """The oldest event, when there is one; one reader at a time."""
        if self._reading:
            raise trio.BusyResourceError("another task reads this stream's events")
        self._reading = True
        try:
            if self._events:
                await trio.lowlevel.checkpoint()
            while not self._events and not self._closed:
                self._arrival = trio.Event()
                await self._arrival.wait()
        finally:
            self._reading = False
        if self._closed:
            raise StreamClosed("the stream was closed")
        return self._events.popleft()

    def clear(self) -> None:
        self._events.clear()

    def close(self) -> None:
        self._closed = True
        self._events.clear()
        self._arrival.set()
