"""Questions over real sockets to a DNS server on loopback, good and bad."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from mediasrv.bench.instruments import server_process
from mediasrv.clock import SystemClock
from mediasrv.endpoints import open_datagram_socket
from mediasrv.endpoints.resolution import (
    CachedRecords,
    CannotLookUp,
    DnsRecords,
    Ipv4,
    Ipv6,
    Naptr,
    Resolver,
    Srv,
)
from mediasrv.endpoints.resolution.cache import TTL_MOST_S
from mediasrv.endpoints.resolution.questions import RECORDS_MAX
from mediasrv.ids import SeededTokens
from mediasrv.sip import Hop, Uri
from tests.fakes.dns_server import DnsServer, serving
from tests.interop.patience import PATIENCE_S

pytestmark = pytest.mark.interop

ZONE = {
    ("carrier.example", "NAPTR"): [
        '10 10 "s" "SIP+D2T" "" _sip._tcp.carrier.example.',
        '20 10 "s" "SIP+D2U" "" _sip._udp.carrier.example.',
    ],
    ("_sip._tcp.carrier.example", "SRV"): ["10 5 5070 a.carrier.example."],
    ("_sip._udp.carrier.example", "SRV"): ["10 5 5060 b.carrier.example."],
    ("a.carrier.example", "A"): ["192.0.2.1"],
    ("a.carrier.example", "AAAA"): ["2001:db8::1"],
    ("b.carrier.example", "CNAME"): ["c.carrier.example."],
    ("c.carrier.example", "A"): ["192.0.2.3"],
    ("circle.example", "CNAME"): ["round.example."],
    ("round.example", "CNAME"): ["circle.example."],
    ("big.example", "A"): [f"192.0.{n // 250}.{n % 250}" for n in range(1_000)],
    ("absent.example", "SRV"): ["0 0 0 ."],
}


def patient(server: DnsServer) -> DnsRecords:
    return DnsRecords([server.address], question_s=20.0, server_s=10.0)


def quick(server: DnsServer) -> DnsRecords:
    """Whoever does not answer on loopback within a moment never will."""
    return DnsRecords([server.address], question_s=0.3, server_s=0.1)


async def test_a_domain_is_resolved_over_the_wire() -> None:
    async with serving(DnsServer(ZONE)) as server:
        records = CachedRecords(patient(server), SystemClock())
        found = await Resolver(records, SystemClock(), SeededTokens(1)).resolve(
            Uri.parse("sip:carrier.example")
        )
        name = "carrier.example"
        assert found == [
            Hop("192.0.2.1", 5070, "TCP", name=name),
            Hop("2001:db8::1", 5070, "TCP", name=name),
            ("192.0.2.3", 5060),
        ]


async def test_every_kind_of_record_is_read() -> None:
    async with serving(DnsServer(ZONE)) as server:
        dns = patient(server)
        naptr = (await dns.look_up("carrier.example", Naptr)).records
        assert Naptr(10, 10, "s", "SIP+D2T", "_sip._tcp.carrier.example") in naptr  # in no order
        srv = await dns.look_up("_sip._tcp.carrier.example", Srv)
        assert (srv.records, srv.ttl_s) == ((Srv(10, 5, 5070, "a.carrier.example"),), 60)
        assert (await dns.look_up("absent.example", Srv)).records == (Srv(0, 0, 0, ""),)
        assert (await dns.look_up("a.carrier.example", Ipv6)).records == (Ipv6("2001:db8::1"),)


async def test_what_is_not_there_is_no_fault_and_believed_as_long_as_the_zone_says() -> None:
    async with serving(DnsServer(ZONE)) as server:
        dns = patient(server)
        for name in ("nobody.example", "carrier.example"):  # no such name; no such record
            answer = await dns.look_up(name, Ipv4)
            assert (answer.records, answer.ttl_s) == ((), 30)


async def test_an_answer_that_was_cut_short_is_asked_for_again_over_tcp_and_kept_small() -> None:
    async with serving(DnsServer(ZONE)) as server:
        assert len((await patient(server).look_up("big.example", Ipv4)).records) == RECORDS_MAX
        assert server.asked["tcp"] == 1


@pytest.mark.parametrize("trouble", ["silent", "failing", "garbage"])
async def test_a_server_in_trouble_is_no_answer(trouble: str) -> None:
    async with serving(DnsServer(ZONE)) as server:
        getattr(server, trouble).add("a.carrier.example")
        with pytest.raises(CannotLookUp):
            await quick(server).look_up("a.carrier.example", Ipv4)


async def test_aliases_that_turn_in_a_circle_are_no_answer() -> None:
    async with serving(DnsServer(ZONE)) as server:
        with pytest.raises(CannotLookUp):
            await quick(server).look_up("circle.example", Ipv4)


async def test_a_second_server_is_asked_when_the_first_is_silent() -> None:
    async with serving(DnsServer(ZONE)) as mute, serving(DnsServer(ZONE)) as well:
        mute.silent.add("a.carrier.example")
        dns = DnsRecords([mute.address, well.address], question_s=20.0, server_s=0.5)
        assert (await dns.look_up("a.carrier.example", Ipv4)).records == (Ipv4("192.0.2.1"),)


async def test_nobody_at_the_servers_address_is_no_answer() -> None:
    async with serving(DnsServer(ZONE)) as server:
        gone = server.address
    with pytest.raises(CannotLookUp):
        await DnsRecords([gone], question_s=0.3, server_s=0.1).look_up("a.carrier.example", Ipv4)


async def test_an_answer_for_a_century_is_cached_for_an_hour() -> None:
    async with serving(DnsServer(ZONE, ttl_s=2**31 - 1)) as server:
        answer = await patient(server).look_up("a.carrier.example", Ipv4)
        assert answer.ttl_s > TTL_MOST_S  # what the cache makes of it: tests/endpoints/test_dns_cache.py


async def test_a_name_that_is_no_name_is_no_answer() -> None:
    async with serving(DnsServer(ZONE)) as server:
        for name in ("a" * 64 + ".example", "..", "a..example"):
            with pytest.raises(CannotLookUp):
                await quick(server).look_up(name, Ipv4)


async def test_a_server_finds_its_trunk_by_the_name_servers_that_it_was_given(tmp_path: Path) -> None:
    trunk = await open_datagram_socket(("127.0.0.1", 0))
    zone = {
        ("_sip._udp.edge.example", "SRV"): [f"1 1 {trunk.local[1]} host.edge.example."],
        ("host.edge.example", "A"): ["127.0.0.1"],
    }
    async with serving(DnsServer(zone)) as server:
        file = tmp_path / "names.toml"
        file.write_text(
            f'[sip]\nnameservers = ["127.0.0.1:{server.port}"]\n'
            '[trunks.edge]\nhosts = ["edge.example"]\nlookup = "srv"\nkeep_alive_s = 0.2\n'
        )
        async with server_process.serving(tmp_path, ["--config", str(file)]) as process:
            with trio.fail_after(PATIENCE_S):
                question, source = await trunk.receive()
                assert question.startswith(b"OPTIONS sip:edge.example ")
                assert source == process.sip
    trunk.close()
