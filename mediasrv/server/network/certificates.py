"""Certificates of callers' networks (STIR, RFC 8224), fetched from where a call says that they lie.

That place is a stranger's word, and we stand inside somebody's network. So what is asked is little and public: https
alone, at the two ports where such certificates are published, and only addresses that the whole world can reach; the
address that was looked at is the one that is connected to, so that a name cannot mean two things. No redirection is
followed, nothing is unpacked, nothing is kept open, and an answer longer than any chain is not read to its end.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from urllib.parse import urlsplit

import httpcore
import trio

from mediasrv.errors import RemoteError
from mediasrv.providers.wire.net import Backend, Net, TrioNet
from mediasrv.sip.stir.chain import CHAIN_BYTES

PORTS = (443, 8443)
HEADERS = (("User-Agent", "mediasrv"), ("Accept-Encoding", "identity"))

Lookup = Callable[
    [str, int], Awaitable[Sequence[str]]
]  # the numeric addresses of a name; OSError: there are none


class CannotFetch(RemoteError):
    """There is no certificate there, or nothing that we would ask."""


async def addresses_of(host: str, port: int) -> Sequence[str]:
    try:
        found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{host!r} is no name of a host") from error
    return [str(address[0]) for *_, address in found]


def is_public(address: str) -> bool:
    """Whether the whole world means the same host by it; an address of IPv4 in IPv6's clothes never counts."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and (ip.sixtofour or ip.ipv4_mapped or ip.teredo):
        return False
    return ip.is_global and not ip.is_multicast


class PublicNet:
    """A `Net` that leads to no host of our own network."""

    def __init__(self, net: Net, look_up: Lookup = addresses_of) -> None:
        self._net, self._look_up = net, look_up

    async def connect(self, host: str, port: int) -> trio.abc.Stream:
        address = next(filter(is_public, await self._look_up(host, port)), None)
        if address is None:
            raise OSError(f"{host} has no public address")
        return await self._net.connect(address, port)

    async def secure(self, stream: trio.abc.Stream, host: str) -> trio.abc.Stream:
        return await self._net.secure(stream, host)


class CertificateFetch:
    """Fulfils `Fetch`."""

    def __init__(self, net: Net | None = None) -> None:
        self._backend = Backend(net or PublicNet(TrioNet()))

    async def __call__(self, url: str) -> bytes:
        _check_place(url)
        try:
            async with httpcore.AsyncConnectionPool(
                max_connections=1, max_keepalive_connections=0, network_backend=self._backend
            ) as pool:
                async with pool.stream("GET", url, headers=HEADERS) as response:
                    return await _read(response)
        except (
            httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.UnsupportedProtocol,
        ) as error:  # fmt: skip
            raise CannotFetch(f"{url}: {error}") from error


def _check_place(url: str) -> None:
    try:
        place = urlsplit(url)
        there = place.scheme == "https" and bool(place.hostname) and (place.port or PORTS[0]) in PORTS
    except ValueError as error:
        raise CannotFetch(f"{url}: {error}") from error
    if not there or place.username is not None:
        raise CannotFetch(f"{url}: no place for a certificate")


async def _read(response: httpcore.Response) -> bytes:
    if response.status != 200:
        raise CannotFetch(f"status {response.status}")
    pem = bytearray()
    async with _pieces(response) as pieces:
        async for piece in pieces:
            pem += piece
            if len(pem) > CHAIN_BYTES:
                raise CannotFetch("longer than any chain")
    return bytes(pem)


@asynccontextmanager
async def _pieces(response: httpcore.Response) -> AsyncIterator[AsyncIterator[bytes]]:
    """The body, which may be left before its end: cancelled in their next read, the generators within it end, too."""
    async with aclosing(response.aiter_stream()) as pieces:  # type: ignore[type-var]
        try:
            yield pieces
        finally:
            with trio.CancelScope() as given_up:
                given_up.cancel()
                async for _ in pieces:
                    pass
