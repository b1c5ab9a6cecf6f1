"""What the owner of the server asks of it through its socket, in virtual time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from mediasrv.call.declared import Cast
from mediasrv.config import ProviderSettings, Secret
from mediasrv.conversation.agents import Library
from mediasrv.endpoints import SipCall
from mediasrv.providers.house import ProviderHouse
from mediasrv.server.control import Control
from mediasrv.sip import Cancelled
from tests.fakes.providers import FakeNet
from tests.server.departing import AT_OTHER, CARRIER, NUMBER, OTHER_CARRIER, arrived, carrier, picked_up
from tests.server.house import HOUSE, Caller, House, running
from tests.server.test_server import hung_up, nothing_is_left

CALL = {"do": "call", "to": NUMBER, "agent": "tone"}


class Owner:
    """Somebody at the other end of the socket."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._read = b""

    async def line(self) -> dict[str, Any]:
        with trio.fail_after(120):
            while b"\n" not in self._read:
                more = await self.stream.receive_some(65_536)
                assert more, "the server has gone"
                self._read += more
        text, self._read = self._read.split(b"\n", 1)
        told: dict[str, Any] = json.loads(text)
        return told

    async def until(self, event: str) -> dict[str, Any]:
        while True:
            line = await self.line()
            if line.get("event") == event:
                return line

    async def last(self) -> dict[str, Any]:
        while True:
            line = await self.line()
            if line.get("done"):
                return line


