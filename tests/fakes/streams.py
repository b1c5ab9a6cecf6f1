"""TCP without a network: listeners that share a dictionary, and trio's memory streams between them."""

from __future__ import annotations

import errno
import math

import trio
import trio.testing

from mediasrv.endpoints.streams.sockets import Address

FIRST_FREE_PORT = 50_000


class FakeStreamNetwork:
    """Every listener that is open, by address."""

    def __init__(self) -> None:
        self.listeners: dict[Address, FakeListener] = {}
        self.dialled: list[Address] = []

    def listen(self, local: Address) -> FakeListener:
        self.listeners[local] = FakeListener(self, local)
        return self.listeners[local]

    def dialler(self, host: str) -> FakeDialler:
        return FakeDialler(self, host)

    def connect(self, source: Address, to: Address, *, lockstep: bool = False) -> trio.StapledStream:
        """A connection, whose far end is accepted there; `lockstep`: nothing is buffered on the way."""
        if to not in self.listeners:
            raise OSError(errno.ECONNREFUSED, "nobody listens")
        make = trio.testing.lockstep_stream_pair if lockstep else trio.testing.memory_stream_pair
        near, far = make()
        self.listeners[to].arrive(far, source)
        return near


class FakeListener:
    def __init__(self, network: FakeStreamNetwork, local: Address) -> None:
        self.local = local
        self._network = network
        self._put, self._take = trio.open_memory_channel[tuple[trio.abc.Stream, Address] | OSError](math.inf)

    def arrive(self, stream: trio.abc.Stream, source: Address) -> None:
        self._put.send_nowait((stream, source))

    def report(self, code: int) -> None:
        """An error of the system's, in place of a connection."""
        self._put.send_nowait(OSError(code, "as told"))

    async def accept(self) -> tuple[trio.abc.Stream, Address]:
        got = await self._take.receive()
        if isinstance(got, OSError):
            raise got
        return got

    def close(self) -> None:
        self._network.listeners.pop(self.local, None)


class FakeDialler:
    def __init__(self, network: FakeStreamNetwork, host: str) -> None:
        self._network, self._host = network, host

    async def __call__(self, to: Address) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        self._network.dialled.append(to)
        source = (self._host, FIRST_FREE_PORT + len(self._network.dialled))
        return self._network.connect(source, to)
