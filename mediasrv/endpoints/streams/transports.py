"""From a connected stream to a channel for messages: by itself (TCP), or after a handshake (TLS).

Nothing here has a deadline: who calls sets one around it.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Protocol

import trio

from mediasrv.endpoints.streams.channel import Channel, FramedChannel
from mediasrv.endpoints.streams.sockets import Address, Dialler
from mediasrv.endpoints.streams.tls import names_in
from mediasrv.sip.limits import Limits

ClientTowards = Callable[[Address, str], ssl.SSLContext]
"""With what a peer is called, by its address and the domain that led there."""


class Transport(Protocol):
    """Both sides of one transport of SIP."""

    @property
    def name(self) -> str:
        """As a Via names it."""

    async def welcome(self, stream: trio.abc.Stream) -> Channel:
        """Shakes hands with whoever has connected; raises trio.BrokenResourceError when that comes to nothing."""

    async def dial(self, to: Address, name: str) -> Channel:
        """`name`: the domain that led there, or empty. Raises OSError or trio.BrokenResourceError."""


class TcpTransport:
    name = "TCP"

    def __init__(self, dialler: Dialler, limits: Limits) -> None:
        self._dialler, self._limits = dialler, limits

    async def welcome(self, stream: trio.abc.Stream) -> Channel:
        return FramedChannel(stream, self._limits, opened_by_peer=True)

    async def dial(self, to: Address, name: str) -> Channel:
        return FramedChannel(await self._dialler(to), self._limits, opened_by_peer=False)


class TlsTransport:
    name = "TLS"

    def __init__(
        self,
        dialler: Dialler,
        limits: Limits,
        server: ssl.SSLContext,
        client: ssl.SSLContext,
        client_towards: ClientTowards | None = None,
    ) -> None:
        """`client`: for all whom we call, where `client_towards` does not choose."""
        self._dialler, self._limits, self._server = dialler, limits, server
        self._client_towards = client_towards or (lambda to, name: client)

    async def welcome(self, stream: trio.abc.Stream) -> Channel:
        # SIP says itself where its messages end, so that a peer need not say goodbye.
        secured = trio.SSLStream(stream, self._server, server_side=True, https_compatible=True)
        await secured.do_handshake()
        names = names_in(secured.getpeercert())
        return FramedChannel(secured, self._limits, opened_by_peer=True, certified=names)

    async def dial(self, to: Address, name: str) -> Channel:
        stream = await self._dialler(to)
        # RFC 5922 section 4: the name that was asked for, not what the DNS has made of it.
        asked = name or to[0]
        secured = trio.SSLStream(
            stream, self._client_towards(to, name), server_hostname=asked, https_compatible=True
        )
        try:
            await secured.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return FramedChannel(secured, self._limits, opened_by_peer=False)
