"""Certificates of callers' networks: fetched from public places, and from nowhere that a stranger may want asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.config import load
from mediasrv.errors import ConfigError
from mediasrv.sdp import offer
from mediasrv.server import wiring
from mediasrv.server.network.certificates import CannotFetch, CertificateFetch, PublicNet, is_public
from mediasrv.sip import Uri
from mediasrv.sip.stir import Finding
from mediasrv.sip.stir.chain import CHAIN_BYTES
from mediasrv.telemetry import Counters
from tests.fakes.providers import Exchange, FakeNet, HttpServer
from tests.server.house import HOUSE, running
from tests.server.test_vouching import Today
from tests.sip.stir.authority import CHAIN, ROOT, claims, identity, invite

PLACE = "https://cert.example/provider.pem"
PUBLIC = "93.184.216.34"


@asynccontextmanager
async def published(handler) -> AsyncIterator[tuple[CertificateFetch, FakeNet, HttpServer]]:
    """A server at a public address, found by any name."""
    server = HttpServer(handler)

    async def look_up(host: str, port: int) -> Sequence[str]:
        return [PUBLIC]

    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        net.stand(PUBLIC, server.serve)
        yield CertificateFetch(PublicNet(net, look_up)), net, server
        nursery.cancel_scope.cancel()


async def serve_chain(exchange: Exchange) -> None:
    await exchange.answer(200, CHAIN)


async def test_a_chain_is_fetched_by_the_name_that_its_certificate_must_bear(autojump_clock) -> None:
    async with published(serve_chain) as (fetch, net, server):
        assert await fetch(PLACE) == CHAIN
        assert (net.connections, net.secured) == ([(PUBLIC, 443)], ["cert.example"])
        assert [(request.method, request.target) for request in server.requests] == [("GET", "/provider.pem")]
        assert net.open == 0, "nothing is kept open for a day"


@pytest.mark.parametrize(
    "place",
    [
        "http://cert.example/a.pem",
        "https://cert.example:22/a.pem",
        "https://cert.example:65536/a.pem",
        "https://cert.example:x/a.pem",
        "https://user:secret@cert.example/a.pem",
        "https:///a.pem",
        "https://[::1/a.pem",
        "file:///etc/passwd",
        "gopher://cert.example/",
        "",
    ],
)
async def test_a_place_where_no_certificate_lies_is_not_asked(autojump_clock, place: str) -> None:
    async with published(serve_chain) as (fetch, net, _):
        with pytest.raises(CannotFetch):
            await fetch(place)
        assert net.connections == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.7", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1",
     "::ffff:10.0.0.7", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "2002:5db8:d822::1", "::ffff:93.184.216.34",
     "2001:0:1::1",
     "no address"],
)  # fmt: skip
async def test_our_own_network_is_not_asked_whatever_name_leads_there(autojump_clock, address: str) -> None:
    assert not is_public(address)

    async def look_up(host: str, port: int) -> Sequence[str]:
        return [address]

    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        net.stand(address, HttpServer(serve_chain).serve)
        with pytest.raises(CannotFetch, match="no public address"):
            await CertificateFetch(PublicNet(net, look_up))(PLACE)
        assert net.connections == []


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:220:1::1"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


async def test_a_redirection_is_not_followed(autojump_clock) -> None:
    async def elsewhere(exchange: Exchange) -> None:
        await exchange.answer(302, b"", {"Location": "https://169.254.169.254/latest"})

    async with published(elsewhere) as (fetch, net, server):
        with pytest.raises(CannotFetch, match="302"):
            await fetch(PLACE)
        assert (len(net.connections), len(server.requests)) == (1, 1)


async def test_what_is_longer_than_any_chain_is_not_read_to_its_end(autojump_clock) -> None:
    async def flood(exchange: Exchange) -> None:
        await exchange.answer(200, b"-" * (CHAIN_BYTES + 1))

    async with published(flood) as (fetch, net, _):
        with pytest.raises(CannotFetch, match="longer"):
            await fetch(PLACE)
        assert net.open == 0


async def test_what_is_packed_is_not_unpacked(autojump_clock) -> None:
    packed = b"\x1f\x8b" + bytes(100)

    async def pack(exchange: Exchange) -> None:
        assert exchange.headers["accept-encoding"] == "identity"
        await exchange.answer(200, packed, {"Content-Encoding": "gzip"})

    async with published(pack) as (fetch, _, _):
        assert await fetch(PLACE) == packed


async def test_who_answers_nothing_costs_the_caller_no_more_than_his_patience(autojump_clock) -> None:
    async def say_nothing(exchange: Exchange) -> None:
        await trio.sleep_forever()

    async with published(say_nothing) as (fetch, net, _):
        with trio.move_on_after(2.0) as patience:
            await fetch(PLACE)
        assert patience.cancelled_caught
        assert net.open == 0


@given(
    place=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60).map("https://{}".format)
)
def test_whatever_place_is_named_the_call_goes_on(place: str) -> None:
    async def ask() -> None:
        async with published(serve_chain) as (fetch, _, _):
            try:
                assert await fetch(place) == CHAIN
            except (CannotFetch, OSError):
                return

    trio.run(ask)


# ---- the setting ---------------------------------------------------------------------------------------------------


def anchored(directory: Path) -> dict[str, str]:
    file = directory / "anchors.pem"
    file.write_bytes(ROOT.pem)
    return {"MEDIASRV_SIP__IDENTITY_ANCHORS": str(file)}


async def test_the_anchors_of_the_file_are_those_that_are_believed(autojump_clock, tmp_path: Path) -> None:
    async with published(serve_chain) as (fetch, _, _):
        settings = load(environment=anchored(tmp_path))
        ours = wiring.vouching(settings, Today(), Counters(), fetch)
        assert ours is not None
        verdict = await ours.judge(invite(identity(claims(), url=PLACE)))
        assert (verdict.finding, verdict.attestation) == (Finding.VALID, "A")


def test_without_anchors_nobody_s_signature_is_looked_at() -> None:
    assert wiring.vouching(load(environment={}), Today(), Counters()) is None


@pytest.mark.parametrize("content", [None, b"", b"no certificate", ROOT.pem[:200]])
def test_a_file_without_certificates_is_found_at_the_start(tmp_path: Path, content: bytes | None) -> None:
    settings = load(environment=anchored(tmp_path))
    file = tmp_path / "anchors.pem"
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"sip\.identity_anchors.*no certificates in PEM"):
        wiring.vouching(settings, Today(), Counters())


async def test_an_attestation_stands_in_the_call_s_timeline_and_record(
    autojump_clock, tmp_path: Path
) -> None:
    async with published(serve_chain) as (fetch, _, _):
        ours = wiring.vouching(load(environment=anchored(tmp_path)), Today(), Counters(), fetch)
        async with running(vouching=ours) as house, house.caller() as caller:
            call = await caller.endpoint.call(
                Uri.parse("sip:12155550113@127.0.0.1"),
                destination=HOUSE,
                from_uri=Uri.parse("sip:+12155550112@127.0.0.1"),
                body=offer(caller.media).build(),
                headers=(("Identity", identity(claims(attest="B"), url=PLACE)),),
            )
            await call.wait_answered()
            await call.bye()
            await trio.sleep(2)
            (record,) = house.call_records()
            assert record["attestation"] == "B"
            began = [entry for _, kind, entry in house.sink.records if entry.get("event") == "call_began"]
            assert [entry["attestation"] for entry in began] == ["B"]
