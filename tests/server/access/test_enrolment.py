"""Our registrations with trunks, by a whole server in virtual time, against carriers with registrars of their own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import trio

from mediasrv.config import TrunkSettings
from mediasrv.endpoints import SipEndpoint
from mediasrv.ids import SeededTokens
from mediasrv.server.access.users import User, Users
from mediasrv.sip import Address, Admission, Authenticator, Guard, Registrar, Request, Uri, UserAgent
from mediasrv.sip.grammar.parse import parse
from mediasrv.sip.limits import Limits
from tests.fakes.clock import TrioClock
from tests.fakes.datagrams import FakeNetwork
from tests.fakes.trunk_hosts import NotFound
from tests.server.house import HOUSE, House, running

FIRST, SECOND = ("192.0.2.10", 5060), ("192.0.2.20", 5060)
PASSWORD = "open sesame"
TRUNK = {"hosts": ["192.0.2.10", "192.0.2.20"], "username": "us", "password": PASSWORD, "register": True}


@dataclass
class Carrier:
    registrar: Registrar
    where: Address
    network: FakeNetwork

    def bound(self) -> list[str]:
        uri = Uri.parse(f"sip:us@{FIRST[0]}")
        return [str(each.contact.uri) for each in self.registrar.lookup(uri, trio.current_time())]

    def heard(self) -> list[Request]:
        messages = [parse(data, Limits()) for _, to, data in self.network.wire if to == self.where]
        return [each for each in messages if isinstance(each, Request) and each.method == "REGISTER"]


@asynccontextmanager
async def carrier(house: House, where: tuple[str, int] = FIRST, realm: str = "a") -> AsyncIterator[Carrier]:
    users = Users(realm, [User.made("us", realm, PASSWORD)])
    tokens = SeededTokens(where[1])
    guard = Guard(lambda request, source: Admission.CHALLENGE, Authenticator(realm, users, tokens))
    registrar = Registrar([FIRST[0], "carrier.example"])
    async with trio.open_nursery() as nursery:
        socket = await house.network.open(where)
        endpoint = SipEndpoint(
            socket, UserAgent(where, tokens, guard=guard, registrar=registrar), TrioClock()
        )
        await nursery.start(endpoint.run)
        yield Carrier(registrar, where, house.network)
        nursery.cancel_scope.cancel()
        socket.close()


def trunks(**keys: Any) -> dict[str, str]:
    return {"MEDIASRV_TRUNKS": json.dumps({"t": {**TRUNK, **keys}})}


def standing(house: House) -> str:
    return house.server.statistics().registrations["t"]


async def test_a_trunk_that_wants_it_has_our_registration_with_who_we_are_in_it(autojump_clock) -> None:
    async with running(trunks(), silent=True) as house, carrier(house) as first:
        await trio.sleep(60)  # the first round found nobody: the carrier came up after us
        assert first.bound() == ["sip:us@127.0.0.1:5060"]
        assert standing(house) == "registered"
        assert house.server.statistics().counts["trunk_registration"]["t.Registered"] >= 1


@pytest.mark.usefixtures("unhurried")
async def test_a_registration_is_refreshed_before_it_runs_out_for_as_long_as_the_server_runs(
    autojump_clock,
) -> None:
    async with running(trunks(), silent=True) as house, carrier(house) as first:
        for _ in range(12):
            await trio.sleep(1_000)
            assert first.bound() != []


async def test_registration_outage_fails_over_to_the_next_host_and_the_first_may_return(
    autojump_clock,
) -> None:
    async with running(trunks(), silent=True) as house, carrier(house, SECOND) as second:
        await trio.sleep(120)
        assert second.bound() != []
        assert standing(house) == "registered"


async def test_registration_outage_of_every_host_is_said_and_ends_when_one_returns(autojump_clock) -> None:
    async with running(trunks(hosts=["192.0.2.10"]), silent=True) as house:
        await trio.sleep(40)
        assert standing(house) == "408 Request Timeout"
        async with carrier(house) as first:
            await trio.sleep(200)
            assert first.bound() != []
            assert standing(house) == "registered"


@pytest.mark.usefixtures("unhurried")
async def test_a_wrong_password_is_said_and_not_tried_all_the_time(autojump_clock) -> None:
    async with (
        running(trunks(password="guess", hosts=["192.0.2.10"]), silent=True) as house,
        carrier(house) as first,
    ):
        await trio.sleep(3_600)
        assert standing(house) == "401 Unauthorized"
        assert first.bound() == []
        assert len(first.heard()) < 40


async def test_a_realm_that_is_not_the_trunk_s_gets_no_answer(autojump_clock) -> None:
    async with (
        running(trunks(realm="ours", hosts=["192.0.2.10"]), silent=True) as house,
        carrier(house, realm="another") as first,
    ):
        await trio.sleep(120)
        assert standing(house) == "401 Unauthorized"
        assert all("Authorization" not in each.headers for each in first.heard())


async def test_the_registration_is_taken_back_at_the_end_of_drain(autojump_clock) -> None:
    async with running(trunks(hosts=["192.0.2.10"]), silent=True) as house, carrier(house) as first:
        await trio.sleep(120)
        assert first.bound() != []
        house.server.drain()
        await house.server.wait_stopped()
        assert first.bound() == []


async def test_a_carrier_that_is_gone_does_not_hold_up_the_end(autojump_clock) -> None:
    async with running(trunks(hosts=["192.0.2.10"]), silent=True) as house:
        async with carrier(house):
            await trio.sleep(120)
            assert standing(house) == "registered"
        house.server.drain()
        began = trio.current_time()
        await house.server.wait_stopped()
        assert trio.current_time() - began < 5


async def test_names_are_looked_up_again_after_a_failure_and_the_registration_moves(autojump_clock) -> None:
    asked: list[float] = []

    async def find(name: str, trunk: TrunkSettings) -> Sequence[Address]:
        await trio.lowlevel.checkpoint()
        asked.append(trio.current_time())
        if len(asked) == 1:
            raise NotFound("no such name yet")
        return [FIRST if len(asked) == 2 else SECOND]

    async with running(trunks(hosts=["carrier.example"]), find=find, silent=True) as house:
        await trio.sleep(1)
        assert standing(house) == "no such name yet"
        async with carrier(house, SECOND):
            await trio.sleep(300)
            assert standing(house) == "registered"


async def test_no_password_is_seen_on_the_wire_or_in_the_counts(autojump_clock) -> None:
    async with running(trunks(hosts=["192.0.2.10"]), silent=True) as house, carrier(house):
        await trio.sleep(120)
        assert all(PASSWORD.encode() not in data for _, _, data in house.network.wire)
        assert PASSWORD not in repr(house.server.statistics())
        assert PASSWORD not in repr(house.server.settings)


async def test_a_call_that_comes_to_our_registration_is_routed_by_what_it_names(autojump_clock) -> None:
    keys = {"sources": [FIRST[0]], "numbers": {"us": "tone"}, "hosts": [FIRST[0]]}
    environment = {**trunks(**keys), "MEDIASRV_AGENTS__DEFAULT": ""}
    async with running(environment) as house, house.caller(FIRST) as caller:
        call = await caller.endpoint.call(
            Uri.parse(f"sip:us@{HOUSE[0]}:{HOUSE[1]}"),
            destination=HOUSE,
            from_uri=Uri.parse("sip:+442079460018@carrier.example"),
            body=caller.offer(),
        )
        await call.wait_answered()
