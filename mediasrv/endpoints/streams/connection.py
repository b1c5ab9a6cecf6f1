"""One connection, once it is open: a task that reads, a task that writes, and one word for why it ended.

A third keeps alive what NATs on the way would forget. Who opens a connection pings (RFC 5626 section 4.4.1), but not
every SIP peer answers: only one that has answered before is given up when it does not. A WebSocket peer must (RFC
6455), so that a browser that has walked out of its network is noticed within a minute.

Whatever ends it (the peer, a limit, a fault) ends both tasks. What was queued and not sent is lost, and the pool tells
the core, which knows what waited for an answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import trio

from mediasrv.endpoints.streams.channel import Channel, FramedChannel
from mediasrv.endpoints.streams.limits import StreamLimits
from mediasrv.sip import Hop
from mediasrv.sip.framing import PING, PONG, Frame, FramingEvent, Ping, Pong, Unframeable


class Receiver(Protocol):
    """Who takes what connections bring."""

    def message(self, data: bytes, source: Hop) -> None: ...
    def unframeable(self, broken: Unframeable, source: Hop) -> None: ...


@dataclass(frozen=True, slots=True)
class Pulse:
    """How often we ask whether a silent peer is there, and whether it must answer."""

    every_s: float
    answered: bool


class Connection:
    """`peer` is the far end with our number for it; without a `pulse` it is theirs to keep it alive."""

    def __init__(self, peer: Hop, limits: StreamLimits, pulse: Pulse | None = None) -> None:
        self.peer, self._limits, self._pulse = peer, limits, pulse
        self.reason = ""
        self.certified: frozenset[str] = frozenset()  # the names that the peer has proven
        self._heard_at = -math.inf
        self._answers = pulse is not None and pulse.answered
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

    def pulse(self) -> None:
        """Pings now, if it is for us to ping: over TCP, two line ends from the wrong end would be two answers."""
        if self._pulse is not None:
            self.send(PING)

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
                async with trio.open_nursery() as alive:
                    if self._pulse is not None:
                        alive.start_soon(self._keep_alive, self._pulse.every_s)
                    await self._read(channel, receiver)
                    alive.cancel_scope.cancel()
                self._queue_in.close()  # what is queued is still written
        self._queue_in.close()
        with trio.move_on_after(self._limits.send_s, shield=True):
            await channel.aclose()

    async def _keep_alive(self, every_s: float) -> None:
        asked_at = self._heard_at = trio.current_time()
        while True:
            due_at = max(asked_at, self._heard_at) + every_s
            if trio.current_time() < due_at:
                await trio.sleep_until(due_at)
                continue
            asked_at = trio.current_time()
            self.send(PING)
            await trio.sleep(self._limits.pong_s)
            if self._answers and self._heard_at < asked_at:
                self.cut("no_pong")
                return

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
            self._heard_at = trio.current_time()
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
            elif isinstance(event, Pong):
                self._answers = True
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
