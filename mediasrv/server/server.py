"""The composition root: everything is built here, in the order in which it is needed, and ends in the reverse.

    records        outlive everything, so that the last word is written
    engine         outlives the calls: their streams are given back to it
    SIP endpoint   outlives the calls: the last BYE goes through it
    registrations  with trunks, taken back when no call is left
    live view      of the calls, for who asks on this machine
    calls          one nursery; each call in it has its own, behind its own fault barrier

Draining: new calls are refused with 503, running ones may go on for `server.drain_s`, and then their nursery is
cancelled: each says good-bye within a bounded while and writes its record.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import trio

from mediasrv.call import CallServices, Rehearses
from mediasrv.clock import Clock
from mediasrv.config import Settings
from mediasrv.endpoints import SipEndpoint, SocketFactory, open_datagram_socket
from mediasrv.endpoints.datagram import Address, DatagramSocket
from mediasrv.endpoints.streams import Streams
from mediasrv.errors import ConfigError
from mediasrv.ids import TokenSource
from mediasrv.media import EngineFace
from mediasrv.replay.edges import noted_agent
from mediasrv.server import wiring
from mediasrv.server.access.access import Access, users_on_disk
from mediasrv.server.access.enrolment import Enrolments, Find
from mediasrv.server.access.health import Health, HostStanding
from mediasrv.server.access.users import NewUser, Users
from mediasrv.server.control import Control
from mediasrv.server.dialling import Dialling
from mediasrv.server.house import House
from mediasrv.server.keeping import Keeping
from mediasrv.server.live import LiveView
from mediasrv.server.network.keep_alive import KeepAlive
from mediasrv.server.network.outside import Outside
from mediasrv.server.network.reach import RecordsFactory, finder, no_records, trunk_addresses
from mediasrv.server.network.streams import PortTaken, StreamsFactory, no_streams, stream_limits
from mediasrv.server.outgoing import Departures, Dialler, Locations, Routes
from mediasrv.server.reception import Reception
from mediasrv.server.roster import Roster
from mediasrv.server.tracing import ByteSink, Tracing
from mediasrv.server.trunk_gates import TrunkGates
from mediasrv.server.vouching import Vouching
from mediasrv.sip import Address as SipAddress
from mediasrv.sip import Hop
from mediasrv.sip.agent import UserAgent
from mediasrv.sip.grammar.uri import bracketed
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
    new_users: tuple[NewUser, ...] = ()  # their passwords are told now, and never again


@dataclass(frozen=True, slots=True)
class ServerStatistics:
    """What is there now, and what has happened so far."""

    live_calls: int
    live_dialogs: int
    live_streams: int
    transactions: int  # of SIP: each outlives what it was for by some 32 s
    tasks: int
    draining: bool
    counts: dict[str, dict[str, int]]
    registrations: Mapping[str, str]  # by trunk: "registered", or why not
    hosts_down: Sequence[str] = ()  # of trunks that are asked whether they live
    hosts: Sequence[HostStanding] = ()  # the same, and those that live


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
        users: Users | None = None,
        find: Find | None = None,
        locations: Locations | None = None,
        vouching: Vouching | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        """Without a `sink`, records and users are those of the data directory.

        `vouching`: who judges the signatures of callers' networks; None: as the settings say. `keeping`: calls are
        kept to be run again; trio then runs by its clock and its passes."""
        self.settings, self.counters = settings, Counters()
        self._clock, self._tokens = clock, tokens
        self._open_engine, self._sink = open_engine, sink
        self._vouching = vouching or wiring.vouching(settings, clock, self.counters)
        self._open_socket, self._open_streams = open_socket, open_streams
        self._locations = locations
        self._finder = finder(settings, open_records(settings), clock, tokens)
        self._find = find or partial(trunk_addresses, finder=self._finder)
        self._outside = Outside(settings, clock, tokens, self._finder)
        wiring.check_trunks(settings)
        self._cast = wiring.cast(settings)
        self._agents, self._keeping = wiring.agents(settings, self._cast), keeping
        if keeping is not None:
            self._agents = {name: noted_agent(agent) for name, agent in self._agents.items()}
        self._recordings = Path(settings.server.data_dir) / "recordings"
        self._drain, self._stopped = trio.Event(), trio.Event()
        self._patience = trio.CancelScope()
        self._endpoint: SipEndpoint | None = None
        self._engine: EngineFace | None = None
        self._roster = Roster()
        self._dialling = Dialling(settings, clock, self._outside.signalling.towards)
        self._reception: Reception | None = None
        self._users, self._new_users = users or Users(settings.sip.realm), tuple[NewUser, ...]()
        self._access: Access | None = None
        self._enrolments: Enrolments | None = None
        self._health: Health | None = None
        self._dialler: Dialler | None = None
        self.departures: Departures | None = None

    async def run(self, *, task_status: trio.TaskStatus[Ready] = trio.TASK_STATUS_IGNORED) -> None:
        """Takes calls from `started` on, until `drain` has done its work."""
        try:
            async with self._records() as sink, self._known_users(), self._cast.open():
                async with self._open_engine(self.settings, self._tokens) as self._engine:
                    async with self._signalling() as endpoint:
                        house = self._with_dialler(self._house(self._engine, sink, endpoint.local), endpoint)
                        self._reception = Reception(house, draining=self.draining)
                        async with self._watchable(), self._enrolled(endpoint):
                            await self._take_calls(endpoint, house, self._reception, task_status)
        finally:
            self._stopped.set()

    @property
    def locations(self) -> Locations | None:
        """Where users can be reached; None before the server listens."""
        return self._access.locations if self._access else None

    def drain(self) -> None:
        """No new calls; running ones may finish for `server.drain_s`."""
        if not self._drain.is_set():
            _log.info("draining", extra={"live_calls": self.statistics().live_calls})
            self._patience.deadline = trio.current_time() + self.settings.server.drain_s
            self._drain.set()
            if self._reception is not None:
                self._reception.draining = True
            if self._dialler is not None:
                self._dialler.draining = True
            if self._endpoint is not None:
                self._endpoint.send_askers_elsewhere()

    def hurry(self) -> None:
        """Drains, and ends running calls at once."""
        self.drain()
        if self._keeping is not None:
            self._keeping.drains()
        self._patience.cancel()

    @property
    def draining(self) -> bool:
        return self._drain.is_set()

    async def wait_stopped(self) -> None:
        await self._stopped.wait()

    def statistics(self) -> ServerStatistics:
        return ServerStatistics(
            live_calls=len(self._roster),
            live_dialogs=self._endpoint.live_calls if self._endpoint else 0,
            live_streams=len(self._engine.streams()) if self._engine else 0,
            transactions=self._endpoint.statistics().transactions if self._endpoint else 0,
            tasks=trio.lowlevel.current_statistics().tasks_living,
            draining=self.draining,
            counts=self._counts(),
            registrations=self._enrolments.standing if self._enrolments else {},
            hosts_down=self._health.down if self._health else (),
            hosts=self._health.standing if self._health else (),
        )

    def _counts(self) -> dict[str, dict[str, int]]:
        """Everything that was counted, what the protocol dropped and refused by itself included."""
        sip = self._endpoint.statistics().counts if self._endpoint else {}
        access = self._access.counts() if self._access else {}
        return {**self.counters.snapshot(), **access, "sip": dict(sip)}

    async def _take_calls(
        self,
        endpoint: SipEndpoint,
        house: House,
        reception: Reception,
        task_status: trio.TaskStatus[Ready],
    ) -> None:
        async with trio.open_nursery() as calls:
            calls.start_soon(self._accept, endpoint, reception, calls)
            for agent in self._agents.values():
                if isinstance(agent, Rehearses):
                    calls.start_soon(agent.prepare, house.services.settings)
            await self._obey(house, calls)
            task_status.started(self._ready(endpoint))
            await self._drain.wait()
            with self._patience:
                await self._roster.wait_empty()
            calls.cancel_scope.cancel()
        endpoint.refuse_calls()
        with trio.move_on_after(LAST_WORDS_S):
            await endpoint.wait_quiet()
        _log.info("stopped", extra={"counts": self._counts()})

    async def _obey(self, house: House, calls: trio.Nursery) -> None:
        """Does what people on this machine ask for, beside the files that it writes."""
        if self._sink is None and self.departures is not None:
            directory = Path(self.settings.server.data_dir)
            control = Control(directory, house, self.departures, calls, lambda: asdict(self.statistics()))
            await calls.start(control.run)

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
    async def _enrolled(self, endpoint: SipEndpoint) -> AsyncIterator[None]:
        """Trunks know where we are until the last call is over."""
        self._enrolments = Enrolments(self.settings, endpoint, self._find, self.counters)
        self._health = Health(self.settings, endpoint, self._find, self.counters, self._learn)
        async with _beside(self._enrolments.run), _beside(self._health.run):
            yield
        await self._enrolments.leave()

    def _learn(self, trunk: str, place: SipAddress, alive: bool) -> None:
        (self._finder.answered if alive else self._finder.failed)(place)
        if self._dialler is not None:
            self._dialler.learn(trunk, place, alive=alive)

    @asynccontextmanager
    async def _known_users(self) -> AsyncIterator[None]:
        if self._sink is not None:
            yield
            return
        async with users_on_disk(self.settings, self._tokens) as (self._users, self._new_users):
            yield

    @asynccontextmanager
    async def _watchable(self) -> AsyncIterator[None]:
        """Shows what goes on beside the files it goes into; a server that writes none has no place for it."""
        if self._sink is not None:
            yield
            return
        view = LiveView(Path(self.settings.server.data_dir), self._roster.calls)
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
            access = self._access = self._stand_at_the_door((host, socket.local[0]))
            agent = UserAgent(
                (host, socket.local[1]), self._tokens, welcome=access.door.hears,
                guard=access.guard, registrar=access.registrar, streams=told,
                host_towards=None if self._outside.alike else hosts.towards,
            )  # fmt: skip
            self._endpoint = SipEndpoint(
                socket, agent, self._clock, self.counters,
                streams=streams, stream_limits=stream_limits(self.settings), finder=self._finder,
                late_s=self.settings.sip.late_ms / 1_000,
            )  # fmt: skip
            if self.draining:
                self._endpoint.send_askers_elsewhere()
            alive = KeepAlive(self._endpoint.keep_open, access.registrar.flows)
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
                problem = f"cannot be bound: {error.strerror}; choose another with --sip; port 0 is any that is free"
                raise ConfigError("sip.listen", problem, value=str(listen)) from error
            try:
                return socket, await self._open_streams(self.settings, socket.local)
            except PortTaken:
                socket.close()
            except BaseException:
                socket.close()
                raise
        raise ConfigError("sip.listen", "no port is free for UDP and TCP alike", value=str(listen))

    def _stand_at_the_door(self, hosts: tuple[str, ...]) -> Access:
        def certified(peer: Hop) -> Collection[str]:
            return self._endpoint.certified(peer) if self._endpoint else ()

        return Access(self.settings, self._users, self._clock, self._tokens, hosts=hosts, certified=certified)

    def _house(self, engine: EngineFace, sink: RecordSink, local: Address) -> House:
        services = CallServices(
            self._clock,
            self._tokens,
            sink,
            wiring.call_settings(self.settings),
            recordings=self._recordings if self._sink is None else None,
            why_not_dial=self._dialling.why_not,
            why_not_follow=self._dialling.why_not_follow,
        )
        security = wiring.media_security(self.settings, self._tokens)
        assert self._access is not None
        return House(
            self.settings, self._access.door, engine, self._cast, self._agents, services, self.counters,
            self._outside.media.towards, security,
            Tracing(sink, self._clock, local, self._captures(sink)),
            TrunkGates(self.settings.trunks), wiring.recognition_room(self.settings), self._roster, self._vouching,
            self._keeping,
        )  # fmt: skip

    def _with_dialler(self, house: House, endpoint: SipEndpoint) -> House:
        host, port = endpoint.local
        ours = [(bracketed(name.lower()), port) for name in (self._outside.signalling.usual, host)]
        assert self._access is not None
        routes = Routes(self.settings, ours, self._locations or self._access.locations)
        self._dialler = Dialler(house, endpoint, self._dialling, routes, self._finder.resolve)
        self._dialler.draining = self.draining
        house = replace(house, services=replace(house.services, dial=self._dialler.dial))
        self.departures = Departures(house, self._dialler)
        return house

    def _captures(self, sink: RecordSink) -> ByteSink | None:
        return sink.append if self.settings.calls.capture and isinstance(sink, FileSink) else None

    def _ready(self, endpoint: SipEndpoint) -> Ready:
        ports = str(self.settings.media.rtp_ports)
        rtp_host = wiring.media_host(self.settings)
        return Ready(endpoint.local, rtp_host, ports, os.getpid(), self._new_users)


@asynccontextmanager
async def _beside(service: Callable[..., Awaitable[None]]) -> AsyncIterator[None]:
    """Runs a service for as long as the block; whichever fails takes the other with it."""
    async with trio.open_nursery() as nursery:
        await nursery.start(service)
        yield
        nursery.cancel_scope.cancel()
