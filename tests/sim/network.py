"""Virtual UDP: hosts, ports, sockets and the links between hosts, in virtual time.

A datagram costs no task: it is a moment in the agenda, and its delivery a function call. Only a socket that
a task reads (the server's SIP) wakes anybody. Whatever crosses the network is written on the *wire log* as
it was sent, with the moments it arrived; that log is the outside view which the invariants hold against what
the server says of itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple
from zlib import crc32

import trio

from mediasrv.bench.netem import PROFILES, Link, LinkStatistics, Profile
from mediasrv.clock import NS_PER_S
from tests.sim.deterministic import Agenda

Address = tuple[str, int]
Handler = Callable[[bytes, Address, Address], None]  # data, source, to
Mailbox = Callable[[int, bytes, Address, Address], None]  # when it will arrive, data, source, to
Censor = Callable[[bytes, Address, Address], bool]  # true: this datagram shall get lost

SOCKET_BACKLOG = 512  # datagrams; like a kernel's buffer, a full one drops what comes
EPHEMERAL_PORT = 40_000


class Wired(NamedTuple):
    """One datagram as it was sent; `arrives_ns` is empty when it was lost."""

    sent_ns: int
    source: Address
    to: Address
    data: bytes
    arrives_ns: tuple[int, ...]


class Network:
    """Every host hears every other; between two hosts lies one link in each direction."""

    def __init__(
        self,
        agenda: Agenda,
        seed: int,
        *,
        profile: Profile = PROFILES["clean"],
        profiles: Mapping[tuple[str, str], Profile] | None = None,
    ) -> None:
        self.agenda = agenda
        self.log: list[Wired] = []
        self.unreachable = 0
        self.censor: Censor | None = None
        self._seed = seed
        self._profile, self._profiles = profile, dict(profiles or {})
        self._links: dict[tuple[str, str], Link] = {}
        self._ports: dict[Address, Handler] = {}
        self._mailboxes: dict[str, Mailbox] = {}

    def attach(self, address: Address, handler: Handler) -> None:
        if address in self._ports:
            raise OSError(98, f"Address already in use: {address}")
        self._ports[address] = handler

    def attach_mailbox(self, host: str, mailbox: Mailbox) -> None:
        """`mailbox` gets what is sent to `host` at a port that nobody holds, at once: to hear it then is its affair."""
        self._mailboxes[host] = mailbox

    def detach(self, address: Address) -> None:
        self._ports.pop(address, None)

    @property
    def open_ports(self) -> list[Address]:
        return sorted(self._ports)

    def bind(self, address: Address) -> VirtualSocket:
        """A socket at `address`; port 0 takes a free one."""
        host, port = address
        if port == 0:
            port = next(p for p in range(EPHEMERAL_PORT, 65_536) if (host, p) not in self._ports)
        return VirtualSocket(self, (host, port))

    def send(self, data: bytes, source: Address, to: Address) -> None:
        now_ns = self.agenda.clock.now_ns()
        if self.censor is not None and self.censor(data, source, to):
            self.log.append(Wired(now_ns, source, to, data, ()))
            return
        arrivals = self._link(source[0], to[0]).send(data, now_ns / NS_PER_S)
        arrives_ns = tuple(round(at * NS_PER_S) for at, _ in arrivals)
        self.log.append(Wired(now_ns, source, to, data, arrives_ns))
        mailbox = None if to in self._ports else self._mailboxes.get(to[0])
        for at_ns in arrives_ns:
            if mailbox is not None:
                mailbox(at_ns, data, source, to)
            else:
                self.agenda.at(at_ns, partial(self._deliver, data, source, to))

    def statistics(self) -> dict[tuple[str, str], LinkStatistics]:
        return {ends: link.statistics for ends, link in self._links.items()}

    def _deliver(self, data: bytes, source: Address, to: Address) -> None:
        handler = self._ports.get(to)
        if handler is None:
            self.unreachable += 1
        else:
            handler(data, source, to)

    def _link(self, source: str, to: str) -> Link:
        link = self._links.get((source, to))
        if link is None:
            profile = self._profiles.get((source, to), self._profile)
            link = Link(profile, crc32(f"{self._seed}/{source}>{to}".encode()))
            self._links[source, to] = link
        return link


class VirtualSocket:
    """A bound UDP socket of the virtual network, for a task that reads it."""

    def __init__(self, network: Network, local: Address) -> None:
        self.local = local
        self.overflowed = 0
        self._network = network
        self._received: deque[tuple[bytes, Address]] = deque()
        self._readers = trio.lowlevel.ParkingLot()
        self._closed = False
        network.attach(local, self._on_datagram)

    async def receive(self) -> tuple[bytes, Address]:
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._received:
            if self._closed:
                raise trio.ClosedResourceError
            await self._readers.park()
        return self._received.popleft()

    def receive_nowait(self) -> tuple[bytes, Address] | None:
        return self._received.popleft() if self._received else None

    def send(self, data: bytes, to: Address) -> None:
        if self._closed:
            raise trio.ClosedResourceError
        self._network.send(data, self.local, to)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._network.detach(self.local)
            self._readers.unpark_all()

    def _on_datagram(self, data: bytes, source: Address, to: Address) -> None:
        if len(self._received) >= SOCKET_BACKLOG:
            self.overflowed += 1
            return
        self._received.append((data, source))
        self._readers.unpark()
