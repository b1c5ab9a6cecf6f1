"""Where streams come from: listening and dialling, in the real world. The simulation brings its own of both."""

from __future__ import annotations

import ipaddress
import socket
from typing import Protocol, Self

import trio

from mediasrv.endpoints.datagram import plain

Address = tuple[str, int]

BACKLOG = 128  # connections that the system accepts while Python is busy elsewhere


class StreamListener(Protocol):
    @property
    def local(self) -> Address: ...

    async def accept(self) -> tuple[trio.abc.Stream, Address]:
        """The next connection and who made it. Raises OSError: want of descriptors passes, the rest does not."""

    def close(self) -> None: ...


class Dialler(Protocol):
    async def __call__(self, to: Address) -> trio.abc.Stream:
        """Connects, or raises OSError."""


class TcpListener:
    """The real one."""

    def __init__(self, bound: socket.socket) -> None:
        self._socket = trio.socket.from_stdlib_socket(bound)

    @classmethod
    async def open(cls, local: Address) -> Self:
        """Listens at `local`, whose host is numeric; port 0 takes a free one. Raises OSError."""
        bound = socket.socket(_family(local[0]), socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if bound.family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            bound.bind(local)
            bound.listen(BACKLOG)
        except BaseException:
            bound.close()
            raise
        return cls(bound)

    @property
    def local(self) -> Address:
        host, port = self._socket.getsockname()[:2]
        return host, port

    async def accept(self) -> tuple[trio.abc.Stream, Address]:
        accepted, source = await self._socket.accept()
        return trio.SocketStream(accepted), (plain(source[0]), source[1])

    def close(self) -> None:
        self._socket.close()


class TcpDialler:
    """Connects from our own address, so that the peer sees the host that our Via names."""

    def __init__(self, local_host: str) -> None:
        self._local_host = local_host

    async def __call__(self, to: Address) -> trio.abc.Stream:
        family = _family(to[0])
        dialling = trio.socket.socket(family, socket.SOCK_STREAM)
        try:
            if family == _family(self._local_host):
                await dialling.bind((self._local_host, 0))
            await dialling.connect(to)
        except BaseException:
            dialling.close()
            raise
        return trio.SocketStream(dialling)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
