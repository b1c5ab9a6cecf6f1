"""A whole server in virtual time: sockets without a network, the engine stepped by hand, and callers beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import trio

from mediasrv.config import Settings, load
from mediasrv.endpoints import SipCall, SipEndpoint
from mediasrv.endpoints.datagram import Address
from mediasrv.ids import SeededTokens, TokenSource
from mediasrv.media.engine import Engine, SentPacket
from mediasrv.sdp import LocalMedia, offer
from mediasrv.sdp.description import Direction
from mediasrv.server import Server
from mediasrv.server.access.enrolment import Find
from mediasrv.server.access.users import Users
from mediasrv.server.vouching import Vouching
from mediasrv.server.wiring import engine_settings
from mediasrv.sip import Uri, UserAgent
from mediasrv.telemetry import MemorySink
from tests.fakes.clock import TrioClock
from tests.fakes.datagrams import FakeNetwork
from tests.fakes.trunk_hosts import numeric_hosts

TICK_S = 0.02
HOUSE: Address = ("127.0.0.1", 5060)
EVERYTHING_FORGOTTEN_S = 40  # the longest that a SIP transaction is remembered


@dataclass
class House:
    """The server under test, and what can be seen of it."""

    server: Server
    network: FakeNetwork
    sink: MemorySink
    nursery: trio.Nursery
    engine: Engine
    sent: list[SentPacket] = field(default_factory=list)

    @asynccontextmanager
    async def caller(self, address: Address = ("127.0.0.1", 5070)) -> AsyncIterator[Caller]:
        core = UserAgent(address, SeededTokens(address[1]))
        async with trio.open_nursery() as nursery:
            endpoint = SipEndpoint(await self.network.open(address), core, TrioClock())
            await nursery.start(endpoint.run)
            yield Caller(endpoint, core, LocalMedia((address[0], address[1] + 1)))
            nursery.cancel_scope.cancel()

    def packets_to(self, port: int) -> int:
        """How many packets were sent there since last asked about."""
        count = sum(packet.to[1] == port for packet in self.sent)
        self.sent.clear()
        return count

    def events(self) -> list[str]:
        return [str(record["event"]) for _, kind, record in self.sink.records if kind == "timeline"]

    def call_records(self) -> list[Mapping[str, object]]:
        return [record for _, kind, record in self.sink.records if kind == "call"]


@dataclass
class Caller:
    endpoint: SipEndpoint
    core: UserAgent
    media: LocalMedia

    async def call(self, number: str = "100", body: bytes | None = None, user: str = "anna") -> SipCall:
        host, port = self.endpoint.local
        return await self.endpoint.call(
            Uri.parse(f"sip:{number}@{HOUSE[0]}"),
            destination=HOUSE,
            from_uri=Uri.parse(f"sip:{user}@{host}:{port}"),
            body=self.offer() if body is None else body,
        )

    def offer(self) -> bytes:
        return offer(self.media).build()

    async def answered(self, number: str = "100") -> SipCall:
        call = await self.call(number)
        await call.wait_answered()
        return call

    async def reinvite(
        self, call: SipCall, *, direction: Direction = "sendrecv", port: int | None = None
    ) -> None:
        host, old_port = self.media.address
        self.media = replace(
            self.media,
            direction=direction,
            address=(host, old_port if port is None else port),
            session_version=self.media.session_version + 1,
        )
        self.core.reinvite(call.id, offer(self.media).build(), trio.current_time())
        self.endpoint._follow_up()


@asynccontextmanager
async def running(
    environment: Mapping[str, str] | None = None,
    *,
    drained_at_once: bool = False,
    users: Users | None = None,
    find: Find | None = numeric_hosts,
    silent: bool = False,
    kind: Callable[..., Server] = Server,
    vouching: Vouching | None = None,
) -> AsyncIterator[House]:
    """The server, until the end of the block; it must be drained there, or is cancelled.

    `silent`: there will be no calls, and hours may pass quickly."""
    settings = load(
        environment={
            "MEDIASRV_AGENTS__DEFAULT": "tone",
            "MEDIASRV_AGENTS__NUMBERS": "{}",
            **(environment or {}),
        }
    )
    network, sink, engines = FakeNetwork(), MemorySink(), list[Engine]()

    def open_engine(settings: Settings, tokens: TokenSource) -> Engine:
        engines.append(Engine(engine_settings(settings), manual=True, tokens=tokens))
        return engines[0]

    server = kind(
        settings,
        clock=TrioClock(),
        tokens=SeededTokens(1),
        open_engine=open_engine,
        open_socket=network.open,
        sink=sink,
        users=users,
        find=find,
        vouching=vouching,
    )
    if drained_at_once:
        server.drain()
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        house = House(server, network, sink, nursery, engines[0])
        if not silent:
            nursery.start_soon(_tick, house)
        yield house
        nursery.cancel_scope.cancel()


async def _tick(house: House) -> None:
    while not house.server.draining or house.server.statistics().live_streams:
        await house.engine.tick(round(trio.current_time() * 1e9))
        house.sent += house.engine.packets()
        await trio.sleep(TICK_S)
