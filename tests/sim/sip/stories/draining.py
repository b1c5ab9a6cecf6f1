"""The end of the server, in every state that a call can be in: nobody waits for it, and nobody is forgotten."""

from __future__ import annotations

import trio

from tests.sim.sip.house import House
from tests.sim.sip.stories.beginnings import answered, recorded
from tests.sim.sip.stories.changes import hung_up, in_a_call, quiet
from tests.sim.sip.story import ANY, STEADY, WHOLE, story

STOPS_S = 3.0  # after the last call: good-bye, the answers to it, the last record


async def stopped(house: House, within_s: float = STOPS_S) -> None:
    await house.until(lambda: house.stopped, "the server is gone", within_s)


@story(WHOLE, server__drain_s="60")
async def a_draining_server_takes_nobody_and_waits_for_who_is_there(house: House) -> None:
    _, call = await in_a_call(house)
    house.server.drain()
    late = house.phone("bert").dial()
    await house.until(lambda: late.status == 503, "come back later")
    assert late.invitation is not None
    assert late.invitation.final.retry_after_s > 0
    await house.all_along(lambda: call.up, "the call goes on", 5.0)
    await hung_up(house, call)
    await stopped(house)


@story(WHOLE, server__drain_s="5")
async def a_call_that_outlasts_the_drain_is_told_why(house: House) -> None:
    _, call = await in_a_call(house)
    house.server.drain()
    await house.until(lambda: call.requests("BYE"), "our BYE", 5 + house.soon_s)
    assert "shutting down" in call.requests("BYE")[0].header("Reason")
    assert house.endings() == ["drain"]
    await stopped(house)


@story(ANY)
async def the_server_ends_at_any_moment_of_a_call_that_begins(house: House) -> None:
    call = house.phone().dial()
    await trio.sleep(house.moment_s(0.5))
    house.server.hurry()
    await stopped(house)
    assert not call.status or call.status in (200, 500, 503), call.status


@story(STEADY)
async def a_draining_server_still_refuses_while_its_last_bye_is_answered(house: House) -> None:
    _, call = await in_a_call(house)
    house.server.hurry()
    late = house.phone("bert").dial()
    await house.until(lambda: call.ended, "our BYE")
    await stopped(house)
    assert late.status in (0, 503), late.status


@story(ANY)
async def the_server_ends_while_its_200_is_not_acknowledged(house: House) -> None:
    """A BYE must wait for the ACK, and the server does not."""
    anna = house.phone()
    call = anna.dial()
    call.acks = False
    await house.until(lambda: call.up, "the call is answered")
    house.server.hurry()
    await stopped(house)
    assert house.endings() == ["drain"]


@story(WHOLE)
async def the_server_ends_while_a_call_is_held(house: House) -> None:
    anna, call = await in_a_call(house)
    hold = call.reoffer("inactive")
    await house.until(lambda: hold.status == 200 and house.settled(), "held")
    await quiet(house, anna)
    house.server.hurry()
    await house.until(lambda: call.ended, "our BYE")
    await stopped(house)


@story(ANY)
async def the_server_ends_in_the_middle_of_a_change(house: House) -> None:
    _, call = await in_a_call(house)
    call.reoffer("sendonly")
    await trio.sleep(house.moment_s(0.2))
    house.server.hurry()
    await stopped(house)
    assert len(house.endings()) == 1


@story(STEADY)
async def the_server_ends_and_the_caller_is_gone(house: House) -> None:
    anna, _ = await in_a_call(house)
    house.cut_off(anna)
    house.server.hurry()
    await stopped(house)
    assert house.endings() == ["drain"]


@story(ANY)
async def both_the_server_and_the_caller_end_at_once(house: House) -> None:
    _, call = await in_a_call(house)
    call.bye()
    await trio.sleep(house.moment_s(0.1))
    house.server.hurry()
    await stopped(house)
    assert len(house.endings()) == 1


@story(ANY)
async def an_operator_ends_all_calls(house: House) -> None:
    """Told once to drain and twice to hurry: it ends once, and each caller is told."""
    callers = [house.phone(name) for name in ("anna", "bert", "carol")]
    calls = [caller.dial() for caller in callers]
    for caller, call in zip(callers, calls, strict=True):
        await answered(house, caller, call)
    house.server.drain()
    for _ in range(2):
        house.server.hurry()
    await recorded(house, "drain", "drain", "drain", within_s=STOPS_S)
    await stopped(house)
