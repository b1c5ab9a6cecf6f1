"""Where our calls go when a trunk's host is a name: to what the DNS has for the way that its profile wants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from mediasrv.endpoints.resolution import Ipv4, Srv
from mediasrv.server import Server
from tests.carriers.carrier import Manner
from tests.carriers.message import Message, respond
from tests.carriers.taken import SOON_S, Switch, switch_at
from tests.carriers.test_outgoing import trunk
from tests.fakes.records import FakeRecords
from tests.server.departing import depart
from tests.server.house import House, running

NAME = "edge.example"
FIRST, SECOND, BARE = ("198.51.100.1", 5080), ("198.51.100.2", 5080), ("198.51.100.250", 5060)


def carrier_zone(*weights: tuple[int, int]) -> FakeRecords:
    """SRV leads to two hosts, of these priorities and weights; the bare name has an address of its own."""
    hosts = {"one.edge.example": FIRST, "two.edge.example": SECOND}
    named = zip(hosts.items(), weights, strict=True)
    srv = [Srv(*weight, port, name) for (name, (_, port)), weight in named]
    addresses = {name: [Ipv4(host)] for name, (host, _) in hosts.items()}
    tcp = [Srv(0, 1, 5061, "one.edge.example")]
    return FakeRecords(
        {NAME: [Ipv4(BARE[0])], f"_sip._udp.{NAME}": srv, f"_sip._tcp.{NAME}": tcp, **addresses}
    )


async def busy(house: House, switch: Switch, within_s: float = SOON_S) -> None:
    """A call of ours comes there, and finds the number busy."""
    call = await depart(house, switch.manner.number, trunk="carrier")
    theirs = await switch.taken(within_s)
    assert theirs.invite.first.split("@")[1] == f"{NAME} SIP/2.0", (
        "the name that was dialled stays in the URI"
    )
    theirs.say("486 Busy Here")
    assert await call.ending() == "busy"


def refusing(switch: Switch, came: Counter[str], name: str) -> Callable[[Message], None]:
    def refuse(invite: Message) -> None:
        came[name] += 1
        switch.send(respond(invite, "486 Busy Here"))

    return refuse


@pytest.mark.parametrize(
    ("name", "expected"),
    [("twilio", FIRST), ("vonage", FIRST), ("telnyx", FIRST), ("bandwidth", BARE), ("generic", BARE)],
)
async def test_a_name_is_looked_up_as_the_profile_wants(
    autojump_clock, name: str, expected: tuple[str, int]
) -> None:
    zone, manner = carrier_zone((1, 100), (2, 100)), Manner.read(name)
    settings = trunk(manner, hosts=[NAME], keep_alive_s=0)
    async with (
        running(settings, kind=partial(Server, open_records=lambda _: zone), find=None) as house,
        switch_at(house.network, manner, expected) as switch,
    ):
        await busy(house, switch)


async def test_the_first_of_two_hosts_is_dead_and_only_the_first_call_waits_for_it(autojump_clock) -> None:
    zone, manner = carrier_zone((1, 100), (2, 100)), Manner.read("twilio")
    settings = trunk(manner, hosts=[NAME])
    async with (
        running(settings, kind=partial(Server, open_records=lambda _: zone), find=None) as house,
        switch_at(house.network, manner, SECOND) as second,
    ):
        await busy(house, second, within_s=5.1)
        for _ in range(5):
            await busy(house, second, within_s=0.1)


async def test_hosts_of_one_priority_get_calls_as_their_weights_say(autojump_clock) -> None:
    """RFC 2782: 200 calls, three to one; the seed of the server is fixed, and 4 standard deviations are 24."""
    zone, manner = carrier_zone((1, 75), (1, 25)), Manner.read("twilio")
    settings = trunk(manner, hosts=[NAME], dial_calls_a_day=200)
    async with (
        running(settings, kind=partial(Server, open_records=lambda _: zone), find=None) as house,
        switch_at(house.network, manner, FIRST) as first,
        switch_at(house.network, manner, SECOND) as second,
    ):
        came: Counter[str] = Counter()
        for switch, name in ((first, "first"), (second, "second")):
            switch.does["INVITE"] = refusing(switch, came, name)
        for _ in range(200):
            call = await depart(house, manner.number, trunk="carrier")
            assert await call.ending() == "busy"
        assert came.total() == 200
        assert 126 <= came["first"] <= 174
