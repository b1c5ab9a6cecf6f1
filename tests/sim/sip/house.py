"""What a story has in its hands: the real server, the network, telephones, and what can be seen of all of them."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import trio

from mediasrv.bench.netem import Profile
from mediasrv.clock import NS_PER_S
from mediasrv.config import Settings, load
from mediasrv.endpoints import SipCall, SipEndpoint
from mediasrv.endpoints.streams import Streams, TcpTransport, TlsTransport
from mediasrv.ids import SeededTokens, TokenSource
from mediasrv.media.engine import Engine, EngineSettings
from mediasrv.server import Server
from mediasrv.sip import Account, Limits, Uri
from mediasrv.sip.core import Core
from tests.fakes.records import FakeRecords
from tests.fakes.streams import FakeStreamNetwork
from tests.sim.deterministic import Agenda
from tests.sim.engine_thread import EngineThread
from tests.sim.network import Address, Network, VirtualSocket
from tests.sim.sip.clocks import ServerClock
from tests.sim.sip.faults import Faults, Loss, is_what
from tests.sim.sip.media import Media
from tests.sim.sip.phone import Phone
from tests.sim.sip.story import Story
from tests.sim.sip.wires import TcpWire, UdpWire, Wire
from tests.sim.witness import WitnessSink

SERVER: Address = ("127.0.0.1", 5060)
TLS_PORT = 5061
NAT_HOST = "127.0.9.9"
SIP_PORT, RTP_PORT, NAT_PORT = 5060, 7_000, 31_000
LOOKS_AGAIN_S = (0.005, 0.25)  # at first, and when it has been waiting for long
USUAL = {
    "MEDIASRV_AGENTS__DEFAULT": "tone",
    "MEDIASRV_AGENTS__NUMBERS": "{}",
    "MEDIASRV_MEDIA__CAPACITY": "4",
    "MEDIASRV_MEDIA__MEDIA_TIMEOUT_MS": "0",
    "MEDIASRV_MEDIA__VAD_WEIGHTS": "off",
}


class Unmet(AssertionError):
    """The story did not go as it should."""


@dataclass
class House:
    agenda: Agenda
    story: Story
    seed: int
    clock: ServerClock
    tasks: trio.Nursery
    draws: random.Random
    paths: tuple[Profile, Profile]
    network: Network
    sink: WitnessSink
    faults: Faults = field(default_factory=Faults)
    streams: FakeStreamNetwork = field(default_factory=FakeStreamNetwork)
    phones: list[Phone] = field(default_factory=list)
    engines: list[Engine] = field(default_factory=list)
    names: FakeRecords = field(default_factory=FakeRecords)  # the DNS

    @classmethod
    def build(cls, agenda: Agenda, story: Story, seed: int, tasks: trio.Nursery, clock: ServerClock) -> House:
        draws = random.Random(f"{story.name}/{seed}")
        paths = draws.choice(story.over), draws.choice(story.over)
        hosts = [f"127.0.{subnet}.{host}" for subnet in (0, 9) for host in range(2, 110)]
        links = {(host, SERVER[0]): paths[0] for host in hosts}
        links |= {(SERVER[0], host): paths[1] for host in hosts}
        network = Network(agenda, seed, profiles=links)
        house = cls(agenda, story, seed, clock, tasks, draws, paths, network, WitnessSink(agenda.clock))
        network.censor = house.faults
        house.server = house._server()
        return house

    server: Server = field(init=False)

    # ---- the server

    @property
    def address(self) -> Address:
        return SERVER

    async def open(self) -> None:
        await self.tasks.start(self.server.run)
        EngineThread(self.engine, self.network, SERVER[0])
        await trio.sleep(0.1)

    @property
    def engine(self) -> Engine:
        return self.engines[0]

    @property
    def endpoint(self) -> SipEndpoint:
        assert self.server._endpoint is not None
        return self.server._endpoint

    @property
    def core(self) -> Core:
        """What only the user agent knows of itself."""
        return self.endpoint._core._core

    def _server(self) -> Server:
        settings = load(environment={**USUAL, **self.story.settings})
        return Server(
            settings,
            clock=self.clock,
            tokens=SeededTokens(self.seed),
            open_engine=self._open_engine,
            open_socket=self._open_socket,
            open_streams=self._open_streams,
            open_records=lambda _: self.names,
            sink=self.sink,
        )

    def _open_engine(self, settings: Settings, tokens: TokenSource) -> Engine:
        capacity = settings.media.capacity
        engine = Engine(
            EngineSettings(capacity=capacity, host=SERVER[0], cpus=()), manual=True, tokens=tokens
        )
        self.engines.append(engine)
        return engine

    async def _open_socket(self, local: Address) -> VirtualSocket:
        await trio.lowlevel.checkpoint()
        return self.network.bind(local)

    async def _open_streams(self, settings: Settings, local: Address) -> Streams:
        await trio.lowlevel.checkpoint()
        dialler, limits = self.streams.dialler(local[0]), Limits()
        tcp = TcpTransport(dialler, limits), self.streams.listen(local)
        nobody = ssl.SSLContext(
            ssl.PROTOCOL_TLS_SERVER
        )  # without a certificate nobody gets further than hello
        tls = TlsTransport(dialler, limits, nobody, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        return Streams([tcp, (tls, self.streams.listen((local[0], TLS_PORT)))])

    # ---- telephones

    def phone(self, user: str = "anna", *, nat: bool = False, tcp: bool = False) -> Phone:
        """Another one, on a host of its own; `nat`: the network sees both its ports elsewhere.

        Where the path loses things it has talked with us before: a stranger's first call may fail there.
        """
        phone = self.stranger(user, nat=nat, tcp=tcp)
        if any(path.loss.mean for path in self.paths):
            self.core.prove(_host(phone))
        return phone

    def stranger(self, user: str = "anna", *, nat: bool = False, tcp: bool = False) -> Phone:
        """One who was never there: his address may be forged, so our answers are repeated less often."""
        number = len(self.phones) + 2
        host = f"127.0.0.{number}"
        outside = (f"127.0.9.{number}", NAT_PORT + 2 * number) if nat else None
        sound_outside = (outside[0], outside[1] + 1) if outside else None
        wire: Wire
        if tcp:
            wire = TcpWire(self.streams, self.tasks, (host, SIP_PORT), SERVER)
        else:
            wire = UdpWire(self.network, (host, SIP_PORT), outside)
        draws = random.Random(f"{self.story.name}/{self.seed}/{user}{number}")
        media = Media(self.agenda, self.network, (host, RTP_PORT), sound_outside, self.seed + number)
        self.phones.append(Phone(self.agenda, wire, SERVER, draws, media, user))
        return self.phones[-1]

    def known_phone(self, user: str = "anna") -> Phone:
        """It has talked with us before, whatever its path."""
        phone = self.phone(user)
        self.core.prove(_host(phone))
        return phone

    async def call(
        self, phone: Phone, *, body: bytes | None = None, account: Account | None = None, follow: bool = False
    ) -> SipCall:
        """A call of the server's own to that telephone."""
        host, port = phone.wire.inside
        return await self.endpoint.call(
            Uri.parse(f"sip:{phone.user}@{host}:{port}"),
            destination=(host, port),
            from_uri=Uri.parse(f"sip:house@{SERVER[0]}"),
            body=OUR_OFFER if body is None else body,
            account=account,
            follow=follow,
        )

    def part(self) -> None:
        """The story is told: nobody says anything more of his own accord, and nothing is lost on purpose."""
        for phone in self.phones:
            phone.media.stop()
            if isinstance(phone.wire, TcpWire):
                phone.wire.unplug()
        self.faults.losses.clear()

    # ---- time

    @property
    def now_s(self) -> float:
        return self.agenda.clock.now_ns() / NS_PER_S

    @property
    def soon_s(self) -> float:
        """One exchange of messages takes no longer than this on these paths."""
        losses = any(path.loss.mean or path.duplicate for path in self.paths)
        return 31.0 if losses else 2.0 + 8 * sum(path.delay_ms for path in self.paths) / 1_000

    def moment_s(self, longest_s: float) -> float:
        """Some time up to that, another one for every seed."""
        return self.draws.uniform(0.0, longest_s)

    async def until(self, condition: Callable[[], object], what: str, within_s: float | None = None) -> None:
        """Waits for it; Unmet when it does not come (in `soon_s`, unless told otherwise)."""
        within_s = self.soon_s if within_s is None else within_s
        began_s = self.now_s
        while not condition():
            waited_s = self.now_s - began_s
            if waited_s > within_s:
                raise Unmet(f"not within {within_s:g} s: {what}")
            await trio.sleep(min(max(LOOKS_AGAIN_S[0], waited_s / 20), LOOKS_AGAIN_S[1]))

    async def all_along(self, condition: Callable[[], object], what: str, for_s: float) -> None:
        """It holds all that time."""
        until_s = self.now_s + for_s
        while self.now_s < until_s:
            if not condition():
                raise Unmet(f"not for {for_s:g} s: {what}")
            await trio.sleep(LOOKS_AGAIN_S[1])

    # ---- the network

    def lose(self, what: str, times: int = 1, *, sender: Phone | None = None) -> None:
        """The next of these messages never arrive; `sender`: only that telephone's, else everybody's."""
        self.faults.losses.append(Loss(what, times, _host(sender)))

    def cut_off(self, phone: Phone) -> None:
        self.faults.cut_off.add(_host(phone))

    def reconnect(self, phone: Phone) -> None:
        self.faults.cut_off.discard(_host(phone))

    def mute(self, phone: Phone) -> None:
        """It hears everything, and nothing that it says arrives."""
        self.faults.mute.add(_host(phone))

    def last_said_s(self, what: str) -> float:
        """When the server last sent such a message."""
        said = [wired for wired in self.network.log if wired.source == SERVER and is_what(wired.data, what)]
        return said[-1].sent_ns / NS_PER_S

    # ---- what the server says of itself

    @property
    def stopped(self) -> bool:
        return self.server._stopped.is_set()

    def settled(self) -> bool:
        """Every 200 of ours to an INVITE was acknowledged."""
        return all(getattr(call, "_answer", None) is None for call in self.core.calls.values())

    @property
    def live(self) -> int:
        return self.server.statistics().live_calls

    def records(self) -> list[Mapping[str, object]]:
        """Of the calls that were taken."""
        every = [entry.record for entry in self.sink.records if entry.kind == "call"]
        return [record for record in every if record["ending"] != "refused"]

    def endings(self) -> list[str]:
        return [str(record["ending"]) for record in self.records()]

    def counts(self, what: str) -> dict[str, int]:
        return dict(self.server.statistics().counts.get(what, {}))


OUR_OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


def _host(phone: Phone | None) -> str:
    if phone is None:
        return ""
    return phone.wire.outside[0] if isinstance(phone.wire, UdpWire) else phone.wire.inside[0]
