"""Which streams the server listens for, made from its settings.

By default TCP at the port of `sip.listen`, because who has more to say than a datagram holds tries it there. Where the
system chose that port for UDP, TCP may find it taken: the caller then chooses again, a few times.
"""

from __future__ import annotations

import errno
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from mediasrv.config import Settings
from mediasrv.config.settings import SipSettings
from mediasrv.endpoints.streams import (
    StreamLimits,
    StreamListener,
    Streams,
    TcpDialler,
    TcpListener,
    TcpTransport,
    TlsFiles,
    TlsTransport,
    Transport,
    client_context,
    server_context,
)
from mediasrv.errors import ConfigError
from mediasrv.sip import Limits

StreamsFactory = Callable[[Settings, tuple[str, int]], Awaitable[Streams]]


class PortTaken(Exception):
    """Free for datagrams, but not for TCP."""


async def no_streams(settings: Settings, local: tuple[str, int]) -> Streams:
    """Datagrams only."""
    return Streams()


async def open_streams(settings: Settings, local: tuple[str, int]) -> Streams:
    """`local` is where UDP listens. Raises ConfigError, or PortTaken when another port may do."""
    sip, dialler = settings.sip, TcpDialler(local[0])
    opened: list[tuple[Transport, StreamListener | None]] = []
    try:
        if sip.tcp:
            listener = await _listen("sip.listen", local, chosen=sip.listen.port == 0)
            opened.append((TcpTransport(dialler, Limits()), listener))
        if sip.tls_port:
            server, client = _contexts(sip)
            place = local[0], sip.tls_port
            listener = await _listen("sip.tls_port", place, chosen=False)
            opened.append((TlsTransport(dialler, Limits(), server, client), listener))
    except BaseException:
        Streams(opened).close()
        raise
    return Streams(opened)


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


def _contexts(sip: SipSettings) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = Path(sip.tls_authority) if sip.tls_authority else None
    files = TlsFiles(Path(sip.tls_certificate), Path(sip.tls_key), authority, sip.tls_mutual)
    try:
        return server_context(files), client_context(files)
    except OSError as error:
        problem = f"no TLS with these files: {error.strerror or error}"
        raise ConfigError("sip.tls_certificate", problem, value=sip.tls_certificate) from error
