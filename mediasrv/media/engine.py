"""The engine as trio sees it: opened and left like a file; a few native threads, each with a task that hears it.

A call goes to the thread that has most room for it, and stays there. What is promised never adds up to more than one
thread can do, so a full engine refuses a call rather than starve two.

`Engine(manual=True)` is the same with one thread that is none, and without sockets: the caller pushes packets, calls
`tick`, and takes the packets that would have been sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import trio

from mediasrv.errors import AtCapacity, LocalError
from mediasrv.ids import SystemTokens, TokenSource
from mediasrv.media.admission import Admission, Reservation, Share
from mediasrv.media.face import ReservationFace, StreamFace
from mediasrv.media.ports import PortAllocator, PortRange, SharedPort, UdpPorts, VirtualPorts
from mediasrv.media.scheduling import Policy, default_threads, spare_cpus
from mediasrv.media.spec import CODECS, Address, Cost, StreamSpec
from mediasrv.media.statistics import EngineStatistics
from mediasrv.media.streams import Stream
from mediasrv.media.threads import EngineThread
from mediasrv.media.vad_weights import vad_weights
from mediasrv_native.engine import NativeEngine

if TYPE_CHECKING:  # a shape for the type checker; at run time it is a dict
    from mediasrv_native.settings import Settings


@dataclass(frozen=True, slots=True)
class EngineSettings:
    capacity: int = 256  # streams in all pools together
    millicores: float = 800  # of each thread's core that may be promised; the rest is for the unforeseen
    host: str = "127.0.0.1"  # where the streams' sockets are bound
    ports: PortRange = field(default_factory=PortRange)
    threads: int = 0  # 0: one for each spare processor
    policy: Policy = Policy.BEST
    cpus: tuple[int, ...] | Literal["spare"] = "spare"  # to pin the threads to, in turn; none: not at all
    priority: int = 40  # of SCHED_FIFO
    slots: int = 10  # a frame: a wake-up every 2 ms
    captured: int = 0  # packets that captures may be behind, 0: there are none
    vad_weights: str = ""  # a file; "": the shipped one; "off": onsets are not confirmed

    def thread_cpus(self) -> list[int | None]:
        """For each thread the processor it is pinned to."""
        count = self.threads or default_threads()
        cpus = spare_cpus() if self.cpus == "spare" else self.cpus
        return [cpus[number % len(cpus)] if cpus else None for number in range(count)]


@dataclass(frozen=True, slots=True)
class SentPacket:
    """Manual mode: a datagram that would have been sent."""

    stream: Stream
    at_ns: int
    to: Address
    data: bytes
    is_rtcp: bool = False  # a report; with `rtcp="port"` it leaves from the port above the stream's


@dataclass(frozen=True, slots=True)
class Border:
    """What stands between trio and an engine's thread; another one may look on."""

    native: Callable[..., Any] = NativeEngine  # or what stands before one
    stream: Callable[..., Stream] = Stream


