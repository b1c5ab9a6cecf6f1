"""Which of our addresses peers are told, for signalling and for sound, and how they are learnt from outside.

The first answer of the STUN server is waited for at the start, for a moment: a server that does not know its address
would send calls into silence, but one that never starts is no better. It is asked again and again, because providers
renumber; calls that live keep the address that they were given.
"""

from __future__ import annotations

import ipaddress
import logging
from functools import partial

import trio

from mediasrv.clock import Clock
from mediasrv.config import Settings
from mediasrv.endpoints import SocketFactory
from mediasrv.endpoints.datagram import Address, DatagramSocket
from mediasrv.endpoints.nat.discovery import NoAnswer, keep_watch, seen_as
from mediasrv.endpoints.nat.hosts import Hosts, Route, route_from
from mediasrv.endpoints.resolution import CannotResolve, Finder
from mediasrv.errors import ConfigError
from mediasrv.ids import TokenSource
from mediasrv.sip import Malformed, Uri
from mediasrv.sip.grammar.uri import bracketed

STUN_PORT = 3478
START_S = 3.0

_log = logging.getLogger(__name__)


class Outside:
    """`signalling` and `media`: who is told what."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        tokens: TokenSource,
        finder: Finder,
        *,
        route: Route = route_from,
    ) -> None:
        sip = settings.sip
        hosts = partial(
            Hosts, clock=clock, advertised=sip.advertised.text, local_networks=sip.local_networks, route=route
        )
        self.signalling = hosts(sip.listen.host)
        self.media = hosts(settings.media.host.text or sip.listen.host)
        self._server = _stun_uri(sip.stun_server) if sip.stun_server else None
        self._divided = bool(sip.local_networks)
        self._tokens, self._finder = tokens, finder

    @property
    def alike(self) -> bool:
        """Whether every peer is told the same, for good."""
        one = not ipaddress.ip_address(self.signalling.listening).is_unspecified or self.signalling.advertised
        return bool(one) and self._server is None and not self._divided

    async def learn(self, socket: DatagramSocket) -> None:
        """Asks through the socket that peers will know, before anybody reads it."""
        if not self._server:
            return
        try:
            with trio.fail_after(START_S):
                host, _ = await self._seen(socket)
        except (NoAnswer, CannotResolve, trio.TooSlowError) as error:
            why = str(error) or "too slow"
            _log.warning("our address from outside is not known yet", extra={"why": why})
        else:
            self.moved(host)

    async def watch(
        self, open_socket: SocketFactory, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        task_status.started()
        if self._server:
            await keep_watch(partial(self._seen_anew, open_socket), self.moved)

    def moved(self, host: str) -> None:
        if host != self.signalling.advertised:
            _log.info("our address from outside", extra={"host": host})
        self.signalling.advertised = self.media.advertised = host

    async def _seen_anew(self, open_socket: SocketFactory) -> Address:
        socket = await open_socket((self.signalling.listening, 0))
        try:
            return await self._seen(socket)
        finally:
            socket.close()

    async def _seen(self, socket: DatagramSocket) -> Address:
        assert self._server is not None
        places = await self._finder.resolve(self._server)
        return await seen_as(socket, (places[0][0], places[0][1]), self._tokens)


def _stun_uri(server: str) -> Uri:
    """Looked up as a host of SIP's would be that has a port: by its addresses alone."""
    try:
        uri = Uri.parse(f"sip:{bracketed(server)}")
    except Malformed as error:
        raise ConfigError("sip.stun_server", f"not a host: {error}", value=server) from error
    return Uri("sip", "", uri.host, uri.port or STUN_PORT)
