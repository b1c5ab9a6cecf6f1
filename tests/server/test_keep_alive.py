"""Flows kept open through NATs, in virtual time: which, how often, and with what."""

from __future__ import annotations

import trio

from mediasrv.config import TrunkSettings
from mediasrv.endpoints.resolution import Ipv4, Resolver
from mediasrv.ids import SeededTokens
from mediasrv.server.keep_alive import TELEPHONES_EVERY_S, KeepAlive
from mediasrv.sip import Address, Hop
from tests.fakes.clock import TrioClock
from tests.fakes.records import FakeRecords
from tests.server.house import running

PHONE, BROWSER = ("203.0.113.5", 40_123), Hop("203.0.113.6", 1234, "WSS", 7)


def finder(records: FakeRecords) -> Resolver:
    return Resolver(records, TrioClock(), SeededTokens(1), hosts=(Ipv4,))


async def test_each_trunk_and_telephone_is_kept_as_often_as_it_wants(autojump_clock) -> None:
    records = FakeRecords({"a.example": [Ipv4("192.0.2.1")]})
    trunks = {
        "often": TrunkSettings(hosts=("a.example",), keep_alive_s=20),
        "never": TrunkSettings(hosts=("192.0.2.2",)),
        "lost": TrunkSettings(hosts=("gone.example",), keep_alive_s=10),
    }
    kept: list[tuple[float, Address]] = []
    began = trio.current_time()
    alive = KeepAlive(
        trunks,
        finder(records),
        lambda flow: kept.append((trio.current_time() - began, flow)),
        lambda: [PHONE, BROWSER, PHONE],
    )
    with trio.move_on_after(55):
        await alive.run()
    trunk = ("192.0.2.1", 5060)
    assert [(at, flow) for at, flow in kept if flow == trunk] == [(20, trunk), (40, trunk)]
    telephones = [(at, flow) for at, flow in kept if flow != trunk]
    assert telephones == [(n * TELEPHONES_EVERY_S, flow) for n in (1, 2) for flow in (PHONE, BROWSER)]


async def test_a_server_sends_two_line_ends_to_the_hosts_of_its_trunks(autojump_clock) -> None:
    environment = {
        "MEDIASRV_TRUNKS__X__HOSTS": "127.0.0.3:5090",
        "MEDIASRV_TRUNKS__X__KEEP_ALIVE_S": "30",
    }
    async with running(environment) as house:
        await trio.sleep(61)
        sent = [data for _, to, data in house.network.wire if to == ("127.0.0.3", 5090)]
        assert sent == [b"\r\n\r\n"] * 2
        house.server.drain()
