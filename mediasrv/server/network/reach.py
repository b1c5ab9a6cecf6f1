"""Where trunks are to be found: from the hosts that the operator wrote to addresses, the best first.

How a carrier wants to be looked up (`lookup`) is said to the resolver in its own language, the form of a URI:

    address    sip:host:5060;transport=udp    addresses of the name
    srv        sip:host;transport=udp         SRV for the preferred transport, else addresses
    naptr      sip:host                       NAPTR says the transport, else SRV, else addresses

A port that the operator has written leaves nothing to be looked up but addresses, whatever `lookup` says.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from mediasrv.clock import Clock
from mediasrv.config import Settings, TrunkSettings
from mediasrv.endpoints.resolution import (
    CachedRecords,
    CannotResolve,
    DnsRecords,
    Finder,
    HostKind,
    Ipv4,
    Ipv6,
    NumericOnly,
    Records,
    Resolver,
)
from mediasrv.ids import TokenSource
from mediasrv.sip import Address, Uri
from mediasrv.sip.grammar.uri import DEFAULT_PORT, bracketed
from mediasrv.sip.hop import DEFAULT_PORTS, is_numeric, transport_of

RecordsFactory = Callable[[Settings], Records | None]

_log = logging.getLogger(__name__)


def no_records(settings: Settings) -> Records | None:
    """Addresses only."""
    return None


def dns_records(settings: Settings) -> Records | None:
    return DnsRecords([server.address for server in settings.sip.nameservers])


def finder(settings: Settings, records: Records | None, clock: Clock, tokens: TokenSource) -> Finder:
    if records is None:
        return NumericOnly()
    sip = settings.sip
    spoken = ("UDP", *(("TCP",) if sip.tcp else ()), *(("TLS",) if sip.tls_port else ()))
    hosts = host_kinds(sip.listen.host)
    return Resolver(CachedRecords(records, clock), clock, tokens, spoken=spoken, hosts=hosts)


def host_kinds(listening: str) -> tuple[HostKind, ...]:
    """Which addresses can be sent to from there: who listens on `::` has both."""
    address = ipaddress.ip_address(listening)
    if address.version == 4:
        return (Ipv4,)
    return (Ipv4, Ipv6) if address.is_unspecified else (Ipv6,)


def host_uri(trunk: TrunkSettings, host: str) -> Uri:
    """What is looked up for one of a trunk's `hosts`. Raises Malformed."""
    transport = trunk.transports[0]
    uri = replace(Uri.parse(f"sip:{bracketed(host)}"), user="", parameters=(), headers="")
    if uri.port is None and trunk.lookup == "naptr" and not is_numeric(uri.host):
        return uri
    uri = replace(uri, parameters=(("transport", transport),))
    if uri.port is None and trunk.lookup == "address":
        return replace(uri, port=DEFAULT_PORTS.get(transport.upper(), DEFAULT_PORT))
    return uri


async def trunk_addresses(name: str, trunk: TrunkSettings, finder: Finder) -> Sequence[Address]:
    """All places where a trunk takes calls, in the order to try them; raises CannotResolve when there are none.

    A host that cannot be found now is left out: the next one may be."""
    found: list[Address] = []
    problem = f"trunks.{name}.hosts: empty"
    for host in trunk.hosts:
        try:
            addresses = await finder.resolve(host_uri(trunk, host))
        except CannotResolve as error:
            problem = str(error)
            _log.warning("a trunk's host cannot be found", extra={"trunk": name, "why": problem})
            continue
        found += [each for each in addresses if transport_of(each).lower() in trunk.transports]
        problem = f"{host}: none of its transports is spoken here"
    if not found:
        raise CannotResolve(problem)
    return list(dict.fromkeys(found))
