"""Which streams the server listens for, made from its settings.

By default TCP at the port of `sip.listen`, because who has more to say than a datagram holds tries it there. Where the
system chose that port for UDP, TCP may find it taken: the caller then chooses again, a few times.
"""

from __future__ import annotations

import errno
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from mediasrv.config import Settings
from mediasrv.config.settings import SipSettings
from mediasrv.endpoints.streams import (
    SecureWebSocketTransport,
    StreamLimits,
    StreamListener,
    Streams,
    TcpDialler,
    TcpListener,
    TcpTransport,
    TlsFiles,
    TlsNeeds,
    TlsTransport,
    Transport,
    WebSocketTransport,
    client_context,
    server_context,
)
from mediasrv.errors import ConfigError
from mediasrv.server.network.trunk_tls import TrunkTls
from mediasrv.sip import Limits

StreamsFactory = Callable[[Settings, tuple[str, int]], Awaitable[Streams]]


class PortTaken(Exception):
    """Free for datagrams, but not for TCP."""


async def no_streams(settings: Settings, local: tuple[str, int]) -> Streams:
    """Datagrams only."""
    return Streams()


async def open_streams(settings: Settings, local: tuple[str, int]) -> Streams:
    """`local` is where UDP listens. Raises ConfigError, or PortTaken when another port may do."""
    sip, opened = settings.sip, list[tuple[Transport, StreamListener | None]]()
    try:
        for key, port, transport in _spoken(settings, local):
            chosen = key == "sip.listen" and sip.listen.port == 0
            opened.append((transport, await _listen(key, (local[0], port), chosen=chosen)))
    except BaseException:
        Streams(opened).close()
        raise
    return Streams(opened)


def _spoken(settings: Settings, local: tuple[str, int]) -> Iterator[tuple[str, int, Transport]]:
    """The setting and port of each transport."""
    sip = settings.sip
    dialler, browsers = TcpDialler(local[0]), WebSocketTransport(Limits(), sip.ws_origins)
    if sip.tcp:
        yield "sip.listen", local[1], TcpTransport(dialler, Limits())
    if sip.tls_port:
        files = _files(sip)
        server, towards = _context(server_context, files), TrunkTls(settings, partial(_client, files))
        yield "sip.tls_port", sip.tls_port, TlsTransport(dialler, Limits(), server, towards.usual, towards)
    if sip.ws_port:
        yield "sip.ws_port", sip.ws_port, browsers
    if sip.wss_port:  # people do not carry certificates: `tls_mutual` is for carriers
        files = replace(_files(sip), mutual=False, authority=None)
        secured = SecureWebSocketTransport(browsers, _context(server_context, files))
        yield "sip.wss_port", sip.wss_port, secured


def stream_limits(settings: Settings) -> StreamLimits:
    return StreamLimits(connections=settings.sip.connections, per_source=settings.sip.connections_per_source)


async def _listen(key: str, local: tuple[str, int], *, chosen: bool) -> StreamListener:
    try:
        return await TcpListener.open(local)
    except OSError as error:
        if chosen and error.errno == errno.EADDRINUSE:
            raise PortTaken from error
        problem = f"cannot be listened on with TCP: {error.strerror}"
        raise ConfigError(key, problem, value=f"{local[0]}:{local[1]}") from error


def _files(sip: SipSettings) -> TlsFiles:
    authority = Path(sip.tls_authority) if sip.tls_authority else None
    return TlsFiles(Path(sip.tls_certificate), Path(sip.tls_key), authority, sip.tls_mutual)


def _client(files: TlsFiles, needs: TlsNeeds) -> ssl.SSLContext:
    return _context(partial(client_context, needs=needs), files)


def _context(make: Callable[[TlsFiles], ssl.SSLContext], files: TlsFiles) -> ssl.SSLContext:
    try:
        return make(files)
    except OSError as error:
        problem = f"no TLS with these files: {error.strerror or error}"
        raise ConfigError("sip.tls_certificate", problem, value=str(files.certificate)) from error
