"""A server behind a NAT and on several interfaces: what each peer is told, in SIP and SDP."""

from __future__ import annotations

import re

import pytest
import trio
import trio.testing

from mediasrv.config import load
from mediasrv.endpoints.nat.discovery import REFRESH_S
from mediasrv.endpoints.nat.stun import binding_answer
from mediasrv.endpoints.resolution import NumericOnly
from mediasrv.errors import ConfigError
from mediasrv.ids import SeededTokens
from mediasrv.server.network.outside import START_S, Outside
from mediasrv.sip import Headers, Request, Uri
from mediasrv.sip.grammar.fields import Via
from mediasrv.sip.hop import Hop, Locals
from tests.fakes.clock import TrioClock
from tests.fakes.datagrams import FakeNetwork
from tests.server.house import running

STUN, OURS, SEEN = ("192.0.2.53", 3478), ("192.168.1.10", 5060), ("198.51.100.20", 5060)
LAN_PEER, WAN_PEER = ("192.168.1.77", 5060), ("203.0.113.5", 5060)


def outside(**environment: str) -> Outside:
    keys = {f"MEDIASRV_SIP__{key.upper()}": value for key, value in environment.items()}
    settings = load(environment={"MEDIASRV_SIP__LISTEN": "192.168.1.10:5060", **keys})
    return Outside(settings, TrioClock(), SeededTokens(1), NumericOnly(), route=lambda peer: OURS[0])


async def stun_server(network: FakeNetwork, seen: list[tuple[str, int]]) -> None:
    socket = await network.open(STUN)
    while True:
        request, source = await socket.receive()
        socket.send(binding_answer(request, seen[0]) or b"", source)


async def test_the_address_is_learnt_at_the_start_and_again_when_it_has_changed(autojump_clock) -> None:
    network, seen = FakeNetwork(), [SEEN]
    hosts = outside(stun_server="192.0.2.53", local_networks="192.168.0.0/16")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stun_server, network, seen)
        await trio.testing.wait_all_tasks_blocked()
        await hosts.learn(await network.open(OURS))
        assert hosts.signalling.towards(WAN_PEER[0]) == hosts.media.towards(WAN_PEER[0]) == SEEN[0]
        assert hosts.signalling.towards(LAN_PEER[0]) == OURS[0]
        await nursery.start(hosts.watch, network.open)
        seen[0] = ("198.51.100.99", 5060)
        await trio.sleep(REFRESH_S + 1)
        assert hosts.signalling.towards(WAN_PEER[0]) == "198.51.100.99"
        nursery.cancel_scope.cancel()


async def test_a_silent_stun_server_does_not_keep_the_server_from_starting(autojump_clock) -> None:
    network, began = FakeNetwork(), trio.current_time()
    hosts = outside(stun_server="192.0.2.53:3478")
    await hosts.learn(await network.open(OURS))
    assert trio.current_time() - began == START_S
    assert hosts.signalling.usual == OURS[0]


def test_a_stun_server_that_is_no_host_is_found_at_the_start() -> None:
    with pytest.raises(ConfigError, match=r"sip\.stun_server"):
        outside(stun_server="not a host")


def test_only_where_peers_are_told_different_things_messages_are_looked_at_one_by_one() -> None:
    assert outside().alike
    assert outside(listen="0.0.0.0:5060", advertised="198.51.100.20").alike
    assert not outside(listen="0.0.0.0:5060").alike
    assert not outside(stun_server="192.0.2.53").alike
    assert not outside(local_networks="192.168.0.0/16").alike


def test_via_and_contact_name_the_host_that_their_peer_can_reach() -> None:
    ours = Locals(
        ("198.51.100.20", 5060),
        {"TCP": ("198.51.100.20", 5060)},
        lambda peer: OURS[0] if peer.startswith("192.168.") else SEEN[0],
    )
    via = Via("UDP", "198.51.100.20", 5060, (("branch", "z9hG4bK1"),))
    lines = (("Via", str(via)), ("Contact", ours.contact))
    request = Request("OPTIONS", Uri.parse("sip:a@b"), Headers(lines))
    for peer, host, more in (
        (LAN_PEER, OURS[0], ""),
        (WAN_PEER, SEEN[0], ""),
        (Hop(*LAN_PEER, "TCP"), OURS[0], ";transport=tcp"),
    ):
        leaving = ours.addressed(request, peer)
        assert leaving.via.host == host
        assert leaving.headers.text("Contact") == f"<sip:{host}:5060{more}>"
        assert ours.is_ours(leaving.via)
        assert ours.contact_towards(peer) == f"<sip:{host}:5060{more}>"
    assert not ours.is_ours(Via("UDP", "203.0.113.66", 5060, ()))


async def test_a_call_from_each_side_is_told_addresses_of_that_side(autojump_clock) -> None:
    environment = {
        "MEDIASRV_SIP__ADVERTISED": "198.51.100.20",
        "MEDIASRV_SIP__LOCAL_NETWORKS": "127.0.0.1/32",
        "MEDIASRV_TRUNKS__X__SOURCES": "127.0.0.1/32,203.0.113.0/24",
    }
    async with running(environment) as house:
        for source, host in ((("127.0.0.1", 5070), "127.0.0.1"), (("203.0.113.5", 5070), "198.51.100.20")):
            async with house.caller(source) as caller:
                call = await caller.call()
                answer = await call.wait_answered()
                assert f"c=IN IP4 {host}\r\n".encode() in answer
                ok = next(
                    data.decode()
                    for _, to, data in house.network.wire
                    if to == source and data.startswith(b"SIP/2.0 200")
                )
                assert re.search(rf"^Contact: <sip:{re.escape(host)}:\d+>", ok, re.MULTILINE)
                await call.bye()
        house.server.drain()