class Engine:
    def __init__(
        self,
        settings: EngineSettings | None = None,
        *,
        manual: bool = False,
        tokens: TokenSource | None = None,
        border: Border | None = None,
    ) -> None:
        self.settings = settings if settings is not None else EngineSettings()
        self.manual = manual
        self._border = border or Border()
        self._tokens = tokens if tokens is not None else SystemTokens()
        self._ports = self._make_ports()
        self._threads: list[EngineThread] = []
        self._stack = AsyncExitStack()

    def _make_ports(self) -> PortAllocator:
        if self.manual:
            return VirtualPorts(self.settings.ports, self._tokens)
        return UdpPorts(self.settings.host, self.settings.ports, self._tokens)

    # ---- life
    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            cpus = [None] if self.manual else self.settings.thread_cpus()
            for cpu in cpus:
                thread = self._make_thread(cpu, self._share_of_capacity(len(self._threads), len(cpus)))
                self._threads.append(thread)
                stack.callback(self._leave, thread)  # last, when nobody listens to the eventfd any more
            nursery = await stack.enter_async_context(trio.open_nursery())
            stack.callback(nursery.cancel_scope.cancel)
            for thread in self._threads:
                thread.start(nursery)
            self._stack = stack.pop_all()
        return self

    def _share_of_capacity(self, number: int, threads: int) -> int:
        """As even as whole streams can be shared."""
        return self.settings.capacity // threads + (number < self.settings.capacity % threads)

    def _make_thread(self, cpu: int | None, capacity: int) -> EngineThread:
        settings = self.settings
        engine: NativeEngine = self._border.native(
            capacity=capacity,
            slots=settings.slots,
            manual=self.manual,
            policy=settings.policy.value,
            cpu=-1 if cpu is None else cpu,
            priority=settings.priority,
            captured=settings.captured,
            seed=self._tokens.number(64),
        )
        admission = Admission(capacity, settings.millicores)
        return EngineThread(
            engine,
            admission,
            vad_weights(settings.vad_weights),
            manual=self.manual,
            captures=settings.captured > 0,
            make_stream=self._border.stream,
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    def _leave(self, thread: EngineThread) -> None:
        self._threads.remove(thread)
        thread.leave()

    def _open_threads(self) -> Sequence[EngineThread]:
        if not self._threads:
            raise LocalError("the engine is not open")
        return self._threads

    # ---- streams
    def reserve(self, cost: Cost) -> Reservation:
        """Room on the thread that has most of it; AtCapacity when not even that one has enough."""
        most = max(self._open_threads(), key=lambda thread: thread.admission.millicores_left)
        try:
            return most.admission.reserve(cost)
        except AtCapacity:
            for thread in self._threads:
                if thread is not most and thread.admission.has_room(cost):
                    return thread.admission.reserve(cost)
            raise

    async def add(
        self,
        reservation: ReservationFace,
        spec: StreamSpec,
        group: int,
        *,
        port_of: StreamFace | None = None,
    ) -> Stream:
        """A live stream. Streams of one call share a `group`, hence a thread and a slot.

        `port_of`: a stream of the same group whose place it takes, port included, and which is to be closed next.
        """
        await trio.lowlevel.checkpoint()
        if not isinstance(reservation, Reservation):
            raise TypeError(f"not a reservation of an engine: {reservation!r}")
        if all(thread.admission is not reservation.admission for thread in self._open_threads()):
            raise LocalError("the reservation is of another engine, or of an earlier life of this one")
        unknown = {coding.codec for coding in spec.codings()} - CODECS.keys()
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))}: not of {', '.join(CODECS)}")
        thread = self._thread_for(reservation, group)
        share = self._share_on(thread, reservation)
        try:
            port = self._port(spec, port_of)
            return thread.add(spec, self._drawn(), group, self.settings.host, port, share)
        except BaseException:
            share.release()
            raise

    def _port(self, spec: StreamSpec, port_of: StreamFace | None) -> SharedPort:
        if port_of is None:
            return SharedPort(self._ports.open(rtcp_mux=spec.rtcp != "port"))
        if not isinstance(port_of, Stream):
            raise TypeError(f"not a stream of an engine: {port_of!r}")
        if spec.rtcp == "port" and port_of.spec.rtcp != "port":
            raise LocalError("that stream's port has no partner for RTCP")
        return port_of.share_port()

    def _thread_for(self, reservation: Reservation, group: int) -> EngineThread:
        """Where the group is already; else where room was kept."""
        for thread in self._threads:
            if thread.holds(group):
                return thread
        return next(thread for thread in self._threads if thread.admission is reservation.admission)

    def _share_on(self, thread: EngineThread, reservation: Reservation) -> Share:
        """One stream's room; it moves when the group lives on another thread than the one it was kept on."""
        if thread.admission is reservation.admission:
            return reservation.take()
        here = thread.admission.reserve(reservation.each)
        try:
            reservation.take().release()
        except LocalError:
            here.release()
            raise
        return here.take()

    def _drawn(self) -> Settings:
        """What nobody may guess, and the date.

        RFC 3711 3.3.1: a first number below 2**15, or a lost first packet is a wrap.
        """
        number = self._tokens.number
        return {
            "ssrc": number(32),
            "first_sequence": number(15),
            "first_timestamp": number(32),
            "unix_offset_ns": 0 if self.manual else time.time_ns() - time.monotonic_ns(),
        }

    def streams(self) -> Sequence[Stream]:
        """Those that are not yet gone, closing ones among them."""
        return tuple(stream for thread in self._threads for stream in thread.streams.values())

    def statistics(self) -> EngineStatistics:
        """Of all threads together."""
        return EngineStatistics.total(self.thread_statistics())

    def thread_statistics(self) -> Sequence[EngineStatistics]:
        return [thread.statistics() for thread in self._open_threads()]

    # ---- manual mode
    def _the_thread(self) -> EngineThread:
        if not self.manual:
            raise LocalError("only in manual mode")
        return self._open_threads()[0]

    async def tick(self, now_ns: int) -> None:
        """Everything that was due up to `now_ns`; who waited for it runs when this returns."""
        self.step(now_ns)
        await trio.lowlevel.checkpoint()

    def step(self, now_ns: int) -> None:
        """The same, and who waited for it is only woken: a clock that ticks 500 times a second need not yield."""
        thread = self._the_thread()
        thread.native.step(now_ns)
        thread.dispatch()

    def step_on(self, before_ns: int) -> int:
        """The next slot and, while there is nothing to tell, those due before `before_ns`; the last one's time."""
        thread = self._the_thread()
        slot_ns = thread.native.step_on(0 if thread.orders_wait else before_ns)
        thread.dispatch()
        return slot_ns

    def next_tick_ns(self) -> int:
        """When the next slot is due."""
        return self._the_thread().native.next_step()

    def push(self, stream: Stream, packet: bytes, source: Address, at_ns: int) -> None:
        """A datagram reaches the stream's port; it is looked at in the first slot at or after `at_ns`.

        One that comes to a closed stream is lost, as it is on every network.
        """
        if not stream.closed:
            self._the_thread().native.push(stream.handle, packet, source, at_ns)

    def packets(self) -> list[SentPacket]:
        """What was sent since last asked, in order; packets of streams that are gone are left out."""
        thread = self._the_thread()
        return [
            SentPacket(thread.streams[out.stream], out.at_ns, out.to, out.data, bool(out.channel))
            for out in thread.native.packets()
            if out.stream in thread.streams
        ]
