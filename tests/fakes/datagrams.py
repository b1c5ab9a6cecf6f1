"""UDP without a network: sockets that share a dictionary. Delivery is at once and in order, unless told otherwise."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable

import trio

from mediasrv.endpoints.datagram import Address

FIRST_FREE_PORT = 40_000


class FakeNetwork:
    """Every socket that is open, by address; `loses` decides what never arrives."""

    def __init__(self) -> None:
        self.sockets: dict[Address, FakeSocket] = {}
        self.loses: Callable[[bytes, Address], bool] = lambda data, to: False
        self.wire: list[tuple[Address, Address, bytes]] = []

    async def open(self, local: Address) -> FakeSocket:
        if local[1] == 0:
            local = (local[0], FIRST_FREE_PORT + len(self.sockets))
        if local in self.sockets:
            raise OSError(errno.EADDRINUSE, "in use")
        self.sockets[local] = FakeSocket(self, local)
        return self.sockets[local]

    def lines(self) -> list[str]:
        """The first line of everything that was sent."""
        return [data.split(b"\r\n", 1)[0].decode() for _, _, data in self.wire]


class FakeSocket:
    def __init__(self, network: FakeNetwork, local: Address) -> None:
        self.local = local
        self.send_error: int | None = None
        self._network = network
        self._put, self._take = trio.open_memory_channel[tuple[bytes, Address] | OSError](math.inf)

    async def receive(self) -> tuple[bytes, Address]:
        return _datagram(await self._take.receive())

    def receive_nowait(self) -> tuple[bytes, Address] | None:
        try:
            return _datagram(self._take.receive_nowait())
        except trio.WouldBlock:
            return None

    def send(self, data: bytes, to: Address) -> None:
        if self.send_error is not None:
            raise OSError(self.send_error, "as told")
        self._network.wire.append((self.local, to, data))
        target = self._network.sockets.get(to)
        if target is not None and not self._network.loses(data, to):
            target.arrive(data, self.local)

    def arrive(self, data: bytes, source: Address) -> None:
        self._put.send_nowait((data, source))

    def report(self, code: int) -> None:
        """An error of the network's, in place of a datagram."""
        self._put.send_nowait(OSError(code, "as told"))

    def close(self) -> None:
        self._network.sockets.pop(self.local, None)


def _datagram(got: tuple[bytes, Address] | OSError) -> tuple[bytes, Address]:
    if isinstance(got, OSError):
        raise got
    return got
