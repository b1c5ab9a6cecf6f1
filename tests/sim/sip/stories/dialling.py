"""Calls of ours: what callees, proxies and carriers do to somebody who only wants to reach a telephone."""

from __future__ import annotations

import trio

from mediasrv.endpoints import CallGone, CallRedirected, ChangeRefused, SipCall
from mediasrv.sip import Ended, Rejected, Uri
from mediasrv.sip.hop import hop_of
from tests.sim.sip.house import OUR_OFFER, House
from tests.sim.sip.message import Message
from tests.sim.sip.phone import Phone
from tests.sim.sip.repeating import PATIENCE_S
from tests.sim.sip.story import ANY, STEADY, WHOLE, story
from tests.sim.sip.talk import Talk

CAROL = Uri.parse("sip:carol@127.0.0.99")
RING_S = 180.0  # RFC 3261 section 16.6, timer C
TOLD_S = 180.0  # how long the progress of a transfer is waited for


async def answer_of(house: House, call: SipCall, within_s: float | None = None) -> int:
    """200 when it was taken, else the status that it was refused with."""
    with trio.fail_after(2 * house.soon_s if within_s is None else within_s):
        try:
            await call.wait_answered()
        except CallGone as gone:
            return gone.end.status if isinstance(gone.end, Rejected) else 0
        return 200


def talk_of(phone: Phone) -> Talk:
    (talk,) = phone.talks.values()
    return talk


async def connected(house: House) -> tuple[SipCall, Talk]:
    """A call of ours that was answered, and whose ACK has come."""
    anna = house.phone()
    call = await house.call(anna)
    assert await answer_of(house, call) == 200
    talk = talk_of(anna)
    await house.until(lambda: talk.acknowledged, "our ACK")
    return call, talk


async def ended(house: House, call: SipCall, talk: Talk) -> None:
    await call.bye()
    await house.until(lambda: talk.ended == "they hung up", "our BYE")


@story(ANY)
async def a_call_of_ours_is_answered_and_hung_up_by_us(house: House) -> None:
    call, talk = await connected(house)
    await ended(house, call, talk)


@story(ANY)
async def a_call_of_ours_is_hung_up_by_them(house: House) -> None:
    call, talk = await connected(house)
    bye = talk.bye()
    await house.until(lambda: call.end is not None, "we learn of it")
    await house.until(lambda: bye.status == 200, "their BYE is answered")


@story(WHOLE)
async def our_invite_and_their_answers_are_lost(house: House) -> None:
    anna = house.phone()
    house.lose("INVITE", 2)
    house.lose("200 INVITE", 2)
    house.lose("ACK", 2)
    call = await house.call(anna)
    assert await answer_of(house, call, 6 + house.soon_s) == 200
    await house.until(lambda: talk_of(anna).acknowledged, "the third ACK", 8 + house.soon_s)
    await ended(house, call, talk_of(anna))


@story(STEADY)
async def nobody_is_there(house: House) -> None:
    anna = house.phone()
    house.cut_off(anna)
    call = await house.call(anna)
    assert await answer_of(house, call, PATIENCE_S + 0.1) == 408


@story(ANY)
async def the_callee_is_busy_and_says_so_until_we_hear_it(house: House) -> None:
    anna = house.phone()
    anna.takes_call = lambda talk: talk.say(486)
    house.lose("486", 2)
    call = await house.call(anna)
    assert await answer_of(house, call, 3.5 + 2 * house.soon_s) == 486


@story(ANY)
async def we_give_up_while_they_answer(house: House) -> None:
    """CANCEL crosses 200, or not: they are told, once, by 487 or by a BYE."""
    anna = house.phone()
    call = await house.call(anna)
    await trio.sleep(house.moment_s(0.7))
    await call.bye()
    await house.until(lambda: call.end is not None, "it is over for us", PATIENCE_S + 2 * house.soon_s)
    await house.until(
        lambda: all(talk.ended for talk in anna.talks.values()), "and for them", PATIENCE_S + house.soon_s
    )


@story(WHOLE)
async def the_answer_to_our_cancel_is_lost(house: House) -> None:
    anna = house.phone()
    anna.takes_call = lambda talk: talk.say(180)
    call = await house.call(anna)
    await house.until(lambda: call.progress is not None, "it rings")
    house.lose("200 CANCEL", 2)
    house.lose("487", 2)
    await call.cancel()
    assert await answer_of(house, call, 3.5 + house.soon_s) == 487


