"""The one seam between the adapters and the network: a stream to somewhere, and the same stream made secret.

In life it is TCP and TLS; in the tests it leads to a server in the same process, in virtual time. The adapters and
everything else in this room are the same in both.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Protocol

import httpcore
import trio

CONNECT_S = 5.0


class Net(Protocol):
    async def connect(self, host: str, port: int) -> trio.abc.Stream:
        """OSError when nobody answers there."""

    async def secure(self, stream: trio.abc.Stream, host: str) -> trio.abc.Stream:
        """TLS over the stream, with a certificate that is `host`'s. OSError when it is not."""


class TrioNet:
    """The real one. One set of TLS settings serves all connections, so that sessions are resumed."""

    def __init__(self) -> None:
        self._tls = ssl.create_default_context()

    async def connect(self, host: str, port: int) -> trio.abc.Stream:
        return await trio.open_tcp_stream(host, port)

    async def secure(self, stream: trio.abc.Stream, host: str) -> trio.abc.Stream:
        wrapped = trio.SSLStream(stream, self._tls, server_hostname=host, https_compatible=True)
        try:
            await wrapped.do_handshake()
        except trio.BrokenResourceError as error:
            raise ssl.SSLError(str(error.__cause__ or error)) from error
        return wrapped


class _Stream(httpcore.AsyncNetworkStream):
    """A trio stream in the words of httpcore."""

    def __init__(self, stream: trio.abc.Stream, net: Net) -> None:
        self._stream, self._net = stream, net

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            with trio.fail_after(timeout or float("inf")):
                return bytes(await self._stream.receive_some(max_bytes))
        except trio.TooSlowError as error:
            raise httpcore.ReadTimeout(f"nothing for {timeout:g} s") from error
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            with trio.fail_after(timeout or float("inf")):
                await self._stream.send_all(buffer)
        except trio.TooSlowError as error:
            raise httpcore.WriteTimeout(f"not taken within {timeout:g} s") from error
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            with trio.fail_after(timeout or CONNECT_S):
                return _Stream(await self._net.secure(self._stream, server_hostname or ""), self._net)
        except trio.TooSlowError as error:
            raise httpcore.ConnectTimeout("TLS took too long") from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error

    def get_extra_info(self, info: str) -> object:
        return _is_readable(self._stream) if info == "is_readable" else None


class Backend(httpcore.AsyncNetworkBackend):
    """A `Net` in the words of httpcore."""

    def __init__(self, net: Net) -> None:
        self._net = net

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            with trio.fail_after(timeout or CONNECT_S):
                return _Stream(await self._net.connect(host, port), self._net)
        except trio.TooSlowError as error:
            raise httpcore.ConnectTimeout("no connection in time") from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)


def _is_readable(stream: trio.abc.Stream) -> bool:
    """An idle connection with something to read was closed by the other side, and must not be used again."""
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    if not isinstance(stream, trio.SocketStream):
        return False
    return bool(stream.socket.is_readable())
