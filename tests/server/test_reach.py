"""Trunks found by name: what is looked up for a host, what becomes of the answers, and calls that go there."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from mediasrv.config import TrunkSettings, load
from mediasrv.endpoints import CallGone, SipEndpoint
from mediasrv.endpoints.resolution import CannotResolve, Ipv4, Ipv6, Naptr, Resolver, Srv
from mediasrv.errors import ConfigError
from mediasrv.ids import SeededTokens
from mediasrv.server.network.reach import finder, host_kinds, host_uri, trunk_addresses
from mediasrv.sip import Hop, Uri, UserAgent
from tests.fakes.clock import TrioClock
from tests.fakes.datagrams import FakeNetwork
from tests.fakes.records import FakeRecords

ZONE: dict[str, list[Any]] = {
    "edge.example": [
        Naptr(10, 10, "s", "SIPS+D2T", "_sips._tcp.edge.example"),
        Naptr(20, 10, "s", "SIP+D2U", "_sip._udp.edge.example"),
        Ipv4("192.0.2.9"),
    ],
    "_sips._tcp.edge.example": [Srv(1, 1, 5061, "one.edge.example")],
    "_sip._udp.edge.example": [
        Srv(1, 1, 5060, "one.edge.example"),
        Srv(2, 1, 5060, "two.edge.example"),
    ],
    "one.edge.example": [Ipv4("192.0.2.1")],
    "two.edge.example": [Ipv4("192.0.2.2")],
}


def found_by(zone: dict[str, list[Any]] = ZONE) -> Resolver:
    return Resolver(FakeRecords(zone), TrioClock(), SeededTokens(1), hosts=(Ipv4,))


@pytest.mark.parametrize(
    ("host", "lookup", "transport", "uri"),
    [
        ("edge.example", "address", "udp", "sip:edge.example:5060;transport=udp"),
        ("edge.example", "address", "tls", "sip:edge.example:5061;transport=tls"),
        ("edge.example", "srv", "tcp", "sip:edge.example;transport=tcp"),
        ("edge.example", "naptr", "tcp", "sip:edge.example"),
        ("edge.example:5080", "naptr", "tcp", "sip:edge.example:5080;transport=tcp"),
        ("192.0.2.7", "naptr", "tls", "sip:192.0.2.7;transport=tls"),
        ("2001:db8::7", "srv", "udp", "sip:[2001:db8::7];transport=udp"),
        ("[2001:db8::7]:5070", "address", "udp", "sip:[2001:db8::7]:5070;transport=udp"),
    ],
)
def test_how_a_host_is_looked_up_is_said_by_the_form_of_a_uri(
    host: str, lookup: Any, transport: Any, uri: str
) -> None:
    assert str(host_uri(TrunkSettings(lookup=lookup, transports=(transport,)), host)) == uri


def test_a_host_that_is_none_is_found_at_the_start() -> None:
    with pytest.raises(ConfigError, match=r"trunks\.x: hosts: 'not a host'"):
        load(environment={"MEDIASRV_TRUNKS__X__HOSTS": "not a host"})


async def test_all_hosts_of_a_trunk_are_found_in_the_order_to_try_them() -> None:
    trunk = TrunkSettings(hosts=("edge.example", "192.0.2.50:5099"), lookup="srv")
    assert await trunk_addresses("x", trunk, found_by()) == [
        ("192.0.2.1", 5060),
        ("192.0.2.2", 5060),
        ("192.0.2.50", 5099),
    ]


async def test_the_dns_leads_to_no_transport_that_the_trunk_does_not_speak() -> None:
    udp = TrunkSettings(hosts=("edge.example",), lookup="naptr")
    assert await trunk_addresses("x", udp, found_by()) == [("192.0.2.1", 5060), ("192.0.2.2", 5060)]
    tls = TrunkSettings(hosts=("edge.example",), lookup="naptr", transports=("tls",))
    assert await trunk_addresses("x", tls, found_by()) == [Hop("192.0.2.1", 5061, "TLS", name="edge.example")]


async def test_a_host_that_cannot_be_found_leaves_the_others() -> None:
    trunk = TrunkSettings(hosts=("gone.example", "192.0.2.50"))
    assert await trunk_addresses("x", trunk, found_by()) == [("192.0.2.50", 5060)]
    with pytest.raises(CannotResolve, match=r"gone\.example"):
        await trunk_addresses("x", TrunkSettings(hosts=("gone.example",)), found_by())
    with pytest.raises(CannotResolve, match=r"trunks\.x\.hosts"):
        await trunk_addresses("x", TrunkSettings(), found_by())


def test_only_addresses_of_the_family_that_is_listened_on_can_be_reached() -> None:
    assert host_kinds("192.0.2.1") == (Ipv4,)
    assert host_kinds("0.0.0.0") == (Ipv4,)
    assert host_kinds("2001:db8::1") == (Ipv6,)
    assert host_kinds("::") == (Ipv4, Ipv6)


async def test_without_tls_of_our_own_nobody_is_called_over_it() -> None:
    search = finder(load(environment={}), FakeRecords(ZONE), TrioClock(), SeededTokens(1))
    assert {len(place) for place in await search.resolve(Uri.parse("sip:edge.example"))} == {2}  # UDP alone
    with pytest.raises(CannotResolve):
        await search.resolve(Uri.parse("sips:edge.example"))


async def test_a_call_to_a_name_goes_where_the_name_leads_and_the_next_one_elsewhere(autojump_clock) -> None:
    network, ours = FakeNetwork(), ("127.0.0.1", 5060)
    core = UserAgent(ours, SeededTokens(1))
    async with trio.open_nursery() as nursery:
        end = SipEndpoint(await network.open(ours), core, TrioClock(), finder=found_by())
        await nursery.start(end.run)
        for first in ("192.0.2.1", "192.0.2.2"):
            network.wire.clear()
            target, anna = Uri.parse("sip:1@edge.example;transport=udp"), Uri.parse("sip:anna@127.0.0.1")
            call = await end.call(target, from_uri=anna, body=b"v=0")
            with pytest.raises(CallGone):
                await call.wait_answered()  # nobody is there: 32 seconds
            assert {to[0] for _, to, _ in network.wire} == {first}
        nursery.cancel_scope.cancel()
