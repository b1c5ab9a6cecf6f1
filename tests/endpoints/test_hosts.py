"""Which of our addresses a peer is told, with routes that a table makes up."""

from __future__ import annotations

import trio

from mediasrv.config import Network
from mediasrv.endpoints.nat.hosts import ANYWHERE, BELIEVED_S, PEERS_MAX, Hosts
from tests.fakes.clock import TrioClock

LAN, WAN = "192.168.1.10", "198.51.100.20"
PHONE, CARRIER, LAN_BLOCK = "192.168.1.77", "203.0.113.5", Network.parse("192.168.0.0/16")


class Routes:
    def __init__(self) -> None:
        self.table = {
            PHONE: LAN,
            CARRIER: "10.0.0.2",
            ANYWHERE[4]: "10.0.0.2",
            "2001:db8:5::5": "2001:db8::2",
        }
        self.asked: list[str] = []

    def __call__(self, peer: str) -> str | None:
        self.asked.append(peer)
        return self.table.get(peer)


async def test_who_listens_on_one_address_tells_that(autojump_clock) -> None:
    routes = Routes()
    hosts = Hosts(LAN, TrioClock(), route=routes)
    assert (hosts.usual, hosts.towards(CARRIER), routes.asked) == (LAN, LAN, [])


async def test_who_listens_everywhere_tells_each_peer_where_its_packets_come_from(autojump_clock) -> None:
    hosts = Hosts("0.0.0.0", TrioClock(), route=Routes())
    assert hosts.towards(PHONE) == LAN
    assert hosts.towards(CARRIER) == "10.0.0.2"
    assert hosts.usual == "10.0.0.2"
    assert hosts.towards("203.0.113.99") == hosts.usual  # no way there is known


async def test_the_advertised_address_is_for_those_beyond_the_nat(autojump_clock) -> None:
    hosts = Hosts("0.0.0.0", TrioClock(), advertised=WAN, local_networks=[LAN_BLOCK], route=Routes())
    assert (hosts.towards(CARRIER), hosts.towards(PHONE), hosts.usual) == (WAN, LAN, WAN)
    everybody = Hosts("0.0.0.0", TrioClock(), advertised=WAN, route=Routes())
    assert everybody.towards(PHONE) == WAN


async def test_a_peer_is_told_an_address_of_its_own_family(autojump_clock) -> None:
    hosts = Hosts("::", TrioClock(), advertised=WAN, route=Routes())
    assert hosts.towards("2001:db8:5::5") == "2001:db8::2"
    assert hosts.towards(CARRIER) == WAN


async def test_without_any_route_this_machine_alone_is_told(autojump_clock) -> None:
    assert Hosts("0.0.0.0", TrioClock(), route=lambda peer: None).usual == "127.0.0.1"
    assert Hosts("::", TrioClock(), route=lambda peer: None).usual == "::1"


async def test_routes_are_asked_seldom_and_their_changes_noticed(autojump_clock) -> None:
    routes = Routes()
    hosts = Hosts("0.0.0.0", TrioClock(), route=routes)
    for _ in range(100):
        hosts.towards(CARRIER)
    assert routes.asked == [CARRIER]
    routes.table[CARRIER] = "10.9.9.9"
    await trio.sleep(BELIEVED_S)
    assert hosts.towards(CARRIER) == "10.9.9.9"


async def test_peers_without_end_take_no_memory_without_end(autojump_clock) -> None:
    hosts = Hosts("0.0.0.0", TrioClock(), route=Routes())
    for number in range(2 * PEERS_MAX):
        hosts.towards(f"10.1.{number // 250}.{number % 250}")
    assert len(hosts._known) == PEERS_MAX
