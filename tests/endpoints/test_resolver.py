"""Finding peers by name, in virtual time, with a DNS that is a dictionary."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from mediasrv.endpoints.resolution import (
    CachedRecords,
    CannotResolve,
    Ipv4,
    Ipv6,
    Naptr,
    NumericOnly,
    Resolver,
    Srv,
)
from mediasrv.endpoints.resolution.resolver import ADDRESSES_MAX, RESOLVE_S
from mediasrv.ids import SeededTokens
from mediasrv.sip import Address, Hop, Uri
from tests.fakes.clock import TrioClock
from tests.fakes.records import FakeRecords

CARRIER: dict[str, list[Any]] = {
    "carrier.example": [
        Naptr(10, 10, "S", "SIP+D2T", "_sip._tcp.carrier.example"),
        Naptr(20, 10, "S", "SIP+D2U", "_sip._udp.carrier.example"),
        Ipv4("192.0.2.99"),
    ],
    "_sip._tcp.carrier.example": [Srv(10, 0, 5070, "a.carrier.example")],
    "_sip._udp.carrier.example": [
        Srv(10, 0, 5060, "a.carrier.example"),
        Srv(20, 0, 5080, "b.carrier.example"),
    ],
    "a.carrier.example": [Ipv4("192.0.2.1"), Ipv6("2001:db8::1")],
    "b.carrier.example": [Ipv4("192.0.2.2")],
}


def resolver(records: FakeRecords, **how: Any) -> Resolver:
    return Resolver(CachedRecords(records, TrioClock()), TrioClock(), SeededTokens(1), **how)


async def found(uri: str, zone: dict[str, list[Any]] = CARRIER, **how: Any) -> list[Address]:
    return list(await resolver(FakeRecords(zone), **how).resolve(Uri.parse(uri)))


async def test_a_bare_name_is_led_by_naptr_to_srv_to_addresses() -> None:
    tcp = {"transport": "TCP", "name": "carrier.example"}
    assert await found("sip:100@carrier.example") == [
        Hop("192.0.2.1", 5070, **tcp),
        Hop("2001:db8::1", 5070, **tcp),
        ("192.0.2.1", 5060),
        ("2001:db8::1", 5060),
        ("192.0.2.2", 5080),
    ]


async def test_a_name_with_a_port_is_asked_for_its_addresses_only() -> None:
    records = FakeRecords(CARRIER)
    assert await resolver(records).resolve(Uri.parse("sip:carrier.example:5555")) == [("192.0.2.99", 5555)]
    assert sorted(records.asked) == [("carrier.example", "Ipv4"), ("carrier.example", "Ipv6")]


async def test_a_name_with_a_transport_is_asked_for_that_service() -> None:
    records = FakeRecords(CARRIER)
    await resolver(records).resolve(Uri.parse("sip:carrier.example;transport=udp"))
    assert records.asked[0] == ("_sip._udp.carrier.example", "Srv")
    assert ("carrier.example", "Naptr") not in records.asked


async def test_a_name_without_services_has_addresses_at_the_usual_port() -> None:
    zone = {"plain.example": [Ipv4("192.0.2.7")]}
    assert await found("sip:plain.example", zone) == [("192.0.2.7", 5060)]
    assert await found("sips:plain.example", zone) == [Hop("192.0.2.7", 5061, "TLS", name="plain.example")]
    tcp = Hop("192.0.2.7", 5060, "TCP", name="plain.example")
    assert await found("sip:plain.example;transport=tcp", zone) == [tcp]


async def test_only_addresses_that_we_can_send_to_are_asked_for() -> None:
    assert await found("sip:a.carrier.example:5060", hosts=(Ipv6,)) == [("2001:db8::1", 5060)]


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("sip:192.0.2.5", ("192.0.2.5", 5060)),
        ("sip:[2001:db8::5]:5070", ("2001:db8::5", 5070)),
        ("sips:192.0.2.5", Hop("192.0.2.5", 5061, "TLS")),
    ],
)
async def test_numbers_are_asked_of_nobody(uri: str, place: Address) -> None:
    records = FakeRecords()
    assert list(await resolver(records).resolve(Uri.parse(uri))) == [place]
    assert list(await NumericOnly().resolve(Uri.parse(uri))) == [place]
    assert records.asked == []


@pytest.mark.parametrize(
    "uri",
    [
        "sip:255.255.255.255",
        "sip:0.0.0.0",
        "sip:224.0.0.1",
        "tel:+441234",
        "sip:carrier.example;transport=ws",
        "sip:nobody.example",
        "sip:" + "a" * 254,
    ],
)
async def test_what_nothing_leads_to_is_told(uri: str) -> None:
    with pytest.raises(CannotResolve):
        await found(uri)


async def test_a_service_that_the_domain_denies_is_not_looked_for_elsewhere() -> None:
    zone = {"_sip._udp.no.example": [Srv(0, 0, 0, "")], "no.example": [Ipv4("192.0.2.7")]}
    with pytest.raises(CannotResolve):
        await found("sip:no.example", zone)


@pytest.mark.parametrize("host", ["127.0.0.256", "0.0.0.0", "255.255.255.255", "239.1.2.3", "not an address"])
async def test_addresses_that_no_single_host_can_have_are_left_out(host: str) -> None:
    zone = {"lies.example": [Ipv4(host), Ipv4("192.0.2.7")]}
    assert await found("sip:lies.example:5060", zone) == [("192.0.2.7", 5060)]


async def test_a_domain_of_a_thousand_hosts_costs_no_more_than_one_of_a_few() -> None:
    records = FakeRecords({f"h{n}.example": [Ipv4(f"192.0.2.{n % 250}")] for n in range(1_000)})
    records.zone["_sip._udp.big.example"] = [Srv(1, 1, 5060 + n, f"h{n}.example") for n in range(1_000)]
    assert len(await resolver(records).resolve(Uri.parse("sip:big.example"))) <= ADDRESSES_MAX
    assert len(records.asked) < 50


async def test_where_one_kind_of_record_cannot_be_looked_up_the_next_is_asked_for() -> None:
    records = FakeRecords(CARRIER)
    records.fails = {("carrier.example", "Naptr"), ("_sip._udp.carrier.example", "Srv")}
    found = await resolver(records, spoken=("UDP",)).resolve(Uri.parse("sip:carrier.example"))
    assert found == [("192.0.2.99", 5060)]


async def test_a_dns_that_fails_is_told_from_a_name_that_does_not_exist() -> None:
    records = FakeRecords()
    records.fails = {("gone.example", "Ipv4")}
    with pytest.raises(CannotResolve, match="as told"):
        await resolver(records).resolve(Uri.parse("sip:gone.example:5060"))


async def test_a_dns_that_never_answers_costs_a_caller_a_bounded_while(autojump_clock) -> None:
    records = FakeRecords(CARRIER)
    records.delay_s = {(name, kind): 1e6 for name in CARRIER for kind in ("Naptr", "Srv", "Ipv4", "Ipv6")}
    began = trio.current_time()
    with pytest.raises(CannotResolve, match="too long"):
        await resolver(records).resolve(Uri.parse("sip:carrier.example"))
    assert trio.current_time() - began == RESOLVE_S


async def test_what_is_known_when_time_is_up_is_what_there_is(autojump_clock) -> None:
    records = FakeRecords(CARRIER)
    records.delay_s = {("b.carrier.example", "Ipv4"): 1e6}
    found = await resolver(records, hosts=(Ipv4,)).resolve(Uri.parse("sip:carrier.example;transport=udp"))
    assert found == [("192.0.2.1", 5060)]


async def test_who_did_not_answer_comes_last_for_a_while(autojump_clock) -> None:
    search = resolver(FakeRecords(CARRIER), hosts=(Ipv4,), spoken=("UDP",))
    uri = Uri.parse("sip:carrier.example")
    main, backup = await search.resolve(uri)
    search.failed(main)
    assert list(await search.resolve(uri)) == [backup, main]
    await trio.sleep(61)
    assert list(await search.resolve(uri)) == [main, backup]
    search.failed(main)
    search.answered(main)
    assert list(await search.resolve(uri)) == [main, backup]


async def test_a_transport_failing_at_a_host_says_nothing_about_the_others(autojump_clock) -> None:
    search = resolver(FakeRecords(CARRIER), hosts=(Ipv4,))
    uri = Uri.parse("sip:carrier.example")
    tcp, main, backup = await search.resolve(uri)
    search.failed(tcp)
    assert list(await search.resolve(uri)) == [main, backup, tcp]
