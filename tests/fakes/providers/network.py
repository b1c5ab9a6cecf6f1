"""A network without sockets: who connects to a host talks with the server that stands there, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
import trio.testing

Serve = Callable[[trio.abc.Stream], Awaitable[None]]


class FakeNet:
    """A `Net`; servers stand at names, with or without a port."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._servers: dict[tuple[str, int], Serve] = {}
        self.connections: list[tuple[str, int]] = []  # every attempt
        self.secured: list[str] = []
        self.open = 0  # connections that the client has not closed
        self.latency_s = 0.0  # of a connection

    def stand(self, host: str, serve: Serve, port: int = 443) -> None:
        self._servers[host, port] = serve

    def fall(self, host: str, port: int = 443) -> None:
        """Nobody answers there any more."""
        del self._servers[host, port]

    async def connect(self, host: str, port: int) -> trio.abc.Stream:
        self.connections.append((host, port))
        await trio.sleep(self.latency_s)
        serve = self._servers.get((host, port))
        if serve is None:
            raise ConnectionRefusedError(f"{host}:{port}")
        ours, theirs = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self._serve, serve, theirs)
        self.open += 1
        return _ClientEnd(ours, self)

    async def secure(self, stream: trio.abc.Stream, host: str) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        self.secured.append(host)
        return stream

    async def _serve(self, serve: Serve, stream: trio.abc.Stream) -> None:
        try:
            await serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the other side has gone, as it may
        finally:
            await trio.aclose_forcefully(stream)


class _ClientEnd(trio.abc.Stream):
    """A stream that is counted until it is closed."""

    def __init__(self, stream: trio.abc.Stream, net: FakeNet) -> None:
        self._stream, self._net, self._closed = stream, net, False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._net.open -= 1
        await self._stream.aclose()