@story(WHOLE)
async def our_cancel_is_taken_and_nothing_follows(house: House) -> None:
    """Section 9.1: 64*T1 later we are done, whatever they do."""
    anna = house.phone()
    anna.takes_call = lambda talk: talk.say(180)
    call = await house.call(anna)
    await house.until(lambda: call.progress is not None, "it rings")
    house.lose("487", 100)
    await call.cancel()
    assert await answer_of(house, call, PATIENCE_S + 1) == 487


@story(ANY)
async def three_telephones_answer_one_call(house: House) -> None:
    """All are acknowledged, one is kept, and the others are hung up (section 13.2.2.4)."""
    anna = house.phone()
    tags = ("kitchen", "hall", "attic")

    def fork(talk: Talk) -> None:
        for tag in tags:
            house.agenda.after(1_000 * house.moment_s(0.4), lambda tag=tag: talk.say(200, tag=tag))

    anna.takes_call = fork
    call = await house.call(anna)
    assert await answer_of(house, call) == 200
    talk = talk_of(anna)
    byes = lambda: {bye.to_tag for bye in talk.requests("BYE")}  # noqa: E731
    told = lambda: byes() | {tag for _, tag in talk.acknowledged}  # noqa: E731
    await house.until(lambda: told() == set(tags), "all are told, by ACK or at least by BYE", PATIENCE_S)
    await house.until(lambda: len(byes()) == 2, "two BYEs", PATIENCE_S)
    await call.bye()
    await house.until(lambda: byes() == set(tags), "and at last the third")


@story(ANY)
async def two_places_redirect_to_each_other(house: House) -> None:
    """Each place is asked once, so the loop ends by itself."""
    anna, bert = house.phone(), house.phone("bert")
    for phone, other in ((anna, bert), (bert, anna)):
        phone.takes_call = lambda talk, other=other: talk.say(302, (("Contact", other.contact),))
    call = await house.call(anna, follow=True)
    asked = 0
    with trio.fail_after(6 * house.soon_s):
        while call.end is None:
            asked += 1
            assert asked <= 3, "nobody is asked twice"
            await _follow_once(call)
    assert isinstance(call.end, Rejected)
    assert call.end.status == 302


async def _follow_once(call: SipCall) -> None:
    try:
        await call.wait_answered()
    except CallRedirected as elsewhere:
        target = elsewhere.redirected.targets[0]
        destination = hop_of(target)
        assert destination is not None
        await call.redirect(target, destination)
    except CallGone:
        return


@story(STEADY, limit_s=300)
async def a_telephone_that_never_stops_ringing(house: House) -> None:
    """Provisional responses for ever: after three minutes we cancel."""
    anna = house.phone()

    def ring(talk: Talk) -> None:
        if not talk.ended:
            talk.say(180)
            house.agenda.after(1_000, lambda: ring(talk))

    anna.takes_call = ring
    call = await house.call(anna)
    assert await answer_of(house, call, RING_S + house.soon_s) == 487
    assert talk_of(anna).requests("CANCEL")


@story(ANY)
async def an_answer_of_rubbish_is_no_answer(house: House) -> None:
    anna = house.phone()
    anna.takes_call = lambda talk: (
        [
            house.agenda.after(
                100 * n, lambda: anna.send(b"SIP/2.0 200 OK\r\nVia: ?\r\nCSeq: 1 INVITE\r\n\r\n")
            )
            for n in range(10)
        ]
        and None
    )
    call = await house.call(anna)
    assert await answer_of(house, call, PATIENCE_S + 1) == 408


@story(ANY)
async def they_hang_up_before_their_answer_arrives(house: House) -> None:
    """RFC 5407 section 3.1: a BYE in the early dialog; the 200 that follows, or not, changes nothing."""
    anna = house.phone()

    def answer_and_leave(talk: Talk) -> None:
        talk.say(180)
        house.agenda.after(100, lambda: _leave(talk))

    anna.takes_call = answer_and_leave
    call = await house.call(anna)
    await house.until(lambda: call.end is not None, "we learn of it", 2 * house.soon_s)


def _leave(talk: Talk) -> None:
    talk.bye()


@story(WHOLE)
async def ringing_that_is_confirmed_and_its_prack_is_lost(house: House) -> None:
    """RFC 3262: the ringing is repeated until the PRACK comes; the call is answered after that."""
    anna = house.phone()
    anna.takes_call = lambda talk: talk.ring_reliably()
    house.lose("PRACK", 2)
    house.lose("200 PRACK", 1)
    call = await house.call(anna)
    assert await answer_of(house, call, 8 + house.soon_s) == 200
    talk = talk_of(anna)
    assert len(talk.requests("PRACK")) == 1
    await house.until(lambda: talk.acknowledged, "our ACK")
    await ended(house, call, talk)


