"""How calls begin: an INVITE, a 200 and an ACK, each of which may be lost, late, or come twice."""

from __future__ import annotations

import trio

from tests.sim.sip.house import SERVER, House
from tests.sim.sip.phone import Phone
from tests.sim.sip.repeating import PATIENCE_S
from tests.sim.sip.story import ANY, STEADY, WHOLE, story
from tests.sim.sip.talk import Talk


async def answered(house: House, phone: Phone, call: Talk) -> None:
    """It is answered, and the ACK has come: there is sound."""
    await house.until(lambda: call.up, "the call is answered")
    await house.until(lambda: phone.media.heard, "the ACK has come: there is sound")


async def recorded(house: House, *endings: str, within_s: float | None = None) -> None:
    await house.until(lambda: house.endings() == list(endings), f"records that say {endings}", within_s)


@story(ANY)
async def a_call_is_taken_and_hung_up(house: House) -> None:
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    bye = call.bye()
    await recorded(house, "caller_hung_up")
    await house.until(lambda: bye.status == 200, "the BYE is answered")


@story(WHOLE)
async def a_lost_invite_is_sent_again_and_is_one_call(house: House) -> None:
    anna = house.phone()
    house.lose("INVITE", 3)
    call = anna.dial()
    await house.until(lambda: call.up, "the fourth INVITE is answered", 3.5 + house.soon_s)
    call.bye()
    await recorded(house, "caller_hung_up")


@story(WHOLE)
async def a_lost_200_is_said_again(house: House) -> None:
    anna = house.known_phone()
    house.lose("200 INVITE", 3)
    call = anna.dial()
    await house.until(lambda: call.up, "the fourth 200 comes", 3.5 + house.soon_s)
    await answered(house, anna, call)
    call.bye()
    await recorded(house, "caller_hung_up")


@story(WHOLE)
async def a_lost_ack_is_made_up_for_by_the_next(house: House) -> None:
    anna = house.known_phone()
    house.lose("ACK", 2)
    call = anna.dial()
    await house.until(lambda: anna.media.heard, "sound follows the third ACK", 1.5 + house.soon_s)
    assert anna.statuses("INVITE").count(200) >= 3
    call.bye()
    await recorded(house, "caller_hung_up")


@story(ANY)
async def an_answer_that_nobody_acknowledges_is_hung_up(house: House) -> None:
    anna = house.known_phone()
    call = anna.dial()
    call.acks = False
    await house.until(lambda: call.requests("BYE"), "our BYE", PATIENCE_S + 2 * house.soon_s)
    assert "no ACK" in call.requests("BYE")[0].header("Reason")
    assert not anna.media.heard, "an address that proved nothing is sent nothing"
    await recorded(house, "no_ack")


@story(STEADY, media__media_timeout_ms="4000")
async def a_caller_who_dies_with_the_invite_costs_a_minute_at_most(house: House) -> None:
    anna = house.phone()
    anna.dial()
    await trio.sleep(house.moment_s(0.6))
    house.cut_off(anna)
    await house.until(lambda: not house.live, "the call is given up", PATIENCE_S + house.soon_s)
    await house.until(lambda: not house.endpoint.statistics().dialogs, "its BYE is", PATIENCE_S + 1)


@story(ANY)
async def an_invite_repeated_after_its_answer_is_still_one_call(house: House) -> None:
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    assert call.invitation is not None
    for _ in range(5):
        anna.send(call.invitation.request)
        await trio.sleep(house.moment_s(4.0))
    assert house.counts("calls") == {"taken": 1}
    call.bye()
    await recorded(house, "caller_hung_up")


@story(STEADY)
async def an_invite_that_comes_two_ways_is_answered_once(house: House) -> None:
    """Section 8.2.2.2: a proxy has forked it, and both branches lead to us."""
    anna = house.phone()
    call = anna.dial()
    assert call.invitation is not None
    invite = call.invitation.request
    again = tuple(anna.via(anna.branch()) if name == "Via" else (name, value) for name, value in invite.lines)
    anna.send(type(invite)(invite.first, again, invite.body))
    await house.until(lambda: 482 in anna.statuses("INVITE"), "the second one is told of the loop")
    await answered(house, anna, call)
    call.bye()
    await recorded(house, "caller_hung_up")


@story(ANY)
async def a_cancel_meets_the_answer_anywhere(house: House) -> None:
    """Whichever comes first: it ends, with 487 or with the caller's own BYE."""
    anna = house.phone()
    call = anna.dial()
    await trio.sleep(house.moment_s(0.4))
    cancel = call.give_up()
    await house.until(lambda: cancel.over, "the CANCEL is answered")
    await house.until(lambda: call.status, "the INVITE is answered", 2 * house.soon_s)
    assert call.status in (200, 487), call.status
    assert cancel.status in (200, 481), cancel.status
    await house.until(lambda: not house.live, "the call is over", 2 * house.soon_s)
    assert set(house.endings()) <= {"caller_cancelled", "caller_hung_up", "no_ack"}


