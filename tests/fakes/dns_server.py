"""An authoritative DNS server on loopback, UDP and TCP at one port, which can also misbehave as servers do."""

from __future__ import annotations

import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import trio

DATAGRAM_BYTES = 512  # RFC 1035 section 4.2.1


class DnsServer:
    """`zone`: lines of a zone file, by (name, type). `silent`, `failing`: names that get no answer, or SERVFAIL."""

    def __init__(self, zone: dict[tuple[str, str], list[str]], *, ttl_s: int = 60) -> None:
        self.zone, self.ttl_s = zone, ttl_s
        self.silent: set[str] = set()
        self.failing: set[str] = set()
        self.garbage: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.port = 0

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def answer(self, wire: bytes, *, stream: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        name = query.question[0].name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked["tcp" if stream else "udp"] += 1
        if name in self.silent:
            return None
        if name in self.garbage:
            return wire[:2] + b"\xff" * 40
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        if name in self.failing:
            response.set_rcode(dns.rcode.SERVFAIL)
            return response.to_wire()
        self._fill(response, name, kind)
        whole = response.to_wire(max_size=65_535)
        if stream or len(whole) <= DATAGRAM_BYTES:
            return whole
        cut = dns.message.make_response(query)
        cut.flags |= dns.flags.TC
        return cut.to_wire()

    def _fill(self, response: dns.message.Message, name: str, kind: str) -> None:
        """Aliases are followed within the zone, a circle of them once around."""
        seen: set[str] = set()
        known = any(owner == name for owner, _ in self.zone)
        while (alias := self.zone.get((name, "CNAME"))) and name not in seen:
            seen.add(name)
            response.answer.append(dns.rrset.from_text(name + ".", self.ttl_s, "IN", "CNAME", *alias))
            name = alias[0].rstrip(".")
        records = self.zone.get((name, kind))
        if records:
            response.answer.append(dns.rrset.from_text(name + ".", self.ttl_s, "IN", kind, *records))
        elif not known:
            response.set_rcode(dns.rcode.NXDOMAIN)
        if not records:
            start_of_authority = "ns.example. op.example. 1 3600 600 86400 30"
            response.authority.append(
                dns.rrset.from_text("example.", self.ttl_s, "IN", "SOA", start_of_authority)
            )

    async def datagrams(self, bound: trio.socket.SocketType) -> None:
        while True:
            wire, source = await bound.recvfrom(65_535)
            answer = self.answer(wire, stream=False)
            if answer is not None:
                await bound.sendto(answer, source)

    async def stream(self, stream: trio.SocketStream) -> None:
        async with stream:
            buffered = b""
            while chunk := await stream.receive_some():
                buffered += chunk
                if len(buffered) < 2 or len(buffered) < 2 + struct.unpack("!H", buffered[:2])[0]:
                    continue
                answer = self.answer(buffered[2:], stream=True)
                if answer is None:
                    await trio.sleep_forever()
                else:
                    await stream.send_all(struct.pack("!H", len(answer)) + answer)
                buffered = b""


async def at_one_port() -> tuple[trio.socket.SocketType, list[trio.SocketListener]]:
    """A port that is free for both: the system says which one is for datagrams, and another may be asked for."""
    while True:
        bound = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        await bound.bind(("127.0.0.1", 0))
        try:
            return bound, await trio.open_tcp_listeners(bound.getsockname()[1], host="127.0.0.1")
        except OSError:
            bound.close()


@asynccontextmanager
async def serving(server: DnsServer) -> AsyncIterator[DnsServer]:
    bound, listeners = await at_one_port()
    with bound:
        server.port = bound.getsockname()[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.datagrams, bound)
            await nursery.start(trio.serve_listeners, server.stream, listeners)
            yield server
            nursery.cancel_scope.cancel()
