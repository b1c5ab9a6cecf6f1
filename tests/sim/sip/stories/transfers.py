"""Callers who are sent on to somebody else, and others who come in their place."""

from __future__ import annotations

import trio

from tests.sim.sip.house import House
from tests.sim.sip.phone import Phone
from tests.sim.sip.stories.beginnings import answered, recorded
from tests.sim.sip.stories.changes import hung_up, in_a_call, sounding
from tests.sim.sip.stories.dialling import notify
from tests.sim.sip.story import ANY, STEADY, story
from tests.sim.sip.talk import Saying, Talk

CONNECT_ME = "3"  # in the menu that ships
SAYS_S = 10.0  # "One moment, I will connect you", and what led there
GIVES_UP_S = 60.0


async def asked_to_go(house: House, answer: Saying) -> tuple[Phone, Talk, str]:
    """A caller presses the key, and is told by REFER whom to call; returns the event that he may tell about."""
    anna, call = await in_a_call(house)
    call.answers["REFER"] = lambda refer: answer
    anna.media.speak()
    await trio.sleep(1.0)
    anna.media.handset.press(CONNECT_ME, 200)
    await house.until(lambda: call.requests("REFER"), "our REFER", SAYS_S + house.soon_s)
    refer = call.requests("REFER")[0]
    assert "reception@" in refer.header("Refer-To")
    return anna, call, f"refer;id={refer.cseq}"


@story(ANY, agents__default="menu")
async def a_caller_is_sent_on(house: House) -> None:
    _, call, event = await asked_to_go(house, 202)
    notify(call, 200, event, last=True)
    await house.until(lambda: call.ended, "our BYE", 2 * house.soon_s)
    await recorded(house, "transferred")


@story(ANY, agents__default="menu")
async def a_caller_who_will_not_be_sent_on_hears_the_menu_again(house: House) -> None:
    anna, call, _ = await asked_to_go(house, 603)
    await house.all_along(lambda: call.up, "the call goes on", 2.0)
    await sounding(house, anna)
    await hung_up(house, call)


@story(ANY, agents__default="menu")
async def a_caller_who_tries_in_vain_comes_back(house: House) -> None:
    anna, call, event = await asked_to_go(house, 202)
    for status in (100, 486):
        notify(call, status, event, last=status == 486)
        await trio.sleep(house.soon_s / 10)
    await sounding(house, anna)
    assert call.up
    await hung_up(house, call)


@story(STEADY, agents__default="menu", limit_s=200)
async def a_caller_of_whom_nothing_is_heard_is_not_waited_for(house: House) -> None:
    """He takes the REFER, and every NOTIFY is lost: the menu goes on."""
    anna, call, event = await asked_to_go(house, 202)
    house.lose("NOTIFY", 1_000)
    notify(call, 200, event, last=True)
    await trio.sleep(GIVES_UP_S + 1)
    await sounding(house, anna)
    await hung_up(house, call)


@story(ANY, agents__default="menu")
async def a_caller_hangs_up_while_he_is_sent_on(house: House) -> None:
    _, call, event = await asked_to_go(house, 202)
    notify(call, 100, event, last=False)
    await trio.sleep(house.moment_s(0.3))
    call.bye()
    await house.until(lambda: not house.live, "it is over", 2 * house.soon_s)
    assert len(house.endings()) == 1


@story(ANY)
async def another_telephone_takes_the_callers_place(house: House) -> None:
    """RFC 3891: the one who was there before is seen out, and the call goes on as one."""
    anna, first = await in_a_call(house)
    bert = house.phone("bert")
    second = bert.dial(more=replaces(first))
    await answered(house, bert, second)
    await house.until(lambda: first.ended == "they hung up", "anna is seen out")
    assert len(house.endings()) == 0
    second.bye()
    await recorded(house, "caller_hung_up", within_s=2 * house.soon_s)
    assert anna.media.heard


@story(ANY)
async def the_caller_leaves_while_another_takes_his_place(house: House) -> None:
    _, first = await in_a_call(house)
    second = house.phone("bert").dial(more=replaces(first))
    await trio.sleep(house.moment_s(0.3))
    first.bye()
    await house.until(lambda: second.status, "bert learns how it went", 2 * house.soon_s)
    assert second.status in (200, 481, 480, 487, 500, 603), second.status
    if second.up:
        second.bye()
    await house.until(lambda: not house.live, "all is over", 2 * house.soon_s)


@story(ANY)
async def nobody_takes_the_place_of_a_call_that_is_not_there(house: House) -> None:
    anna, first = await in_a_call(house)
    first.theirs, true_tag = "guessed", first.theirs
    second = house.phone("bert").dial(more=replaces(first))
    first.theirs = true_tag
    await house.until(lambda: second.status == 481, "no such call")
    await sounding(house, anna)
    await hung_up(house, first)


def replaces(call: Talk) -> tuple[tuple[str, str], ...]:
    return (("Replaces", f"{call.call_id};to-tag={call.theirs};from-tag={call.ours}"),)
