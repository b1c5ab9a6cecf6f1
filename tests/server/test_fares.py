"""What calls of ours cost the day of their trunk while they last, and how they end when it has nothing left."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from mediasrv.call import Call, MediaNeeds
from mediasrv.endpoints import SipCall
from mediasrv.legs import Ending
from mediasrv.server.outgoing import Wish
from mediasrv.sip import Key
from tests.server.departing import (
    AT_CARRIER,
    AT_OTHER,
    CARRIER,
    NUMBER,
    OTHER_CARRIER,
    Departure,
    arrived,
    carrier,
    depart,
    picked_up,
)
from tests.server.house import running
from tests.server.test_bridges import MENU, town
from tests.server.test_outgoing_refused import redirected, refused
from tests.server.test_server import hung_up, nothing_is_left

PATIENT = {"MEDIASRV_MEDIA__MEDIA_TIMEOUT_MS": "600000"}
MINUTE_S = 60.0


async def talked_s(call: SipCall) -> float:
    began = trio.current_time()
    await call.wait_ended()
    return trio.current_time() - began


async def test_a_call_ends_within_the_last_minute_that_the_day_has(autojump_clock) -> None:
    async with running(carrier(dial_minutes_a_day=2) | PATIENT) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await picked_up(callee)
        assert 2 * MINUTE_S - 4 < await talked_s(theirs) < 2 * MINUTE_S
        end = await hung_up(theirs)
        assert end.q850_cause == 16
        assert 'text="allowance of the day spent"' in end.reason_text
        assert await call.ending() == "allowance"
        assert call.of("allowance_spent")[0]["trunk"] == "t"
        assert "farewell" not in call.events()
        await nothing_is_left(house)


async def test_calls_at_the_same_time_spend_no_more_together_than_there_is(autojump_clock) -> None:
    minutes, calls = 7, 3
    settings = carrier(dial_minutes_a_day=minutes) | PATIENT
    spent: list[float] = []

    async def talk(call: SipCall) -> None:
        spent.append(await talked_s(call))

    async with running(settings) as house, house.caller(CARRIER) as callee:
        async with trio.open_nursery() as talking:
            for _ in range(calls):
                await depart(house)
                talking.start_soon(talk, await picked_up(callee))
                await trio.sleep(7)
        assert len(spent) == calls
        begun_minutes = [int(each // MINUTE_S) + 1 for each in spent]
        assert sum(begun_minutes) == minutes
        last = await depart(house)
        assert await last.ending() == "refused"
        assert "used up" in str(last.record["error"])


class Unhurried:
    """Leads nowhere; something of its doing goes on for a while, whoever has hung up."""

    name, needs = "unhurried", MediaNeeds()

    async def lead(self, call: Call) -> Ending:
        call.start_soon(self._finish)
        return await trio.sleep_forever()

    async def _finish(self) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(90)


async def test_what_is_done_behind_a_call_that_was_hung_up_costs_no_minute(autojump_clock) -> None:
    async with running(carrier(dial_minutes_a_day=2) | PATIENT) as house, house.caller(CARRIER) as callee:
        departures = house.server.departures
        assert departures is not None
        first = Departure(departures.name())
        house.nursery.start_soon(departures.run, first.id, Wish(NUMBER, Unhurried(), "t"), first.follow)
        theirs = await picked_up(callee)
        await trio.sleep(5)
        await theirs.bye()
        assert await first.ending() == "callee_hung_up"
        second = await depart(house)
        theirs = await picked_up(callee)
        assert MINUTE_S - 4 < await talked_s(theirs) < MINUTE_S
        assert await second.ending() == "allowance"


async def test_nobody_is_rung_without_a_minute_to_talk_in(autojump_clock) -> None:
    async with running(carrier(dial_minutes_a_day=1) | PATIENT) as house, house.caller(CARRIER) as callee:
        first = await depart(house)
        ringing = await arrived(callee)
        second = await depart(house)
        assert await second.ending() == "refused"
        assert "used up" in str(second.record["error"])
        await refused(ringing, 486)
        assert await first.ending() == "busy"
        await trio.sleep(1)
        third = await depart(house)
        theirs = await picked_up(callee)
        await theirs.bye()
        assert await third.ending() == "callee_hung_up"


async def test_a_name_that_sends_the_call_on_to_a_number_is_paid_for(autojump_clock) -> None:
    settings = carrier(dial_minutes_a_day=1) | PATIENT
    async with (
        running(settings) as house,
        house.caller(CARRIER) as first,
        house.caller(OTHER_CARRIER) as second,
    ):
        call = await depart(house, f"sip:bob@{AT_CARRIER}")
        await redirected(first, f"sip:{NUMBER}@{AT_OTHER}")
        theirs = await picked_up(second)
        assert await talked_s(theirs) < MINUTE_S
        assert await call.ending() == "allowance"
        again = await depart(house, f"sip:bob@{AT_CARRIER}")
        await redirected(first, f"sip:{NUMBER}@{AT_OTHER}")
        assert await again.ending() == "refused"
        assert "used up" in str(again.of("not_followed")[0]["problem"])


async def test_an_extension_costs_the_day_nothing(autojump_clock) -> None:
    settings = carrier(dial_minutes_a_day=1, dial_calls_a_day=1, extensions=["2XX"]) | PATIENT
    async with running(settings) as house, house.caller(CARRIER) as callee:
        for _ in range(2):
            call = await depart(house, "201")
            theirs = await picked_up(callee)
            await trio.sleep(150)
            await theirs.bye()
            assert await call.ending() == "callee_hung_up"


@pytest.mark.parametrize("target", ["118118", f"sip:118118@{AT_CARRIER}", "*72", f"sip:0@{AT_CARRIER}"])
async def test_a_short_code_of_the_carrier_s_is_not_dialled(autojump_clock, target: str) -> None:
    async with running(carrier()) as house, house.caller(CARRIER):
        call = await depart(house, target)
        assert await call.ending() == "refused"
        assert "extensions" in str(call.record["error"])
        assert house.network.wire == []


async def test_a_party_that_was_connected_is_hung_up_on_as_if_it_had_gone(
    autojump_clock, tmp_path: Path
) -> None:
    settings = {"MEDIASRV_TRUNKS__LOCAL__DIAL_MINUTES_A_DAY": "1"}
    async with town(tmp_path, settings, menu=MENU.replace('to = "bea"', f'to = "{NUMBER}"')) as here:
        mine = await here.anna.answered()
        await trio.sleep(0.5)
        await mine.talk.send_key(Key("1"))
        theirs = await picked_up(here.bea)
        assert await talked_s(theirs) < MINUTE_S
        assert "allowance of the day spent" in (await hung_up(theirs)).reason_text
        assert "allowance_spent" in here.house.events()
        assert "agent hung up" in (await hung_up(mine)).reason_text
