"""Where a trunk's hosts are, for who has no DNS."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import trio

from mediasrv.config import TrunkSettings
from mediasrv.config.trunk import host_and_port
from mediasrv.errors import RemoteError
from mediasrv.sip import Address, Hop
from mediasrv.sip.grammar.uri import DEFAULT_PORT
from mediasrv.sip.hop import DEFAULT_PORTS


class NotFound(RemoteError):
    """No host of the trunk is anywhere."""


async def numeric_hosts(name: str, trunk: TrunkSettings) -> Sequence[Address]:
    """The Find of who has no DNS: addresses only."""
    await trio.lowlevel.checkpoint()
    transport = trunk.transports[0].upper()
    usual = DEFAULT_PORTS.get(transport, DEFAULT_PORT)
    places = [(host, port or usual) for host, port in map(host_and_port, trunk.hosts) if _is_address(host)]
    if not places:
        raise NotFound(f"trunks.{name}.hosts: none is an address, and there is nobody to ask for names")
    return places if transport == "UDP" else [Hop(*place, transport) for place in places]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
