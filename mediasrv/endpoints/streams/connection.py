"""One connection, once it is open: a task that reads, a task that writes, and one word for why it ended.

Whatever ends it (the peer, a limit, a fault) ends both tasks. What was queued and not sent is lost, and the pool tells
the core, which knows what waited for an answer.
"""

from __future__ import annotations

import math
from typing import Protocol

import trio

from mediasrv.endpoints.streams.channel import Channel, FramedChannel
from mediasrv.endpoints.streams.limits import StreamLimits
from mediasrv.sip import Hop
from mediasrv.sip.framing import PONG, Frame, FramingEvent, Ping, Unframeable


class Receiver(Protocol):
    """Who takes what connections bring."""

    def message(self, data: bytes, source: Hop) -> None: ...
    def unframeable(self, broken: Unframeable, source: Hop) -> None: ...


class Connection:
    """`peer` is the far end with our number for it."""

    def __init__(self, peer: Hop, limits: StreamLimits) -> None:
        self.peer, self._limits = peer, limits
        self.reason = ""
        self.certified: frozenset[str] = frozenset()  # the names that the peer has proven
        self._scope = trio.CancelScope()
        # Full: the peer does not read, and is cut off.
        self._queue_in, self._queue = trio.open_memory_channel[bytes](limits.queued_messages)

    def send(self, data: bytes) -> None:
        """Queues a message; never waits. What comes too late for a closing connection is lost with it."""
        try:
            self._queue_in.send_nowait(data)
        except trio.WouldBlock:
            self.cut("slow_reader")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    def cut(self, reason: str) -> None:
        """Closes at once."""
        self.reason = self.reason or reason
        self._scope.cancel()

    async def run(self, channel: Channel, receiver: Receiver) -> None:
        """Until the connection is closed, by whomever."""
        if isinstance(channel, FramedChannel):
            self.certified = channel.certified
        with self._scope:
            async with trio.open_nursery() as tasks:
                tasks.start_soon(self._write, channel)
                await self._read(channel, receiver)
                self._queue_in.close()  # what is queued is still written
        self._queue_in.close()
        with trio.move_on_after(self._limits.send_s, shield=True):
            await channel.aclose()

    async def _read(self, channel: Channel, receiver: Receiver) -> None:
        began_at = math.inf  # of the message that is not whole
        while True:
            now = trio.current_time()
            began_at = min(began_at, now) if channel.in_message else math.inf
            waits_until = (
                began_at + self._limits.message_s if channel.in_message else now + self._limits.idle_s
            )
            try:
                with trio.fail_at(waits_until):
                    events = await channel.receive()
            except trio.TooSlowError:
                self.cut("slow_sender" if channel.in_message else "idle")
                return
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self.cut("broken")
                return
            if events is None:
                self.reason = self.reason or "closed_by_peer"
                return
            if any(isinstance(event, Frame) for event in events):
                began_at = math.inf
            if not self._take(events, receiver):
                return

    def _take(self, events: list[FramingEvent], receiver: Receiver) -> bool:
        """False when nothing more can be understood."""
        for event in events:
            if isinstance(event, Frame):
                receiver.message(event.data, self.peer)
            elif isinstance(event, Ping):
                self.send(PONG)
            elif isinstance(event, Unframeable):
                self.reason = self.reason or "unframeable"
                receiver.unframeable(event, self.peer)
                return False
        return True

    async def _write(self, channel: Channel) -> None:
        try:
            async for data in self._queue:
                with trio.fail_after(self._limits.send_s):
                    await channel.send(data)
        except trio.TooSlowError:
            self.cut("slow_reader")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.cut("broken")
