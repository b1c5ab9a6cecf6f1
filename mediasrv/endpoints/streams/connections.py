"""All connections of one endpoint: accepted and dialled, found again by number or by where they lead.

`send` never waits. A message goes over the connection that its hop numbers, else over one that we have dialled to that
place before, else over a new one, in whose queue it waits. What cannot be had is told to the owner, so that
transactions fail instead of timing out. A browser is never dialled (RFC 7118 section 4).

Descriptors can run out, by our own limits or the system's. Then nobody new is let in for a moment, and who is in is
served as before.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import trio

from mediasrv.endpoints.streams.channel import Channel
from mediasrv.endpoints.streams.connection import Connection, Pulse, Receiver
from mediasrv.endpoints.streams.limits import StreamLimits
from mediasrv.endpoints.streams.sockets import StreamListener
from mediasrv.endpoints.streams.transports import Transport
from mediasrv.sip import Address, Hop
from mediasrv.sip.hop import SECURE, WEBSOCKETS
from mediasrv.telemetry import Counters

NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
ROOM_AGAIN_S = 0.1
Place = tuple[str, int, str]
REROUTED_MAX = 256  # hops of connections that are gone, whose messages one that we dialled carries


class Owner(Receiver, Protocol):
    """The endpoint, which tells the core."""

    def unreachable(self, hop: Address) -> None:
        """No connection leads there."""

    def lost(self, peer: Hop) -> None:
        """That connection is closed."""


@dataclass(frozen=True, slots=True)
class Streams:
    """The transports that are spoken, and where each is listened for; None: it is only dialled."""

    transports: Sequence[tuple[Transport, StreamListener | None]] = ()

    def locals(self) -> dict[str, tuple[str, int]]:
        return {each.name: listener.local for each, listener in self.transports if listener is not None}

    def close(self) -> None:
        for _, listener in self.transports:
            if listener is not None:
                listener.close()


class Connections:
    """The pool. `run` owns every task of it."""

    def __init__(self, streams: Streams, owner: Owner, limits: StreamLimits, counters: Counters) -> None:
        self._streams, self._owner, self._limits, self._counters = streams, owner, limits, counters
        self._transports = {each.name: each for each, _ in streams.transports}
        self._by_number: dict[int, Connection] = {}
        self._dialled: dict[Place, dict[str, Connection]] = {}  # by where they lead, and by which name
        self._rerouted: dict[Connection, dict[Hop, None]] = {}
        self._from: Counter[str] = Counter()
        self._open = 0
        self._last_number = 0
        self._nursery: trio.Nursery | None = None

    def __len__(self) -> int:
        return self._open

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as self._nursery:
            for transport, listener in self._streams.transports:
                if listener is not None:
                    self._nursery.start_soon(self._listen, transport, listener, self._nursery)
            task_status.started()
            await trio.sleep_forever()

    def send(self, data: bytes, to: Hop) -> bool:
        """False when no connection leads there, and none can be had."""
        connection = self._by_number.get(to.connection) or self._dialled_to(to)
        if connection is None:
            connection = self._begin_dialling(to)
        if connection is None:
            self._counters.count("sip_not_sent", "no_stream")
            return False
        if to.connection not in (0, connection.peer.connection):
            self._remember(connection, to)
        connection.send(data)
        return True

    def certified(self, peer: Hop) -> frozenset[str]:
        """The names that whoever is at the far end of that connection has proven with a certificate."""
        connection = self._by_number.get(peer.connection)
        return frozenset() if connection is None else connection.certified

    def pulse(self, to: Hop) -> None:
        """A sign of life over the connection that leads there, if there is one that asks for it."""
        connection = self._by_number.get(to.connection) or self._dialled_to(to)
        if connection is not None:
            connection.pulse()

    # ---- ours

    def _dialled_to(self, to: Hop) -> Connection | None:
        """A certificate that was checked for one name proves nothing about another; who names none asks for none."""
        there = self._dialled.get(to[:3], {})
        if to.name and to.transport in SECURE:
            return there.get(to.name)
        return next(iter(there.values()), None)

    def _begin_dialling(self, to: Hop) -> Connection | None:
        transport = self._transports.get(to.transport)
        if transport is None or to.transport in WEBSOCKETS or self._nursery is None:
            return None
        if self._open >= self._limits.connections:
            self._counters.count("sip_stream_refused", "full")
            return None
        pulse = Pulse(self._limits.pulse_s, answered=False)
        connection = self._number(to._replace(connection=0), pulse)
        self._dialled.setdefault(to[:3], {})[to.name] = connection
        self._nursery.start_soon(self._dial, transport, connection)
        return connection

    async def _dial(self, transport: Transport, connection: Connection) -> None:
        peer = connection.peer
        try:
            limits = self._limits
            with trio.fail_after(limits.dial_tcp_s if peer.transport == "TCP" else limits.dial_s):
                channel = await transport.dial((peer.host, peer.port), peer.name)
        except (OSError, trio.BrokenResourceError, trio.TooSlowError) as error:
            self._counters.count("sip_stream_not_opened", type(error).__name__)
            self._forget(connection)
            self._owner.unreachable(peer._replace(connection=0))
        else:
            await self._carry(connection, channel)
        for hop in self._rerouted.pop(connection, ()):
            self._owner.unreachable(hop)

    def _remember(self, connection: Connection, hop: Hop) -> None:
        """That what goes to this hop went another way: it fails with the connection it went over."""
        hops = self._rerouted.setdefault(connection, {})
        if len(hops) < REROUTED_MAX:
            hops[hop] = None

    # ---- theirs

    async def _listen(self, transport: Transport, listener: StreamListener, tasks: trio.Nursery) -> None:
        while True:
            try:
                stream, source = await listener.accept()
            except OSError as error:
                self._counters.count("sip_socket_error", errno.errorcode.get(error.errno or 0, "unknown"))
                if error.errno in NO_ROOM:
                    await trio.sleep(ROOM_AGAIN_S)
                elif error.errno in (errno.EBADF, errno.ENOTSOCK):
                    raise
                continue
            tasks.start_soon(self._welcome, transport, stream, source)

    async def _welcome(self, transport: Transport, stream: trio.abc.Stream, source: tuple[str, int]) -> None:
        refusal = self._why_not(source[0])
        if refusal:
            self._counters.count("sip_stream_refused", refusal)
            await trio.aclose_forcefully(stream)
            return
        pulse = Pulse(self._limits.websocket_pulse_s, answered=True)
        connection = self._number(
            Hop(*source, transport.name), pulse if transport.name in WEBSOCKETS else None
        )
        self._from[source[0]] += 1
        try:
            channel = await self._shake_hands(transport, stream)
            if channel is not None:
                await self._carry(connection, channel)
        finally:
            self._forget(connection)
            self._from[source[0]] -= 1
            if not self._from[source[0]]:
                del self._from[source[0]]

    def _why_not(self, host: str) -> str:
        if self._open >= self._limits.connections:
            return "full"
        return "per_source" if self._from[host] >= self._limits.per_source else ""

    async def _shake_hands(self, transport: Transport, stream: trio.abc.Stream) -> Channel | None:
        channel = None
        try:
            with trio.fail_after(self._limits.handshake_s):
                channel = await transport.welcome(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as error:
            self._counters.count("sip_stream_closed", f"handshake.{type(error).__name__}")
        finally:
            if channel is None:
                await trio.aclose_forcefully(stream)
        return channel

    # ---- both

    async def _carry(self, connection: Connection, channel: Channel) -> None:
        try:
            await connection.run(channel, self._owner)
        finally:
            self._forget(connection)
            self._counters.count("sip_stream_closed", connection.reason or "shutdown")
            self._owner.lost(connection.peer)

    def _number(self, peer: Hop, pulse: Pulse | None) -> Connection:
        self._last_number += 1
        self._open += 1
        connection = Connection(peer._replace(connection=self._last_number), self._limits, pulse)
        self._by_number[self._last_number] = connection
        return connection

    def _forget(self, connection: Connection) -> None:
        if self._by_number.pop(connection.peer.connection, None) is None:
            return
        self._open -= 1
        there = self._dialled.get(connection.peer[:3], {})
        if there.get(connection.peer.name) is connection:
            del there[connection.peer.name]
            if not there:
                del self._dialled[connection.peer[:3]]
