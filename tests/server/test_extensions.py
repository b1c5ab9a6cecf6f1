"""Calls to users of ours: their telephones ring, in virtual time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import trio

from mediasrv.endpoints import CallGone, SipCall
from mediasrv.sip import Account, Plan, Registered, RegistrationEvent, Rejected, Uri
from tests.server.access.phones import PASSWORDS, REALM, users
from tests.server.departing import answered_with, arrived
from tests.server.house import HOUSE, Caller, House, running
from tests.server.test_server import nothing_is_left

FIRST, SECOND = ("127.0.0.1", 5090), ("127.0.0.1", 5100)


@dataclass
class Office:
    """anna calls over the trunk `local`; 1001 has two telephones, of which each test registers what it needs."""

    house: House
    anna: Caller
    first: Caller
    second: Caller

    async def register(self, *phones: Caller) -> None:
        for phone in phones:
            await registered(phone)

    async def status(self, calling: SipCall) -> int:
        with trio.fail_after(70), pytest.raises(CallGone) as gone:
            await calling.wait_answered()
        assert isinstance(gone.value.end, Rejected)
        await nothing_is_left(self.house)
        return gone.value.end.status


@asynccontextmanager
async def office(settings: Mapping[str, str] | None = None) -> AsyncIterator[Office]:
    async with (
        running(settings, users=users()) as house,
        house.caller() as anna,
        house.caller(FIRST) as first,
        house.caller(SECOND) as second,
    ):
        yield Office(house, anna, first, second)


async def registered(phone: Caller, name: str = "1001") -> None:
    here = trio.Event()

    def told(event: RegistrationEvent) -> None:
        assert isinstance(event, Registered)
        here.set()

    record, registrar = Uri.parse(f"sip:{name}@{HOUSE[0]}"), Uri.parse(f"sip:{HOUSE[0]}")
    account = Account(REALM, name, PASSWORDS[name])
    phone.endpoint.register(Plan(record, registrar, (HOUSE,), account), told)
    with trio.fail_after(5):
        await here.wait()


async def pick_up(phone: Caller) -> SipCall:
    theirs = await arrived(phone)
    await theirs.answer(answered_with(theirs, phone.media))
    return theirs


async def test_a_user_is_rung_by_name_and_both_hear_each_other(autojump_clock) -> None:
    async with office() as here:
        await here.register(here.first)
        mine = await here.anna.call("1001")
        theirs = await arrived(here.first)
        await trio.sleep(25)
        assert mine.progress is not None
        assert (mine.progress.status, mine.answered) == (180, False)
        await theirs.answer(answered_with(theirs, here.first.media))
        await mine.wait_answered()
        await trio.sleep(1)
        here.house.packets_to(0)
        await trio.sleep(1)
        here.house.sent, sent = [], here.house.sent
        assert {packet.to[1] for packet in sent} == {5071, 5091}
        await theirs.bye()
        with trio.fail_after(3):
            await mine.wait_ended()
        await nothing_is_left(here.house)
        (record,) = here.house.call_records()
        assert (record["agent"], record["ending"]) == ("user:1001", "agent_hung_up")


async def test_who_calls_is_seen_and_not_what_the_trunk_shows_the_world(autojump_clock) -> None:
    async with office({"MEDIASRV_TRUNKS__LOCAL__CALLER_ID": "+442079460018",
                       "MEDIASRV_TRUNKS__LOCAL__SOURCES": "127.0.0.1"}) as here:  # fmt: skip
        await here.register(here.first)
        mine = await here.anna.call("1001")
        theirs = await arrived(here.first)
        assert theirs.request is not None
        assert theirs.request.from_.uri.user_text == "anna"
        await mine.cancel()
        await nothing_is_left(here.house)


@pytest.mark.parametrize("picks_up", [0, 1])
async def test_all_telephones_ring_and_the_others_stop_when_one_is_picked_up(
    autojump_clock, picks_up: int
) -> None:
    async with office() as here:
        phones = [here.first, here.second]
        await here.register(*phones)
        mine = await here.anna.call("1001")
        rung = [await arrived(phone) for phone in phones]
        for theirs in rung:
            await theirs.ring()
        await trio.sleep(2)
        await rung[picks_up].answer(answered_with(rung[picks_up], phones[picks_up].media))
        await mine.wait_answered()
        with trio.fail_after(1):
            await rung[1 - picks_up].wait_ended()
        await mine.bye()
        with trio.fail_after(1):
            await rung[picks_up].wait_ended()
        await nothing_is_left(here.house)


async def test_one_telephone_that_is_busy_leaves_the_other_ringing(autojump_clock) -> None:
    async with office() as here:
        await here.register(here.first, here.second)
        mine = await here.anna.call("1001")
        await (await arrived(here.first)).reject(486)
        await trio.sleep(2)
        theirs = await pick_up(here.second)
        await mine.wait_answered()
        await theirs.bye()
        await nothing_is_left(here.house)


async def test_one_telephone_that_declines_for_its_user_stops_the_other(autojump_clock) -> None:
    async with office() as here:
        await here.register(here.first, here.second)
        mine = await here.anna.call("1001")
        other = await arrived(here.second)
        await other.ring()
        await (await arrived(here.first)).reject(603)
        assert await here.status(mine) == 603
        assert other.end is not None


async def test_two_who_pick_up_at_once_are_one_call(autojump_clock) -> None:
    async with office() as here:
        await here.register(here.first, here.second)
        mine = await here.anna.call("1001")
        async with trio.open_nursery() as both:
            for phone in (here.first, here.second):
                both.start_soon(pick_up, phone)
        await mine.wait_answered()
        await trio.sleep(1)
        await mine.bye()
        await nothing_is_left(here.house)


@pytest.mark.parametrize(("said", "told"), [(486, 486), (600, 486), (603, 603), (480, 480), (404, 603)])
async def test_a_refusal_is_told_to_who_calls(autojump_clock, said: int, told: int) -> None:
    async with office() as here:
        await here.register(here.first)
        mine = await here.anna.call("1001")
        await (await arrived(here.first)).reject(said)
        assert await here.status(mine) == told


async def test_who_does_not_answer_is_480_when_the_ringing_has_lasted_long_enough(autojump_clock) -> None:
    async with office({"MEDIASRV_CALLS__RING_S": "40"}) as here:
        await here.register(here.first)
        mine, began = await here.anna.call("1001"), trio.current_time()
        theirs = await arrived(here.first)
        await theirs.ring()
        assert await here.status(mine) == 480
        assert theirs.end is not None
        assert trio.current_time() - began < 40 + 42


async def test_who_is_not_registered_is_480_and_nothing_rings(autojump_clock) -> None:
    async with office() as here:
        mine = await here.anna.call("1001")
        assert await here.status(mine) == 480
        assert mine.progress is None


async def test_a_caller_who_gives_up_stops_all_telephones(autojump_clock) -> None:
    async with office() as here:
        await here.register(here.first, here.second)
        mine = await here.anna.call("1001")
        rung = [await arrived(phone) for phone in (here.first, here.second)]
        await trio.sleep(1)
        await mine.cancel()
        with trio.fail_after(1):
            for theirs in rung:
                await theirs.wait_ended()
        await nothing_is_left(here.house)
        assert [record["ending"] for record in here.house.call_records()] == ["caller_cancelled"]


async def test_numbers_come_before_users_and_may_name_them(autojump_clock) -> None:
    numbers = json.dumps({"1001": "tone", "+4420*": "user:1001"})
    async with office({"MEDIASRV_AGENTS__NUMBERS": numbers}) as here:
        await here.register(here.first)
        await (await here.anna.answered("1001")).bye()
        mine = await here.anna.call("+442079460018")
        theirs = await pick_up(here.first)
        await mine.wait_answered()
        await theirs.bye()
        await nothing_is_left(here.house)


async def test_over_another_trunk_a_user_is_only_rung_if_its_numbers_say_so(autojump_clock) -> None:
    """Extensions of the house are none of a carrier's business."""
    trunks = {"carrier": {"sources": ["127.0.0.1"], "numbers": {"5": "user:1001"}}}
    async with office({"MEDIASRV_TRUNKS": json.dumps(trunks), "MEDIASRV_AGENTS__DEFAULT": ""}) as here:
        await here.register(here.first)
        mine = await here.anna.call("5")
        await (await arrived(here.first)).reject(486)
        assert await here.status(mine) == 486
        assert await here.status(await here.anna.call("1001")) == 404


async def test_a_user_is_rung_by_name_however_much_it_looks_like_a_number(autojump_clock) -> None:
    """No toll rule of `local` would let it be dialled, and no trunk is asked."""
    async with office({"MEDIASRV_AGENTS__NUMBERS": json.dumps({"9": "user:+19005550100"})}) as here:
        assert await here.status(await here.anna.call("9")) == 480


@pytest.mark.parametrize("agent", ["echo", "tone"])
async def test_an_agent_is_transferred_to_a_user_and_goes_on_with_him(autojump_clock, agent: str) -> None:
    async with office({"MEDIASRV_AGENTS__DEFAULT": agent}) as here:
        await here.register(here.first)
        for phase in range(3):
            mine = await here.anna.answered()
            await trio.sleep(0.5 + 0.005 * phase)
            await mine.talk.refer(Uri.parse(f"sip:1001@{HOUSE[0]}"))
            theirs = await pick_up(here.first)
            with trio.fail_after(5):
                await mine.wait_ended()
            await trio.sleep(0.5)
            assert theirs.end is None
            await theirs.bye()
        await nothing_is_left(here.house)
        assert {record["ending"] for record in here.house.call_records()} == {"callee_hung_up"}
