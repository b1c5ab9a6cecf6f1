"""Where a message goes next, or came from: host, port, transport, and which connection.

A pair (host, port) is a datagram's, as a socket names it. Everything else is a `Hop`, which begins with the same two.
Its `connection` is a number that the shell gave to a stream; 0 is "any that leads there, else a new one". A response
goes back over the connection its request came by, and if that is gone, to the port that the Via announced (RFC 3261
section 18.2.2): so the Hop of a response has the old connection *and* the announced port, and the shell needs no more
to do as the RFC says. The same holds for requests inside a dialog: behind a NAT, and from a browser, there is no
other way back than the connection that the peer opened.

Transports are named as in a Via: UDP, TCP, TLS, WS, WSS. Which of them a message takes shows in it at two places, Via
and Contact. Both are written for UDP where the message is made, and put right here, once it is known where it goes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from mediasrv.sip.grammar.fields import Via
from mediasrv.sip.grammar.headers import Headers, key_of
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.grammar.uri import DEFAULT_PORT, Uri, bracketed

DEFAULT_PORTS = {"TLS": 5061, "WS": 80, "WSS": 443}  # section 19.1.2; RFC 7118 section 5.2.3
SECURE = frozenset(("TLS", "WSS"))
WEBSOCKETS = frozenset(("WS", "WSS"))  # RFC 7118: a browser cannot be connected to
DATAGRAM_BYTES_MAX = (
    1_300  # section 18.1.1: above it, a request takes a transport that is congestion-controlled
)


class Hop(NamedTuple):
    """Where a message goes or came from, when it is not simply a datagram's (host, port)."""

    host: str
    port: int
    transport: str = "UDP"
    connection: int = 0
    name: str = ""  # the domain that led there: what a certificate must say (RFC 5922 section 4)


Address = tuple[str, int] | Hop
HostTowards = Callable[[str], str]


def transport_of(address: Address) -> str:
    return address.transport if isinstance(address, Hop) else "UDP"


def is_reliable(address: Address) -> bool:
    """What is sent there arrives or fails: nothing is repeated (section 17)."""
    return transport_of(address) != "UDP"


def reply_hop(via: Via | None, source: Address) -> Address:
    """Section 18.2.2. Always the host that the request came from: `maddr` and `received` of a stranger mean nothing."""
    if isinstance(source, Hop):
        announced = via.port if via else None
        return source._replace(port=announced or DEFAULT_PORTS.get(source.transport, DEFAULT_PORT))
    port = source[1] if via is None else via.reply_port(source[1])
    return source[0], port or source[1]


def is_numeric(host: str) -> bool:
    """Whether a URI's host is an address already."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def hop_of(uri: Uri) -> Address | None:
    """The place that a URI names, when it is one that a single peer can have; names are for the shell to resolve."""
    host = uri.host.strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if address.is_multicast or address.is_unspecified or host == "255.255.255.255":
        return None
    transport = transport_named(uri)
    port = uri.port or DEFAULT_PORTS.get(transport, DEFAULT_PORT)
    return (host, port) if transport == "UDP" else Hop(host, port, transport)


def transport_named(uri: Uri) -> str:
    """Section 26.2.2: over sips, `tcp` means TLS over it. What we do not speak is left to UDP."""
    named = (uri.parameter("transport") or "").upper()
    if uri.scheme == "sips":
        return "WSS" if named in WEBSOCKETS else "TLS"
    return named if named in ("TCP", "TLS", "WS", "WSS") else "UDP"


class Locals:
    """Our own addresses, one for each transport we listen on; the datagram's stands for those we only call over.

    `host_towards`: which host of ours a peer can reach, where that is not the same for all."""

    def __init__(
        self,
        datagram: tuple[str, int],
        streams: Mapping[str, tuple[str, int]],
        host_towards: HostTowards | None = None,
    ) -> None:
        self._sent_by = {
            transport: (bracketed(host.lower()), port)
            for transport, (host, port) in {"UDP": datagram, **streams}.items()
        }
        self._host_towards = host_towards
        self._names = set(self._sent_by.values())  # all that have been told, to know our own Via again
        self.contact = self._contact("UDP")

    def listens(self, transport: str) -> bool:
        return transport in self._sent_by

    def sent_by(self, transport: str, to: Address | None = None) -> tuple[str, int]:
        usual = self._sent_by.get(transport, self._sent_by["UDP"])
        if self._host_towards is None or to is None or not is_numeric(to[0]):
            return usual
        told = bracketed(self._host_towards(to[0]).lower()), usual[1]
        self._names.add(told)
        return told

    def is_ours(self, via: Via) -> bool:
        return via.sent_by in self._names

    def addressed(self, request: Request, to: Address) -> Request:
        """The request as it leaves for there."""
        transport = transport_of(to)
        if transport == "UDP" and self._host_towards is None:
            return request
        host, port = self.sent_by(transport, to)
        if transport == "UDP" and (host, port) == self._sent_by["UDP"]:
            return request
        via = replace(request.via, transport=transport, host=host, port=port)
        lines = self.contacted(tuple(request.headers), to, secure=request.uri.scheme == "sips")
        top = next(index for index, (name, _) in enumerate(lines) if key_of(name) == "via")
        lines = (*lines[:top], ("Via", str(via)), *lines[top + 1 :])
        return replace(request, headers=Headers(lines))

    def contact_towards(self, to: Address, user: str = "") -> str:
        """Our Contact as a request for there carries it; `user`, escaped: who of us is meant."""
        contact = self._contact(transport_of(to), to=to)
        return contact.replace(":", f":{user}@", 1) if user else contact

    def contacted(
        self, lines: tuple[tuple[str, str], ...], peer: Address, *, secure: bool = False
    ) -> tuple[tuple[str, str], ...]:
        """Those header lines, with our Contact as that peer can reach it (8.1.1.8: with sips where sips was asked)."""
        transport = transport_of(peer)
        if transport == "UDP" and self._host_towards is None:
            return lines
        ours = self._contact(transport, "sips" if secure and transport in SECURE else "sip", peer)
        return tuple(
            (name, ours + value[len(self.contact) :])
            if name == "Contact" and value.startswith(self.contact)
            else (name, value)
            for name, value in lines
        )

    def _contact(self, transport: str, scheme: str = "sip", to: Address | None = None) -> str:
        host, port = self.sent_by(transport, to)
        if transport == "UDP" or (scheme == "sips" and transport == "TLS"):
            return f"<{scheme}:{host}:{port}>"
        named = (
            "ws" if transport in WEBSOCKETS else transport.lower()
        )  # RFC 7118 section 5.2.4: wss is not named
        return f"<{scheme}:{host}:{port};transport={named}>"