@asynccontextmanager
async def owned(house: House, request: object) -> AsyncIterator[Owner]:
    departures = house.server.departures
    assert departures is not None
    control = Control(
        Path("unused"),
        departures._house,
        departures,
        house.nursery,
        lambda: asdict(house.server.statistics()),
    )
    ours, theirs = trio.testing.memory_stream_pair()

    async def serve() -> None:
        with suppress(trio.BrokenResourceError):  # the socket's to bear: there is nobody left to tell
            async with theirs:
                await control.serve(theirs)

    house.nursery.start_soon(serve)
    await ours.send_all(request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n")
    async with ours:
        yield Owner(ours)


PLAIN = """
prompt = "You tell people their appointments."
greeting = "Good day, this is your practice."
[providers]
model = ["mind"]
ears = ["ears"]
voice = ["mouth"]
"""
THEIR_PROVIDERS = {
    "mind": ProviderSettings(adapter="openai", key=Secret("k")),
    "ears": ProviderSettings(adapter="openai", key=Secret("k")),
    "mouth": ProviderSettings(adapter="formant"),
}


def with_cast(house: House, directory: Path, providers: Mapping[str, ProviderSettings]) -> None:
    """The files of a directory declare agents, and no number leads to any."""
    departures = house.server.departures
    assert departures is not None
    (directory / "reminder.toml").write_text(PLAIN)
    cast = Cast(
        Library(str(directory)), lambda net: ProviderHouse(providers, net=net), FakeNet(house.nursery)
    )
    departures._house = replace(departures._house, cast=cast)


async def asked(house: House, request: object) -> dict[str, Any]:
    async with owned(house, request) as owner:
        return await owner.last()


async def test_how_the_trunks_stand_is_told_with_what_their_hosts_answered(autojump_clock) -> None:
    keys = {"hosts": [f"{CARRIER[0]}:{CARRIER[1]}", AT_OTHER], "keep_alive_s": 10}
    async with running(carrier(**keys), silent=True) as house, house.caller(CARRIER):
        await trio.sleep(35)
        told = (await asked(house, {"do": "trunks"}))["trunks"]
        (trunk,) = (each for each in told if each["trunk"] == "t")
        assert {host["host"]: host["alive"] for host in trunk["hosts"]} == {
            f"{CARRIER[0]}:{CARRIER[1]}": True,
            AT_OTHER: False,
        }
        assert trunk["registration"] == ""


async def talking(house: House, callee: Caller) -> tuple[str, SipCall]:
    told = await asked(house, {**CALL, "follow": False})
    theirs = await picked_up(callee)
    await trio.sleep(0.5)
    return str(told["call"]), theirs


async def test_a_call_is_told_as_it_goes_and_its_record_comes_last(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee, owned(house, CALL) as owner:
        assert (await owner.until("dialling"))["to"] == f"sip:{NUMBER}@127.0.0.1:5090"
        theirs = await picked_up(callee)
        assert (await owner.until("ringing"))["status"] == 180
        await owner.until("answered")
        await theirs.bye()
        record = (await owner.last())["record"]
        assert (record["ending"], record["direction"], record["answered"]) == ("callee_hung_up", "out", True)
        await nothing_is_left(house)


async def test_a_late_packet_of_a_call_that_somebody_has_followed_harms_nobody(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        async with owned(house, CALL) as owner:
            theirs = await picked_up(callee)
            await theirs.bye()
            await owner.last()
        bye = next(data for _, _, data in house.network.wire if data.startswith(b"BYE"))
        callee_socket = house.network.sockets[CARRIER]
        callee_socket.send(bye, HOUSE)
        await trio.sleep(1)
        assert house.network.lines()[-2:] == [bye.split(b"\r\n")[0].decode(), "SIP/2.0 200 OK"]
        await nothing_is_left(house)


async def test_who_goes_away_hangs_up(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        async with owned(house, CALL) as owner:
            theirs = await picked_up(callee)
            await owner.until("answered")
        assert "ended by operator" in (await hung_up(theirs)).reason_text
        await nothing_is_left(house)
        assert house.call_records()[-1]["ending"] == "admin"


async def test_who_goes_away_while_it_rings_stops_it(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        async with owned(house, CALL) as owner:
            theirs = await arrived(callee)
            await theirs.ring()
            await owner.until("ringing")
        assert isinstance(await theirs.wait_ended(), Cancelled)
        await nothing_is_left(house)


async def test_a_call_that_nobody_follows_goes_on_until_it_is_hung_up_by_name(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        name, theirs = await talking(house, callee)
        assert theirs.end is None
        assert await asked(house, {"do": "hang_up", "call": name}) == {"done": True}
        end = await hung_up(theirs)
        assert (end.reason_text, end.q850_cause) == ('Q.850;cause=16;text="ended by operator"', 16)
        assert "no call" in (await asked(house, {"do": "hang_up", "call": name}))["error"]
        await nothing_is_left(house)


async def test_a_call_that_may_not_be_made_is_told_in_words(autojump_clock) -> None:
    async with running(carrier()) as house:
        record = (await asked(house, {**CALL, "to": "+15551234567"}))["record"]
        assert record["ending"] == "refused"
        assert "dial_allow" in record["error"]


@pytest.mark.parametrize("followed", [True, False])
async def test_who_is_called_is_told_what_the_owner_says(autojump_clock, followed: bool) -> None:
    wish = {**CALL, "headers": {"X-Order": "17"}, "follow": followed}
    async with running(carrier()) as house, house.caller(CARRIER) as callee, owned(house, wish):
        theirs = await arrived(callee)
        assert theirs.request is not None
        assert theirs.request.headers.text("X-Order") == "17"
        await theirs.reject(486)
        await nothing_is_left(house)


@pytest.mark.parametrize("followed", [True, False])
async def test_an_agent_that_no_number_leads_to_may_lead_it(
    autojump_clock, tmp_path: Path, followed: bool
) -> None:
    wish = {**CALL, "agent": "reminder", "follow": followed}
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        with_cast(house, tmp_path, THEIR_PROVIDERS)
        async with owned(house, wish) as owner:
            if not followed:
                assert "call" in await owner.last()
            theirs = await picked_up(callee)
            await trio.sleep(4)
            await theirs.bye()
            await nothing_is_left(house)
        (record,) = house.call_records()
        assert (record["agent"], record["ending"]) == ("reminder", "callee_hung_up")
        (greeting,) = [entry for _, kind, entry in house.sink.records if kind == "turn"]
        assert greeting["heard"] == "Good day, this is your practice."


@pytest.mark.parametrize("followed", [True, False])
async def test_an_agent_whose_providers_are_not_there_is_refused_and_the_server_goes_on(
    autojump_clock, tmp_path: Path, followed: bool
) -> None:
    async with running(carrier()) as house:
        with_cast(house, tmp_path, {})
        told = await asked(house, {**CALL, "agent": "reminder", "follow": followed})
        assert "[providers.mind]" in told["error"] or "[providers.ears]" in told["error"]
        assert house.network.wire == []
        assert (await asked(house, {"do": "statistics"}))["live_calls"] == 0


async def test_a_call_is_handed_over_and_left(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        name, theirs = await talking(house, callee)
        async with owned(house, {"do": "transfer", "call": name, "to": "+442079460019"}) as owner:
            referred = await theirs.talk.wait_referral()
            assert referred.target.user_text == "+442079460019"
            await theirs.talk.accept_referral(referred.referral)
            await theirs.talk.tell_referral(referred.referral, 200)
            assert await owner.last() == {"done": True}
        assert "transferred" in (await hung_up(theirs)).reason_text
        await nothing_is_left(house)


@pytest.mark.parametrize(
    ("to", "problem"), [("+15551234567", "dial_allow"), ("+442079460019", "not transferred")]
)
async def test_a_call_that_cannot_be_handed_over_goes_on(autojump_clock, to: str, problem: str) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        name, theirs = await talking(house, callee)
        async with owned(house, {"do": "transfer", "call": name, "to": to}) as owner:
            if problem == "not transferred":
                await theirs.talk.decline_referral((await theirs.talk.wait_referral()).referral)
            assert problem in (await owner.last())["error"]
        assert theirs.end is None
        await theirs.bye()
        await nothing_is_left(house)


async def test_somebody_is_called_to_listen_in(autojump_clock) -> None:
    settings = carrier() | {"MEDIASRV_SUPERVISION__TRUNKS": "t"}
    async with (
        running(settings) as house,
        house.caller(CARRIER) as callee,
        house.caller(OTHER_CARRIER) as listener,
    ):
        name, theirs = await talking(house, callee)
        wish = {"do": "supervise", "call": name, "to": f"sip:boss@{AT_OTHER}"}
        async with owned(house, wish) as owner:
            boss = await picked_up(listener)
            await owner.until("answered")
            await trio.sleep(1)
            house.sent.clear()
            await trio.sleep(1)
            assert house.packets_to(OTHER_CARRIER[1] + 1) >= 45
            await boss.bye()
            assert (await owner.last())["record"]["ending"] == "callee_hung_up"
        assert theirs.end is None
        await theirs.bye()
        await nothing_is_left(house)


async def test_the_server_tells_what_lives_in_it(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        idle = await asked(house, {"do": "statistics"})
        _, theirs = await talking(house, callee)
        busy = await asked(house, {"do": "statistics"})
        assert (busy["live_calls"], busy["live_dialogs"], busy["live_streams"]) == (1, 1, 1)
        assert busy["transactions"] > idle["transactions"]
        assert busy["tasks"] > idle["tasks"]
        await theirs.bye()
        await nothing_is_left(house)
        after = await asked(house, {"do": "statistics"})
    lives = ("live_calls", "live_dialogs", "live_streams", "transactions", "tasks")
    assert [after[name] for name in lives] == [idle[name] for name in lives]


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (b"{\n", "not JSON"),
        (b"[]\n", "object"),
        (b"x" * 10_000, "one line"),
        ({"do": "dance"}, "there are call, hang_up, transfer, supervise, statistics"),
        ({"do": "call"}, "say 'to'"),
        ({"do": "call", "to": 7}, "say 'to'"),
        ({**CALL, "agent": "nobody"}, "must be one of"),
        ({**CALL, "headers": {"Route": "<sip:evil.example>"}}, "headers: 'Route': only X- headers"),
        ({**CALL, "headers": "X-A: b"}, "say headers as an object"),
        ({**CALL, "trunk": "nobody"}, "there is no trunk nobody"),
        ({**CALL, "trunk": ["carrier"]}, "say 'trunk'"),
        (b"[" * 4_000 + b"\n", "not JSON"),
        ({"do": "hang_up", "call": "nobody"}, "there is no call nobody"),
    ],
)
async def test_what_is_asked_for_wrongly_is_told_in_words(
    autojump_clock, request_: object, problem: str
) -> None:
    async with running(carrier()) as house:
        assert problem in (await asked(house, request_))["error"]
        assert house.network.wire == []
