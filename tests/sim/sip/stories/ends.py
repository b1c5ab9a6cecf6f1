"""How calls end: a BYE from either side or from both, lost or crossing, and calls that nobody ends but time."""

from __future__ import annotations

import trio

from tests.sim.sip.house import House
from tests.sim.sip.repeating import PATIENCE_S
from tests.sim.sip.stories.beginnings import answered, recorded
from tests.sim.sip.story import ANY, STEADY, WHOLE, story


@story(WHOLE)
async def a_lost_bye_is_sent_again(house: House) -> None:
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    house.lose("BYE", 3)
    bye = call.bye()
    await house.until(lambda: bye.status == 200, "the fourth BYE is answered", 3.5 + house.soon_s)
    await recorded(house, "caller_hung_up")


@story(WHOLE)
async def the_answer_to_a_bye_is_lost(house: House) -> None:
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    house.lose("200 BYE", 3)
    bye = call.bye()
    await recorded(house, "caller_hung_up")
    await house.until(lambda: bye.status == 200, "the fourth one comes", 3.5 + house.soon_s)


@story(WHOLE, calls__max_length_s="5")
async def the_longest_call_is_reached_and_our_bye_is_lost(house: House) -> None:
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    house.lose("BYE", 4)
    await house.until(lambda: call.requests("BYE"), "our fifth BYE", 5 + 7.5 + house.soon_s)
    await house.until(lambda: house.endings(), "the record")


@story(ANY, calls__max_length_s="3")
async def our_bye_is_answered_by_nobody(house: House) -> None:
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    call.answers["BYE"] = lambda request: None
    await house.until(lambda: house.endings(), "the call is over at once for us", 3 + house.soon_s)
    await house.until(lambda: not house.endpoint.statistics().dialogs, "and forgotten", PATIENCE_S + 1)


@story(ANY, calls__max_length_s="3")
async def our_bye_is_answered_with_rubbish(house: House) -> None:
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    call.answers["BYE"] = lambda request: b"SIP/2.0 200 certainly\r\nVia: nowhere\r\n\r\n"
    await house.until(lambda: not house.live, "the call is over", 3 + house.soon_s)
    await house.until(lambda: not house.endpoint.statistics().dialogs, "and forgotten", PATIENCE_S + 1)


@story(ANY, calls__max_length_s="4")
async def both_hang_up_at_once(house: House) -> None:
    """The BYEs cross: each side answers the other's, and neither waits for more."""
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    began_s = anna.media.heard[0].at_s
    await trio.sleep(max(0.0, began_s + 4.0 - house.now_s - 0.15 + house.moment_s(0.3)))
    bye = call.bye()
    await house.until(lambda: bye.over, "anna's BYE is answered")
    assert bye.status in (200, 481), bye.status
    await house.until(lambda: not house.live, "the call is over")
    assert len(house.endings()) == 1


@story(WHOLE)
async def a_bye_follows_a_reinvite_closely(house: House) -> None:
    """Whatever order they come in: the INVITE is answered (once: who has hung up wants no more), the call is over."""
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    change = call.reoffer("sendonly")
    await trio.sleep(house.moment_s(0.1))
    bye = call.bye()
    await house.until(lambda: bye.status == 200, "the BYE is answered")
    await house.until(lambda: change.over, "the re-INVITE is, too", 2 * house.soon_s)
    assert change.status in (200, 481, 487, 500), change.status
    await recorded(house, "caller_hung_up", within_s=2 * house.soon_s)


@story(ANY, calls__max_length_s="4")
async def our_bye_crosses_a_reinvite(house: House) -> None:
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    await trio.sleep(max(0.0, 3.8 + house.moment_s(0.4) - (house.now_s - anna.media.heard[0].at_s)))
    change = call.reoffer("inactive")
    await house.until(lambda: change.over, "the re-INVITE is answered")
    assert change.status in (200, 481, 487, 491), change.status
    await house.until(lambda: call.ended, "our BYE came", 4 + 2 * house.soon_s)
    await house.until(lambda: not house.live, "the call is over")


@story(ANY, media__media_timeout_ms="4000")
async def a_caller_who_sends_no_sound_is_hung_up_upon(house: House) -> None:
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    await house.until(lambda: call.requests("BYE"), "our BYE", 4 + house.soon_s)
    assert "no media" in call.requests("BYE")[0].header("Reason")
    await recorded(house, "media_timeout")


@story(STEADY, media__media_timeout_ms="4000")
async def a_caller_whose_network_dies_is_hung_up_upon(house: House) -> None:
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    anna.media.speak()
    await house.all_along(lambda: call.up, "sound keeps the call up", 10.0)
    house.cut_off(anna)
    await recorded(house, "media_timeout", within_s=5.0)
    await house.until(lambda: not house.endpoint.statistics().dialogs, "the BYE is given up", PATIENCE_S + 1)


@story(STEADY, media__media_timeout_ms="8000")
async def a_partition_that_heals_is_not_the_end(house: House) -> None:
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    anna.media.speak()
    await trio.sleep(2)
    house.cut_off(anna)
    bye_waits = call.update()
    await trio.sleep(house.moment_s(6.0))
    house.reconnect(anna)
    await house.until(
        lambda: bye_waits.status == 200, "what was asked meanwhile is answered", 4.5 + house.soon_s
    )
    mended_s = house.now_s
    await house.until(lambda: len(anna.media.heard_since(mended_s)) > 20, "and there is sound")
    call.bye()
    await recorded(house, "caller_hung_up")


@story(ANY)
async def a_peer_that_has_restarted_calls_again(house: House) -> None:
    """The old call is of nobody's now; it does not stand in the way of the new one, and ends as sound does."""
    anna = house.phone()
    first = anna.dial()
    await answered(house, anna, first)
    anna.restart()
    second = anna.dial()
    await house.until(lambda: second.up, "the new call is answered")
    assert house.live == 2
    second.bye()
    await house.until(lambda: house.live == 1, "the new one is over")
    house.server.hurry()
    await house.until(lambda: not house.live, "the old one, too", 5.0)


@story(ANY)
async def a_bye_of_another_dialog_ends_nothing(house: House) -> None:
    """Right Call-ID, wrong tag: somebody guesses."""
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    true_tag, call.theirs = call.theirs, "guessed"
    guess = call.ask("BYE", answered=lambda response: None)
    await house.until(lambda: guess.status == 481, "no such dialog")
    call.theirs = true_tag
    await house.all_along(lambda: house.live == 1, "the call goes on", 2.0)
    call.bye()
    await recorded(house, "caller_hung_up")
