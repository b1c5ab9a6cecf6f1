"""The composition root: everything is built here, in the order in which it is needed, and ends in the reverse.

    records        outlive everything, so that the last word is written
    engine         outlives the calls: their streams are given back to it
    SIP endpoint   outlives the calls: the last BYE goes through it
    live view      of the calls, for who asks on this machine
    calls          one nursery; each call in it has its own, behind its own fault barrier

Draining: new calls are refused with 503, running ones may go on for `server.drain_s`, and then their nursery is
cancelled: each says good-bye within a bounded while and writes its record.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio

from mediasrv.call import CallServices
from mediasrv.clock import Clock
from mediasrv.config import Settings
from mediasrv.endpoints import SipEndpoint, SocketFactory, open_datagram_socket
from mediasrv.endpoints.datagram import Address, DatagramSocket
from mediasrv.endpoints.streams import Streams
from mediasrv.errors import ConfigError
from mediasrv.ids import TokenSource
from mediasrv.media import EngineFace
from mediasrv.server import wiring
from mediasrv.server.dialling import Dialling
from mediasrv.server.keep_alive import KeepAlive
from mediasrv.server.live import LiveView
from mediasrv.server.outside import Outside
from mediasrv.server.reach import RecordsFactory, finder, no_records
from mediasrv.server.reception import House, Reception
from mediasrv.server.streams import PortTaken, StreamsFactory, no_streams, stream_limits
from mediasrv.server.tracing import ByteSink, Tracing
from mediasrv.server.vouching import Vouching
from mediasrv.sip import Address as SourceAddress
from mediasrv.sip.agent import UserAgent
from mediasrv.telemetry import Counters, FileSink, RecordSink

PORTS_TRIED = 20  # when the system chooses: one that is free for UDP may be taken for TCP
LAST_WORDS_S = 0.2  # for the answers to our last BYEs: polite, and nobody waits for more

_log = logging.getLogger(__name__)

EngineFactory = Callable[[Settings, TokenSource], EngineFace]


@dataclass(frozen=True, slots=True)
class Ready:
    """The server takes calls, and here."""

    sip: Address
    rtp_host: str
    rtp_ports: str
    pid: int


@dataclass(frozen=True, slots=True)
class ServerStatistics:
    """What is there now, and what has happened so far."""

    live_calls: int
    live_dialogs: int
    live_streams: int
    tasks: int
    draining: bool
    counts: dict[str, dict[str, int]]


class Server:
    """Every part can be brought along, so that the simulation runs this very class in virtual time."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        tokens: TokenSource,
        open_engine: EngineFactory,
        open_socket: SocketFactory = open_datagram_socket,
        open_streams: StreamsFactory = no_streams,
        open_records: RecordsFactory = no_records,
        sink: RecordSink | None = None,
        vouching: Vouching | None = None,
    ) -> None:
        """`vouching`: who judges the signatures of callers' networks; without it there are no attestations."""
        self.settings, self.counters = settings, Counters()
        self._clock, self._tokens = clock, tokens
        self._open_engine, self._sink, self._vouching = open_engine, sink, vouching
        self._open_socket, self._open_streams = open_socket, open_streams
        self._finder = finder(settings, open_records(settings), clock, tokens)
        self._outside = Outside(settings, clock, tokens, self._finder)
        wiring.check_trunks(settings)
        self._agents = wiring.agents(settings)
        self._recordings = Path(settings.server.data_dir) / "recordings"
        self._drain, self._stopped = trio.Event(), trio.Event()
        self._patience = trio.CancelScope()
        self._endpoint: SipEndpoint | None = None
        self._engine: EngineFace | None = None
        self._reception: Reception | None = None

    async def run(self, *, task_status: trio.TaskStatus[Ready] = trio.TASK_STATUS_IGNORED) -> None:
        """Takes calls from `started` on, until `drain` has done its work."""
        try:
            async with self._records() as sink:
                async with self._open_engine(self.settings, self._tokens) as self._engine:
                    async with self._signalling() as endpoint:
                        house = self._house(self._engine, sink, endpoint.local)
                        self._reception = Reception(house, draining=self.draining)
                        async with self._watchable(self._reception):
                            await self._take_calls(endpoint, self._reception, task_status)
        finally:
            self._stopped.set()

    def drain(self) -> None:
        """No new calls; running ones may finish for `server.drain_s`."""
        if not self._drain.is_set():
            _log.info("draining", extra={"live_calls": self.statistics().live_calls})
            self._patience.deadline = trio.current_time() + self.settings.server.drain_s
            self._drain.set()
            if self._reception is not None:
                self._reception.draining = True

    def hurry(self) -> None:
        """Drains, and ends running calls at once."""
        self.drain()
        self._patience.cancel()

    @property
    def draining(self) -> bool:
        return self._drain.is_set()

    async def wait_stopped(self) -> None:
        await self._stopped.wait()

    def statistics(self) -> ServerStatistics:
        return ServerStatistics(
            live_calls=self._reception.live_calls if self._reception else 0,
            live_dialogs=self._endpoint.live_calls if self._endpoint else 0,
            live_streams=len(self._engine.streams()) if self._engine else 0,
            tasks=trio.lowlevel.current_statistics().tasks_living,
            draining=self.draining,
            counts=self._counts(),
        )

    def _counts(self) -> dict[str, dict[str, int]]:
        """Everything that was counted, what the protocol dropped and refused by itself included."""
        sip = self._endpoint.statistics().counts if self._endpoint else {}
        return {**self.counters.snapshot(), "sip": dict(sip)}

    async def _take_calls(
        self, endpoint: SipEndpoint, reception: Reception, task_status: trio.TaskStatus[Ready]
    ) -> None:
        async with trio.open_nursery() as calls:
            calls.start_soon(self._accept, endpoint, reception, calls)
            task_status.started(self._ready(endpoint))
            await self._drain.wait()
            with self._patience:
                await reception.wait_empty()
            calls.cancel_scope.cancel()
        endpoint.refuse_calls()
        with trio.move_on_after(LAST_WORDS_S):
            await endpoint.wait_quiet()
        _log.info("stopped", extra={"counts": self._counts()})

    async def _accept(self, endpoint: SipEndpoint, reception: Reception, calls: trio.Nursery) -> None:
        async for call in endpoint.incoming():
            calls.start_soon(reception.receive, call)

    @asynccontextmanager
    async def _records(self) -> AsyncIterator[RecordSink]:
        if self._sink is not None:
            yield self._sink
            return
        files = FileSink(Path(self.settings.server.data_dir), self.counters)
        try:
            files.directory.mkdir(parents=True, exist_ok=True)
            self._recordings.mkdir(exist_ok=True)
        except OSError as error:
            problem = f"cannot be written: {error.strerror}"
            raise ConfigError("server.data_dir", problem, value=self.settings.server.data_dir) from error
        async with _beside(files.run):
            yield files

    @asynccontextmanager
    async def _watchable(self, reception: Reception) -> AsyncIterator[None]:
        """Shows what goes on beside the files it goes into; a server that writes none has no place for it."""
        if self._sink is not None:
            yield
            return
        view = LiveView(Path(self.settings.server.data_dir), reception.calls)
        async with _beside(view.run):
            yield

    @asynccontextmanager
    async def _signalling(self) -> AsyncIterator[SipEndpoint]:
        socket, streams = await self._listen()
        try:
            await self._outside.learn(socket)
            hosts = self._outside.signalling
            host = hosts.usual
            told = {name: (host, port) for name, (_, port) in streams.locals().items()}
            agent = UserAgent(
                (host, socket.local[1]), self._tokens, welcome=self._knows, streams=told,
                host_towards=None if self._outside.alike else hosts.towards,
            )  # fmt: skip
            self._endpoint = SipEndpoint(
                socket, agent, self._clock, self.counters,
                streams=streams, stream_limits=stream_limits(self.settings), finder=self._finder,
            )  # fmt: skip
            alive = KeepAlive(self.settings.trunks, self._finder, self._endpoint.keep_open)
            watch = partial(self._outside.watch, self._open_socket)
            async with _beside(self._endpoint.run), _beside(alive.run), _beside(watch):
                yield self._endpoint
        finally:
            streams.close()
            socket.close()

    async def _listen(self) -> tuple[DatagramSocket, Streams]:
        """A datagram socket, and the streams beside it."""
        listen = self.settings.sip.listen
        for _ in range(PORTS_TRIED):
            try:
                socket = await self._open_socket(listen.address)
            except OSError as error:
                problem = f"cannot be bound: {error.strerror}; choose another, or port 0 for any that is free"
                raise ConfigError("sip.listen", problem, value=str(listen)) from error
            try:
                return socket, await self._open_streams(self.settings, socket.local)
            except PortTaken:
                socket.close()
            except BaseException:
                socket.close()
                raise
        raise ConfigError("sip.listen", "no port is free for UDP and TCP alike", value=str(listen))

    def _knows(self, source: SourceAddress) -> bool:
        return self.settings.trunk_of(source[0]) is not None

    def _house(self, engine: EngineFace, sink: RecordSink, local: Address) -> House:
        dialling = Dialling(self.settings, self._clock, self._outside.signalling.towards)
        services = CallServices(
            self._clock,
            self._tokens,
            sink,
            wiring.call_settings(self.settings),
            recordings=self._recordings if self._sink is None else None,
            why_not_dial=dialling.why_not,
            why_not_follow=dialling.why_not_follow,
        )
        security = wiring.media_security(self.settings, self._tokens)
        return House(
            self.settings, engine, self._agents, services, self.counters, self._outside.media.towards, security,
            Tracing(sink, self._clock, local, self._captures(sink)), self._vouching,
        )  # fmt: skip

    def _captures(self, sink: RecordSink) -> ByteSink | None:
        return sink.append if self.settings.calls.capture and isinstance(sink, FileSink) else None

    def _ready(self, endpoint: SipEndpoint) -> Ready:
        ports = str(self.settings.media.rtp_ports)
        return Ready(endpoint.local, wiring.media_host(self.settings), ports, os.getpid())


@asynccontextmanager
async def _beside(service: Callable[..., Awaitable[None]]) -> AsyncIterator[None]:
    """Runs a service for as long as the block; whichever fails takes the other with it."""
    async with trio.open_nursery() as nursery:
        await nursery.start(service)
        yield
        nursery.cancel_scope.cancel()