@story(WHOLE)
async def an_update_of_ours_is_lost(house: House) -> None:
    call, talk = await connected(house)
    house.lose("UPDATE", 2)
    house.lose("200 UPDATE", 2)
    with trio.fail_after(7.5 + house.soon_s):
        assert b"m=audio" in await call.talk.update(OUR_OFFER)
    assert len(talk.requests("UPDATE")) == 1
    await ended(house, call, talk)


@story(ANY)
async def our_change_crosses_theirs(house: House) -> None:
    """Re-INVITE against re-INVITE or UPDATE: whoever is refused is told 491, and may try again."""
    call, talk = await connected(house)
    theirs = house.draws.choice((talk.reoffer, lambda: talk.update("sendonly")))
    statuses: list[int] = []

    async def ours() -> None:
        try:
            await call.talk.reinvite(OUR_OFFER)
            statuses.append(200)
        except ChangeRefused as refused:
            statuses.append(refused.status)

    async def answering() -> None:
        while True:
            await call.wait_reinvite()
            await call.accept_reinvite(OUR_OFFER)

    async def answering_updates() -> None:
        while True:
            await call.talk.wait_update()
            await call.talk.answer_update(200, OUR_OFFER)

    with trio.fail_after(2 * house.soon_s):
        async with trio.open_nursery() as tasks:
            tasks.start_soon(answering)
            tasks.start_soon(answering_updates)
            change = theirs()
            await ours()
            await house.until(lambda: change.over, "theirs is answered", 2 * house.soon_s)
            tasks.cancel_scope.cancel()
    assert set(statuses) <= {200, 491, 500}, statuses
    assert change.status in (200, 491, 500), change.status
    await ended(house, call, talk)


def notify(talk: Talk, status: int, event: str, *, last: bool) -> None:
    state = "terminated;reason=noresource" if last else "active;expires=60"
    more = (("Event", event), ("Subscription-State", state))
    body = f"SIP/2.0 {status} Whatever\r\n".encode()
    talk.ask("NOTIFY", more, body, content_type="message/sipfrag;version=2.0")


@story(ANY)
async def a_transfer_of_ours_succeeds(house: House) -> None:
    call, talk = await connected(house)

    def obey(refer: Message) -> int:
        for after_ms, status in ((50, 100), (400, 180), (900, 200)):
            house.agenda.after(
                after_ms,
                lambda status=status: notify(talk, status, f"refer;id={refer.cseq}", last=status == 200),
            )
        return 202

    talk.answers["REFER"] = obey
    transfer = await call.talk.refer(CAROL)
    with trio.fail_after(1 + 2 * house.soon_s):
        progress = await transfer.wait_final()
    assert progress is not None
    assert progress.status in (200, 481), progress  # 481: its NOTIFYs were lost, and came out of order
    await ended(house, call, talk)


@story(ANY)
async def a_transfer_of_ours_is_refused(house: House) -> None:
    call, talk = await connected(house)
    talk.answers["REFER"] = lambda refer: 603
    transfer = await call.talk.refer(CAROL)
    with trio.fail_after(house.soon_s):
        progress = await transfer.wait_final()
    assert progress is not None
    assert progress.status == 603
    await ended(house, call, talk)


@story(ANY, limit_s=300)
async def a_transfer_of_which_nothing_more_is_heard(house: House) -> None:
    """Every NOTIFY is lost: after three minutes that is an answer, too."""
    call, talk = await connected(house)
    house.lose("NOTIFY", 1_000)
    transfer = await call.talk.refer(CAROL)
    await trio.sleep(1)
    notify(talk, 200, "refer", last=True)
    with trio.fail_after(TOLD_S + house.soon_s):
        progress = await transfer.wait_final()
    assert progress is not None
    assert progress.status == 408
    if call.end is None:
        await ended(house, call, talk)


@story(ANY)
async def a_callee_that_has_restarted_is_hung_up_upon_all_the_same(house: House) -> None:
    call, talk = await connected(house)
    talk.phone.restart()
    await call.bye()
    await house.until(lambda: call.end is not None, "it is over")
    await house.until(lambda: not house.core.calls, "and forgotten", PATIENCE_S + 1)
    assert isinstance(call.end, Ended)