@story(WHOLE)
async def the_answer_to_a_cancel_is_lost(house: House) -> None:
    anna = house.phone()
    house.lose("200 CANCEL", 2)
    call = anna.dial()
    cancel = call.cancel()
    await house.until(lambda: cancel.over, "the third CANCEL is answered", 1.5 + house.soon_s)
    await house.until(lambda: not house.live and call.status, "the call is over", house.soon_s)


@story(STEADY)
async def a_cancel_overtakes_its_invite(house: House) -> None:
    """It finds nothing to cancel; so the caller is answered, and hangs up."""
    anna = house.phone()
    house.lose("INVITE")
    call = anna.dial()
    cancel = call.cancel()
    await house.until(lambda: cancel.status == 481, "nothing is known yet")
    await house.until(lambda: call.status == 200, "the INVITE comes, and is answered", 0.5 + house.soon_s)
    await recorded(house, "caller_hung_up")


@story(WHOLE)
async def a_bye_before_the_answer_finds_no_dialog(house: House) -> None:
    """It cannot have its tag, so it is nobody's; the call goes on as if it had not come."""
    anna = house.phone()
    call = anna.dial()
    bye = call.ask("BYE", answered=lambda response: None)
    await house.until(lambda: bye.status == 481, "no such dialog")
    await answered(house, anna, call)
    call.bye()
    await recorded(house, "caller_hung_up")


@story(ANY)
async def a_late_offer_is_answered_in_the_ack(house: House) -> None:
    anna = house.phone()
    call = anna.dial(body=b"")
    call.late_answer = anna.media.description(codecs=(8,))
    await answered(house, anna, call)
    assert set(anna.media.heard_since(0.0)) == {8}
    call.bye()
    await recorded(house, "caller_hung_up")


@story(WHOLE)
async def a_late_offer_survives_the_loss_of_its_acks(house: House) -> None:
    anna = house.known_phone()
    house.lose("ACK", 3)
    call = anna.dial(body=b"")
    call.late_answer = anna.media.description(codecs=(0,))
    await house.until(lambda: anna.media.heard, "sound after the fourth ACK", 3.5 + house.soon_s)
    call.bye()
    await recorded(house, "caller_hung_up")


@story(ANY)
async def a_late_offer_that_nobody_answers_ends_the_call(house: House) -> None:
    anna = house.known_phone()  # to a stranger a 200 that is larger than its INVITE is not repeated
    call = anna.dial(body=b"")
    await house.until(lambda: call.requests("BYE"), "our BYE", 2 * house.soon_s)
    assert "unacceptable answer" in call.requests("BYE")[0].header("Reason")
    await recorded(house, "fault")


@story(ANY, media__capacity="1")
async def a_full_server_says_when_to_come_back(house: House) -> None:
    anna, bert = house.phone(), house.phone("bert")
    first = anna.dial()
    await answered(house, anna, first)
    second = bert.dial()
    await house.until(lambda: second.status == 503, "there is no room")
    assert second.invitation is not None
    assert second.invitation.final.retry_after_s > 0
    first.bye()
    await recorded(house, "caller_hung_up")
    await house.until(lambda: not house.server.statistics().live_streams, "the room is free again")
    third = bert.dial()
    await house.until(lambda: third.up, "now there is")
    third.bye()
    await house.until(lambda: len(house.endings()) == 2, "the second record")


@story(WHOLE, agents__default="", agents__numbers='{"200": "tone"}')
async def an_unknown_number_is_told_so_when_the_answer_is_lost(house: House) -> None:
    """Three times more at most, for nobody knows yet whether the caller is where he says he is."""
    anna = house.phone()
    house.lose("404 INVITE", 2)
    call = anna.dial("999")
    await house.until(lambda: call.status == 404, "not found", 1.5 + house.soon_s)
    assert house.counts("calls_refused") == {"unknown_number": 1}


@story(ANY)
async def an_offer_of_nothing_we_speak_is_refused(house: House) -> None:
    anna = house.phone()
    call = anna.dial(body=anna.media.description().replace(b"RTP/AVP 0 8 101", b"RTP/AVP 18"))
    await house.until(lambda: call.status == 488, "not acceptable here")
    assert house.endings() == []


@story(ANY)
async def questions_without_a_call_cost_no_memory(house: House) -> None:
    """OPTIONS, as carriers ask every few seconds, and a BYE to a call that never was."""
    anna = house.phone()
    probe = Talk(anna, anna.token(), f"sip:{SERVER[0]}")
    for _ in range(20):
        asked = probe.ask("OPTIONS")
        await house.until(lambda asked=asked: asked.status == 200, "we are there")
    stray = probe.ask("BYE")
    await house.until(lambda: stray.status == 481, "no such call")
    assert house.endpoint.statistics().transactions == 0
