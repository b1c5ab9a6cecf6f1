"""What is heard and agreed on before the answer, whatever the way there loses of it."""

from __future__ import annotations

from pathlib import Path

from tests.sim.sip.house import House
from tests.sim.sip.phone import Phone
from tests.sim.sip.stories.beginnings import answered, recorded
from tests.sim.sip.story import ANY, WHOLE, story
from tests.sim.sip.talk import Talk

MENU = str(Path(__file__).with_name("early.toml"))
REQUIRED = (("Require", "100rel"),)


async def told_early(house: House) -> tuple[Phone, Talk]:
    """A caller who hears something, and is not answered yet."""
    anna = house.known_phone()
    call = anna.dial()
    await house.until(lambda: anna.media.heard, "sound before the answer", 4 + 2 * house.soon_s)
    assert call.rung
    assert not call.up
    return anna, call


async def answered_after_that(house: House, anna: Phone, call: Talk) -> None:
    await house.until(lambda: call.up, "all is said, and the call is answered", 10 + 2 * house.soon_s)
    await answered(house, anna, call)


@story(ANY, agents__default="menu", agents__menu=MENU)
async def something_is_said_before_the_answer(house: House) -> None:
    anna, call = await told_early(house)
    await answered_after_that(house, anna, call)
    call.bye()
    await recorded(house, "caller_hung_up")


@story(WHOLE, agents__default="menu", agents__menu=MENU)
async def a_183_and_its_prack_are_lost_and_it_is_said_all_the_same(house: House) -> None:
    house.lose("183", 1)
    house.lose("PRACK", 1)
    house.lose("200 PRACK", 1)
    anna, call = await told_early(house)
    await answered_after_that(house, anna, call)
    assert len(call.rung) == 1
    call.bye()
    await recorded(house, "caller_hung_up")


@story(ANY, agents__default="menu", agents__menu=MENU)
async def a_caller_gives_up_while_he_is_told_something(house: House) -> None:
    _, call = await told_early(house)
    call.cancel()
    await recorded(house, "caller_cancelled")


@story(WHOLE, agents__default="menu", agents__menu=MENU)
async def a_change_before_the_answer(house: House) -> None:
    """RFC 3311 section 5: agreed to while the 200 has not come, or at the moment it comes."""
    anna, call = await told_early(house)
    change = call.update("sendrecv", codecs=(0,))
    await house.until(lambda: change.over, "it is answered", 2 * house.soon_s)
    assert change.status == 200, change.status
    await answered_after_that(house, anna, call)
    call.bye()
    await recorded(house, "caller_hung_up")


@story(WHOLE, calls__answer_after_s="1")
async def our_offer_in_the_ringing_is_answered_in_its_prack(house: House) -> None:
    anna = house.known_phone()
    house.lose("PRACK", 1)
    call = anna.dial(body=b"", more=REQUIRED)
    call.late_answer = anna.media.description(codecs=(8,))
    await house.until(lambda: call.up, "the call is answered", 8 + house.soon_s)
    await answered(house, anna, call)
    assert set(anna.media.heard_since(0.0)) == {8}
    call.bye()
    await recorded(house, "caller_hung_up")


@story(ANY, calls__answer_after_s="1")
async def our_offer_in_the_ringing_is_never_answered(house: House) -> None:
    anna = house.known_phone()
    call = anna.dial(body=b"", more=REQUIRED)
    await house.until(lambda: call.status, "it is refused", 8 + 2 * house.soon_s)
    assert call.status == 488
    await recorded(house, "fault")
