"""The engine as trio sees it: opened and left like a file, with one task that hears what the native thread says.

`Engine(manual=True)` is the same without thread, sockets and task: the caller pushes packets, calls `tick`, and takes
the packets that would have been sent.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

import trio

from mediasrv.errors import AtCapacity, LocalError
from mediasrv.ids import SystemTokens, TokenSource
from mediasrv.media.admission import Admission, Reservation, Share
from mediasrv.media.face import ReservationFace
from mediasrv.media.native_settings import settings_of
from mediasrv.media.ports import Port, PortAllocator, PortRange, UdpPorts, VirtualPorts
from mediasrv.media.scheduling import Policy, spare_cpu
from mediasrv.media.spec import CODECS, Address, Cost, StreamSpec
from mediasrv.media.statistics import EngineStatistics
from mediasrv.media.stream import Stream
from mediasrv_native import engine as native
from mediasrv_native.engine import NativeEngine
from mediasrv_native.errors import QueueFull

EVENTS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class EngineSettings:
    capacity: int = 256  # streams in the pool
    millicores: float = 800  # of the engine's core that may be promised; the rest is for the unforeseen
    host: str = "127.0.0.1"  # where the streams' sockets are bound
    ports: PortRange = field(default_factory=PortRange)
    policy: Policy = Policy.BEST
    cpu: int | Literal["spare"] | None = "spare"  # to pin the thread to
    priority: int = 40  # of SCHED_FIFO
    slots: int = 10  # a frame: a wake-up every 2 ms


@dataclass(frozen=True, slots=True)
class SentPacket:
    """Manual mode: a datagram that would have been sent."""

    stream: Stream
    at_ns: int
    to: Address
    data: bytes


class Engine:
    def __init__(
        self,
        settings: EngineSettings | None = None,
        *,
        manual: bool = False,
        tokens: TokenSource | None = None,
    ) -> None:
        self.settings = settings if settings is not None else EngineSettings()
        self.manual = manual
        self._tokens = tokens if tokens is not None else SystemTokens()
        self._admission = Admission(self.settings.capacity, self.settings.millicores)
        self._ports = self._make_ports()
        self._streams: dict[int, Stream] = {}
        self._native: NativeEngine | None = None
        self._stack = AsyncExitStack()

    def _make_ports(self) -> PortAllocator:
        if self.manual:
            return VirtualPorts(self.settings.ports, self._tokens)
        return UdpPorts(self.settings.host, self.settings.ports, self._tokens)

    # ---- life
    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._native = self._make_native()
            stack.callback(self._leave, self._native)  # last, when nobody listens to the eventfd any more
            nursery = await stack.enter_async_context(trio.open_nursery())
            stack.callback(nursery.cancel_scope.cancel)
            if not self.manual:
                self._native.start()
                nursery.start_soon(self._listen, self._native)
            self._stack = stack.pop_all()
        return self

    def _make_native(self) -> NativeEngine:
        settings = self.settings
        cpu = spare_cpu() if settings.cpu == "spare" else settings.cpu
        return NativeEngine(
            capacity=settings.capacity,
            slots=settings.slots,
            manual=self.manual,
            policy=settings.policy.value,
            cpu=-1 if cpu is None else cpu,
            priority=settings.priority,
            seed=self._tokens.number(64),
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    def _leave(self, engine: NativeEngine) -> None:
        """Joins the thread, tells the streams that it is over, and only then frees what the thread had used."""
        engine.stop()
        self._dispatch(engine)
        for stream in self._streams.values():
            stream.gone()
        self._streams.clear()
        self._native = None
        engine.close()

    def _open_native(self) -> NativeEngine:
        if self._native is None:
            raise LocalError("the engine is not open")
        return self._native

    # ---- what the thread says
    async def _listen(self, engine: NativeEngine) -> None:
        while True:
            await trio.lowlevel.wait_readable(engine.eventfd)
            os.eventfd_read(engine.eventfd)
            self._dispatch(engine)

    def _dispatch(self, engine: NativeEngine) -> None:
        while events := engine.events(EVENTS_AT_ONCE):
            for event in events:
                if event.kind == native.EVENT_REMOVED:
                    engine.reclaim(event.stream)
                    self._streams.pop(event.stream).gone()
                elif event.stream in self._streams:
                    self._streams[event.stream].take(event)

    # ---- streams
    def reserve(self, cost: Cost) -> Reservation:
        self._open_native()
        return self._admission.reserve(cost)

    async def add(self, reservation: ReservationFace, spec: StreamSpec, group: int) -> Stream:
        """A live stream. Streams of one call share a `group`, hence a slot."""
        engine = self._open_native()
        if not isinstance(reservation, Reservation):
            raise TypeError(f"not a reservation of this engine: {reservation!r}")
        unknown = {coding.codec for coding in spec.codings()} - CODECS.keys()
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))}: not of {', '.join(CODECS)}")
        await trio.lowlevel.checkpoint()
        share = reservation.take()
        try:
            return self._add(engine, spec, group, share)
        except BaseException:
            share.release()
            raise

    def _add(self, engine: NativeEngine, spec: StreamSpec, group: int, share: Share) -> Stream:
        port = self._ports.open()
        try:
            handle = self._add_native(engine, spec, group, port)
        except QueueFull:
            port.close()
            raise AtCapacity("every stream of the pool is in use") from None
        except BaseException:
            port.close()
            raise
        stream = Stream(engine, handle, spec, self.settings.host, port, share)
        self._streams[handle] = stream
        return stream

    def _add_native(self, engine: NativeEngine, spec: StreamSpec, group: int, port: Port) -> int:
        settings = settings_of(spec)
        settings["ssrc"] = self._tokens.number(32)
        settings["first_sequence"] = self._tokens.number(
            15
        )  # RFC 3711 3.3.1: or a lost first packet is a wrap
        settings["first_timestamp"] = self._tokens.number(32)
        return engine.add(rtp_fd=port.fd, group=group % 2**32, **settings)

    def streams(self) -> Sequence[Stream]:
        """Those that are not yet gone, closing ones among them."""
        return tuple(self._streams.values())

    def statistics(self) -> EngineStatistics:
        return EngineStatistics.of(self._open_native().statistics())

    # ---- manual mode
    async def tick(self, now_ns: int) -> None:
        """Everything that was due up to `now_ns`; who waited for it runs when this returns."""
        self.step(now_ns)
        await trio.lowlevel.checkpoint()

    def step(self, now_ns: int) -> None:
        """The same, and who waited for it is only woken: a clock that ticks 500 times a second need not yield."""
        engine = self._open_native()
        engine.step(now_ns)
        self._dispatch(engine)

    def next_tick_ns(self) -> int:
        """When the next slot is due."""
        return self._open_native().next_step()

    def push(self, stream: Stream, packet: bytes, source: Address, at_ns: int) -> None:
        """A datagram reaches the stream's port; it is looked at in the first slot at or after `at_ns`.

        One that comes to a closed stream is lost, as it is on every network.
        """
        if not stream.closed:
            self._open_native().push(stream.handle, packet, source, at_ns)

    def packets(self) -> list[SentPacket]:
        """What was sent since last asked, in order; packets of streams that are gone are left out."""
        return [
            SentPacket(self._streams[out.stream], out.at_ns, out.to, out.data)
            for out in self._open_native().packets()
            if out.stream in self._streams
        ]
