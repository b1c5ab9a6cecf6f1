"""A UDP socket as the endpoints use it; the simulation brings one of its own."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Protocol, Self

import trio

Address = tuple[str, int]

DATAGRAM_BYTES_MAX = 65_535
RECEIVE_BUFFER_BYTES = 2**20  # some thousand requests: a burst waits here while Python is busy elsewhere


class DatagramSocket(Protocol):
    @property
    def local(self) -> Address: ...

    async def receive(self) -> tuple[bytes, Address]:
        """The next datagram and its sender; raises OSError for what the network reported instead."""

    def receive_nowait(self) -> tuple[bytes, Address] | None:
        """The same, when there is one already."""

    def send(self, data: bytes, to: Address) -> None:
        """Sends, or raises OSError; it never waits, and nothing is tried twice."""

    def close(self) -> None: ...


SocketFactory = Callable[[Address], Awaitable[DatagramSocket]]


MAPPED = "::ffff:"  # RFC 4291 section 2.5.5.2: an IPv4 peer, as a socket of IPv6 sees it


def plain(host: str) -> str:
    """The peer's own address, by which trunks and routes know it."""
    return host.removeprefix(MAPPED) if "." in host else host


class TrioDatagramSocket:
    """The real one. Bound to `::` it speaks IPv4 too; peers are known by their plain addresses all the same."""

    def __init__(self, bound: socket.socket) -> None:
        self._bound, self._socket = bound, trio.socket.from_stdlib_socket(bound)
        self._ipv6 = bound.family == socket.AF_INET6
        self._room = memoryview(
            bytearray(DATAGRAM_BYTES_MAX)
        )  # else each datagram would take as much, to be cut

    @classmethod
    async def open(cls, local: Address) -> Self:
        """Binds to `local`, whose host is numeric; port 0 takes a free one. Raises OSError."""
        version = ipaddress.ip_address(local[0]).version
        family = socket.AF_INET6 if version == 6 else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_DGRAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            bound.bind(local)
        except BaseException:
            bound.close()
            raise
        return cls(bound)

    @property
    def local(self) -> Address:
        host, port = self._socket.getsockname()[:2]
        return host, port

    async def receive(self) -> tuple[bytes, Address]:
        while True:
            await trio.lowlevel.wait_readable(self._bound)
            datagram = self.receive_nowait()
            if datagram is not None:
                return datagram

    def receive_nowait(self) -> tuple[bytes, Address] | None:
        try:
            size, source = self._bound.recvfrom_into(self._room)
        except BlockingIOError:
            return None
        return bytes(self._room[:size]), (plain(source[0]), source[1])

    def send(self, data: bytes, to: Address) -> None:
        host, port = to
        self._bound.sendto(data, (MAPPED + host if self._ipv6 and ":" not in host else host, port))

    def close(self) -> None:
        self._socket.close()


async def open_datagram_socket(local: Address) -> DatagramSocket:
    """The SocketFactory of the real world."""
    return await TrioDatagramSocket.open(local)
