"""Which of our addresses a peer is told, in Via, Contact and SDP: one that it can reach.

    it is in one of `local_networks`    the one from which our packets go there
    an address is advertised            that, if it is of the peer's family
    one address is listened on          that
    all are (0.0.0.0, ::)               the one from which our packets go there

Where packets would go from, only the system's routes know: a UDP socket that is connected sends nothing, and has
learnt it. Routes change seldom and messages are many, so an answer is kept for a while.
"""

from __future__ import annotations

import ipaddress
import socket
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from mediasrv.clock import Clock

BELIEVED_S = 30.0
PEERS_MAX = 1_024
ANYWHERE = {4: "192.0.2.1", 6: "2001:db8::1"}  # somebody out there, who is nobody (RFC 5737, RFC 3849)
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
DISCARD = 9

Route = Callable[[str], str | None]


class Block(Protocol):
    def holds(self, host: str) -> bool: ...


def route_from(peer: str) -> str | None:
    """Our address that packets to that peer leave from; None: there is no way there."""
    family = socket.AF_INET6 if ipaddress.ip_address(peer).version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((peer, DISCARD))
            host: str = probe.getsockname()[0]
    except OSError:
        return None
    return host


class Hosts:
    """Of one listening address. `advertised` may change, when a STUN server says so."""

    def __init__(
        self,
        listening: str,
        clock: Clock,
        *,
        advertised: str = "",
        local_networks: Sequence[Block] = (),
        route: Route = route_from,
    ) -> None:
        self.listening, self.advertised = listening, advertised
        self._clock, self._local, self._route = clock, tuple(local_networks), route
        self._everywhere = ipaddress.ip_address(listening).is_unspecified
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()

    @property
    def usual(self) -> str:
        """What is told where the peer is not known yet."""
        if self.advertised or not self._everywhere:
            return self.advertised or self.listening
        version = ipaddress.ip_address(self.listening).version
        return self._routed(ANYWHERE[version]) or self._routed(ANYWHERE[4]) or LOOPBACK[version]

    def towards(self, peer: str) -> str:
        """What that peer, whose host is numeric, is told; empty: who it is, is not known yet."""
        if not peer:
            return self.usual
        local = any(block.holds(peer) for block in self._local)
        if not local and self.advertised and _version(self.advertised) == _version(peer):
            return self.advertised
        if not self._everywhere:
            return self.listening
        return self._routed(peer) or self.usual

    def _routed(self, peer: str) -> str | None:
        host, until = self._known.get(peer, ("", 0.0))
        if self._clock.now() >= until:
            host, until = self._route(peer) or "", self._clock.now() + BELIEVED_S
            self._known[peer] = host, until
            self._known.move_to_end(peer)
            if len(self._known) > PEERS_MAX:
                self._known.popitem(last=False)
        return host or None


def _version(host: str) -> int:
    return ipaddress.ip_address(host).version
