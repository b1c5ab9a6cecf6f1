"""What a telephone hangs on: a UDP port, perhaps behind a NAT, or a TCP connection to the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import trio

from tests.fakes.streams import FakeStreamNetwork
from tests.sim.network import Address, Network

Heard = Callable[[bytes], None]
RECEIVE_BYTES = 65_536
EPHEMERAL_PORT = 50_001


class Wire(Protocol):
    """One way to the server."""

    transport: str  # as a Via names it
    inside: Address  # what the telephone believes its address to be

    def plug_in(self, heard: Heard) -> None: ...
    def send(self, data: bytes, to: Address) -> None: ...
    def unplug(self) -> None: ...


class UdpWire:
    """`outside` is where the network sees it; a NAT between changes that with `rebind`, and nobody is told."""

    transport = "UDP"

    def __init__(self, network: Network, inside: Address, outside: Address | None = None) -> None:
        self.inside, self.outside = inside, outside or inside
        self._network = network
        self._heard: Heard = lambda data: None

    def plug_in(self, heard: Heard) -> None:
        self._heard = heard
        self._network.attach(self.outside, lambda data, source, to: self._heard(data))

    def send(self, data: bytes, to: Address) -> None:
        self._network.send(data, self.outside, to)

    def unplug(self) -> None:
        self._network.detach(self.outside)

    def rebind(self, port: int) -> None:
        self.unplug()
        self.outside = self.outside[0], port
        self.plug_in(self._heard)


class TcpWire:
    """A connection that the telephone has opened; nobody can open one to it."""

    transport = "TCP"

    def __init__(self, streams: FakeStreamNetwork, tasks: trio.Nursery, inside: Address, to: Address) -> None:
        self.inside = inside
        self._streams, self._tasks, self._server = streams, tasks, to
        self._stream: trio.abc.Stream | None = None
        self._heard: Heard = lambda data: None
        self._out, self._outbox = trio.open_memory_channel[bytes](1_024)
        self.lost = False
        self._port = EPHEMERAL_PORT

    def plug_in(self, heard: Heard) -> None:
        self._heard = heard
        self._stream = self._streams.connect((self.inside[0], self._port), self._server)
        self._tasks.start_soon(self._read, self._stream)
        self._tasks.start_soon(self._write, self._stream, self._outbox)

    def send(self, data: bytes, to: Address) -> None:
        if not self.lost:
            self._out.send_nowait(data)

    def unplug(self) -> None:
        """The connection is gone at once, for both ends: what is still in it is lost."""
        self.lost = True
        self._out.close()
        if self._stream is not None:
            self._tasks.start_soon(trio.aclose_forcefully, self._stream)

    def reconnect(self) -> None:
        """Another connection, from another port."""
        self._out, self._outbox = trio.open_memory_channel[bytes](1_024)
        self.lost, self._port = False, self._port + 1
        self.plug_in(self._heard)

    async def _write(self, stream: trio.abc.Stream, outbox: trio.MemoryReceiveChannel[bytes]) -> None:
        try:
            async for data in outbox:
                await stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.lost = stream is self._stream

    async def _read(self, stream: trio.abc.Stream) -> None:
        pending = b""
        try:
            while data := await stream.receive_some(RECEIVE_BYTES):
                pending = self._cut(pending + bytes(data))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        self.lost = self.lost or stream is self._stream

    def _cut(self, data: bytes) -> bytes:
        """Hands on every whole message; returns what is left."""
        while b"\r\n\r\n" in data.lstrip(b"\r\n"):
            data = data.lstrip(b"\r\n")
            head, _, rest = data.partition(b"\r\n\r\n")
            length = next(
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            if len(rest) < length:
                break
            self._heard(head + b"\r\n\r\n" + rest[:length])
            data = rest[length:]
        return data
