"""Several who want one seat of a call at once: the first to sit down has it, and the call goes on."""

from __future__ import annotations

from contextlib import suppress

import pytest
import trio

from mediasrv.call import Agent, run_call
from mediasrv.call.bridge import take_over
from mediasrv.call.menu import menu_agent, parse_menus
from mediasrv.ids import CallId
from mediasrv.legs import CallInfo, Ending, LegEnded
from tests.call.joining import MENUS, Stage, caller_who, hears, stage
from tests.fakes.parties import FakeParty, FakeTransfer, Guest

CONSULTS = MENUS.replace(
    '{ do = "connect", to = "bob", STEP }', '{ do = "transfer", to = "bob", consult = true }'
)


@pytest.mark.parametrize("reached_after_s", [0.1, 5.0])
async def test_a_callee_who_transfers_while_the_caller_is_asked_to_take_our_place_is_replaced(
    autojump_clock: object, reached_after_s: float
) -> None:
    """The caller's side has refused by then, or does so later."""
    asked = FakeTransfer("carol")
    bob = Guest(answers_after_s=1.0, stays_s=None, wants=[(0.2, asked)])
    async with stage(bob=bob, carol=Guest(answers_after_s=reached_after_s, stays_s=15.0)) as here:
        anna = FakeParty(caller_who(), CallInfo(CallId("call-1"), "100", "200", "local"))
        here.nursery.start_soon(anna.stream.run)
        here.nursery.start_soon(_lead, here, menu_agent(parse_menus(CONSULTS)), anna)
        await trio.sleep(12)
        carol = here.dialler.party("carol")
        assert asked.told == [202, 180, 200]
        assert hears(anna, carol)
        assert hears(carol, anna)
        assert here.noted("not_transferred")[0]["problem"] == "603"
    assert here.outcome() == "hung_up"
    assert here.records["call-1"].error == ""


async def _lead(here: Stage, agent: Agent, caller: FakeParty) -> None:
    here.records[caller.info.id] = await run_call(caller, agent, here.services)
    await caller.stream.aclose()


async def _come(here: Stage, name: str, guest: Guest, seat_of: str = "caller") -> FakeParty:
    """Takes a seat of the call (INVITE with Replaces), and stays until he is let go."""
    comer = FakeParty(guest, CallInfo(CallId(name), name, "200", "local"))
    call = here.services.live.find(CallId("call-1"))
    assert call is not None
    seat = call.floor.caller if seat_of == "caller" else call.floor.callee
    assert seat is not None

    async def stay() -> None:
        try:
            with suppress(LegEnded):
                await take_over(call, seat, comer)
        finally:
            comer.closed = True
            await comer.stream.aclose()

    here.nursery.start_soon(comer.stream.run)
    here.nursery.start_soon(stay)
    await trio.lowlevel.checkpoint()
    return comer


@pytest.mark.parametrize("seat_of", ["caller", "callee"])
async def test_of_two_who_come_for_one_seat_the_second_is_hung_up(
    autojump_clock: object, seat_of: str
) -> None:
    async with stage(bob=Guest(stays_s=None)) as here:
        anna = here.call(caller_who(stays_s=None))
        await trio.sleep(6)
        bob = here.dialler.party("bob")
        carol = await _come(here, "carol", Guest(answers_after_s=0.2, stays_s=None), seat_of)
        await trio.sleep(0.1)
        dave = await _come(here, "dave", Guest(answers_after_s=0.2, stays_s=None), seat_of)
        await trio.sleep(5)
        stays, left = (bob, anna) if seat_of == "caller" else (anna, bob)
        assert hears(stays, carol)
        assert hears(carol, stays)
        assert stays.stream.behind is None
        assert dave.hung_up == [Ending.REFUSED]
        assert dave.closed
        assert left.hung_up == [Ending.TRANSFERRED]
        stays.leave()
    assert here.records["call-1"].error == ""


async def test_of_two_who_come_and_do_not_stay_none_leaves_the_party_on_hold(autojump_clock: object) -> None:
    async with stage(bob=Guest(stays_s=None)) as here:
        anna = here.call(caller_who(stays_s=None))
        await trio.sleep(6)
        bob = here.dialler.party("bob")
        for name in ("carol", "dave"):
            await _come(here, name, Guest(answers_after_s=0.2, refuses=Ending.NO_ACK))
            await trio.sleep(0.1)
        assert bob.stream.behind is not None
        await trio.sleep(1)
        assert hears(anna, bob)
        assert hears(bob, anna)
        assert bob.stream.behind is None
        anna.leave()
    assert here.records["call-1"].error == ""


@pytest.mark.parametrize("by_caller", [True, False])
async def test_who_is_replaced_while_somebody_rings_in_his_place_is_told_so_and_it_rings_no_more(
    autojump_clock: object, by_caller: bool
) -> None:
    asked = FakeTransfer("carol")
    wants = [(6.0, asked)]
    bob = Guest(stays_s=None, wants=() if by_caller else wants)
    async with stage(bob=bob, carol=Guest(answers_after_s=9.0, stays_s=None)) as here:
        anna = here.call(caller_who(stays_s=None, wants=wants if by_caller else ()))
        await trio.sleep(11)
        dave = await _come(
            here, "dave", Guest(answers_after_s=0.2, stays_s=None), "caller" if by_caller else "callee"
        )
        await trio.sleep(1)
        assert asked.told == [202, 180, 487]
        assert here.dialler.party("carol").closed
        await trio.sleep(20)
        stays = here.dialler.party("bob") if by_caller else anna
        assert hears(stays, dave)
        assert hears(dave, stays)
        stays.leave()
    assert here.records["call-1"].error == ""


async def test_who_comes_for_a_seat_that_is_there_no_more_is_hung_up(autojump_clock: object) -> None:
    async with stage(bob=Guest(stays_s=None)) as here:
        anna = here.call(caller_who(stays_s=None))
        await trio.sleep(6)
        dave = await _come(here, "dave", Guest(answers_after_s=1.0, stays_s=None), "callee")
        await trio.sleep(0.5)
        anna.stream.hear_key("*", 100)
        anna.stream.hear_key("0", 100)
        await trio.sleep(2)
        assert here.outcome() == "taken_back"
        assert dave.hung_up == [Ending.REFUSED]
        assert dave.closed
        anna.leave()
    assert here.records["call-1"].error == ""
