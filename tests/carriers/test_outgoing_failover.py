"""What our calls do when a carrier's host refuses, rests or says nothing, and what registrations do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import trio

from tests.carriers.carrier import NAMES, Manner
from tests.carriers.taken import Switch, switch_at
from tests.carriers.test_outgoing import place, trunk
from tests.server.departing import depart
from tests.server.house import House, running

OTHER_ADDRESS = ("198.51.100.111", 5060)
FAILOVER_S = 5.0  # within which carriers pass a host over themselves
SILENT_REST_S = 60


@asynccontextmanager
async def two_hosts(
    name: str, *, first_answers: bool = True, **keys: Any
) -> AsyncIterator[tuple[House, Switch, Switch]]:
    """A trunk whose carrier has two of them; the second at an address of its own."""
    manner = Manner.read(name)
    hosts = [place(manner.address), place(OTHER_ADDRESS)]
    async with (
        running(trunk(manner, hosts=hosts, **keys)) as house,
        switch_at(house.network, manner) as first,
        switch_at(house.network, replace(manner, address=OTHER_ADDRESS)) as second,
    ):
        if not first_answers:
            house.network.loses = lambda data, to: to == manner.address
        yield house, first, second


@pytest.mark.parametrize("name", NAMES)
async def test_a_host_that_asks_for_rest_is_passed_over_at_once_and_left_alone(
    autojump_clock, name: str
) -> None:
    async with two_hosts(name) as (house, first, second):
        began = trio.current_time()
        call = await depart(house, first.manner.number, trunk="carrier")
        (await first.taken()).say("503 Service Unavailable", "Retry-After: 30 (maintenance);duration=600")
        (await second.proven()).say("486 Busy Here")
        assert await call.ending() == "busy"
        assert trio.current_time() - began < 1
        assert (await next_answered(house, second), first.invites()) == ("busy", 1)
        await trio.sleep(31)
        call = await depart(house, first.manner.number, trunk="carrier")
        (await first.proven()).say("486 Busy Here")
        assert await call.ending() == "busy"


async def next_answered(house: House, at: Switch) -> object:
    """How another call ends that comes there, and finds the number busy."""
    call = await depart(house, at.manner.number, trunk="carrier")
    (await at.proven()).say("486 Busy Here")
    return await call.ending()


@pytest.mark.parametrize("name", NAMES)
async def test_a_silent_host_is_passed_over_in_five_seconds(autojump_clock, name: str) -> None:
    async with two_hosts(name, first_answers=False) as (house, first, second):
        began = trio.current_time()
        call = await depart(house, first.manner.number, trunk="carrier")
        theirs = await second.taken(within_s=6)
        assert trio.current_time() - began == pytest.approx(FAILOVER_S, abs=0.1)
        theirs.say("486 Busy Here")
        assert await call.ending() == "busy"
        assert [each["status"] for each in call.of("not_reached")] == [408]


async def test_a_host_that_says_it_tries_is_waited_for(autojump_clock) -> None:
    async with two_hosts("twilio") as (house, first, second):
        call = await depart(house, first.manner.number, trunk="carrier")
        theirs = await first.proven()
        theirs.say("100 Trying")
        await trio.sleep(20)
        theirs.say("486 Busy Here")
        assert await call.ending() == "busy"
        assert second.invites() == 0


async def test_a_host_that_wakes_after_it_was_passed_over_is_told_that_nobody_calls(autojump_clock) -> None:
    async with two_hosts("twilio") as (house, first, second):
        await depart(house, first.manner.number, trunk="carrier")
        late = await first.taken()
        await second.taken(within_s=6)
        late.say("180 Ringing")
        await trio.sleep(1)
        (cancel,) = first.asked("CANCEL")
        assert cancel["call-id"] == late.invite["call-id"]


async def test_a_host_that_picks_up_after_it_was_passed_over_is_hung_up(autojump_clock) -> None:
    async with two_hosts("bandwidth") as (house, first, second):
        await depart(house, first.manner.number, trunk="carrier")
        late = await first.taken()
        await second.taken(within_s=6)
        late.pick_up()
        await trio.sleep(1)
        assert len(first.asked("ACK")) == 1
        assert [bye["call-id"] for bye in first.asked("BYE")] == [late.invite["call-id"]]


async def test_a_host_that_was_silent_is_asked_last_for_a_minute(autojump_clock) -> None:
    async with two_hosts("bandwidth", first_answers=False) as (house, first, second):
        call = await depart(house, first.manner.number, trunk="carrier")
        (await second.taken(within_s=6)).say("486 Busy Here")
        assert await call.ending() == "busy"
        assert await next_answered(house, second) == "busy"
        house.network.loses = lambda data, to: False
        await trio.sleep(SILENT_REST_S + 1)
        assert await next_answered(house, first) == "busy"


async def test_a_host_that_does_not_answer_options_is_not_called_first(autojump_clock) -> None:
    async with two_hosts("vonage", first_answers=False) as (house, first, second):
        await trio.sleep(40)  # a round of OPTIONS, and the 32 s that one of them waits
        began = trio.current_time()
        assert await next_answered(house, second) == "busy"
        assert trio.current_time() - began < 1
        assert house.server.statistics().hosts_down == [f"carrier {place(first.manner.address)}"]


async def test_a_host_that_is_known_to_be_down_is_passed_over_until_it_answers_options(
    autojump_clock,
) -> None:
    async with two_hosts("vonage", keep_alive_s=300, first_answers=False) as (house, first, second):
        await trio.sleep(280)  # far longer than a silent host rests
        assert await next_answered(house, second) == "busy"
        assert first.invites() == 0
        house.network.loses = lambda data, to: False
        await trio.sleep(60)
        assert await next_answered(house, first) == "busy"
        assert [each.alive for each in house.server.statistics().hosts] == [True, True]


async def test_hosts_are_asked_without_a_pause_of_their_own_where_the_profile_says_that_they_answer(
    autojump_clock,
) -> None:
    async with two_hosts("vonage", keep_alive_s=0, first_answers=False) as (house, first, _):
        await trio.sleep(31)
        assert house.server.statistics().hosts_down == [f"carrier {place(first.manner.address)}"]


async def test_when_every_host_is_down_the_first_is_called_all_the_same(autojump_clock) -> None:
    async with two_hosts("vonage") as (house, first, second):
        house.network.loses = lambda data, to: data.startswith(b"OPTIONS")
        await trio.sleep(40)
        assert len(house.server.statistics().hosts_down) == 2
        assert await next_answered(house, first) == "busy"
        assert second.invites() == 0


@pytest.mark.parametrize(("silence_s", "status"), [(2.0, 408), (12.0, 408)])
async def test_how_long_a_host_may_be_silent_is_its_trunk_s_word(
    autojump_clock, silence_s: float, status: int
) -> None:
    keys = {"silence_s": silence_s, "keep_alive_s": 0, "quirks": []}
    async with two_hosts("vonage", first_answers=False, **keys) as (house, first, second):
        began = trio.current_time()
        call = await depart(house, first.manner.number, trunk="carrier")
        (await second.taken(within_s=13)).say("486 Busy Here")
        assert trio.current_time() - began == pytest.approx(silence_s, abs=0.1)
        assert await call.ending() == "busy"
        assert [each["status"] for each in call.of("not_reached")] == [status]


@pytest.mark.parametrize("status", ["500 Server Internal Error", "502 Bad Gateway", "504 Server Time-out"])
@pytest.mark.parametrize(("fails_over_on", "passed_over"), [("5xx", True), ("503", False)])
async def test_which_refusals_lead_to_the_next_host_is_its_trunk_s_word(
    autojump_clock, status: str, fails_over_on: str, passed_over: bool
) -> None:
    async with two_hosts("twilio", fails_over_on=fails_over_on) as (house, first, second):
        call = await depart(house, first.manner.number, trunk="carrier")
        (await first.proven()).say(status)
        if passed_over:
            (await second.proven()).say("486 Busy Here")
        assert await call.ending() == ("busy" if passed_over else "refused")
        assert second.invites() > 0 if passed_over else second.invites() == 0
        assert len(call.of("not_reached")) == passed_over


async def test_503_leads_to_the_next_host_in_any_case(autojump_clock) -> None:
    async with two_hosts("twilio", fails_over_on="503") as (house, first, second):
        call = await depart(house, first.manner.number, trunk="carrier")
        (await first.proven()).say("503 Service Unavailable")
        (await second.proven()).say("486 Busy Here")
        assert await call.ending() == "busy"


async def test_the_last_host_has_all_the_time_that_the_rfc_gives(autojump_clock) -> None:
    async with two_hosts("generic", first_answers=False) as (house, _, second):
        call = await depart(house, second.manner.number, trunk="carrier")
        theirs = await second.taken(within_s=6)
        await trio.sleep(25)
        theirs.say("486 Busy Here")
        assert await call.ending() == "busy"
