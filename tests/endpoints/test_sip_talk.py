"""What two calls say to each other besides hanging up, in virtual time."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from mediasrv.endpoints import CallGone, CallRedirected, ChangeRefused, SipCall
from mediasrv.sip import Key, SipCallId, Uri, WrongState
from mediasrv.sip.events import ProgressConfirmed
from tests.endpoints.test_sip_endpoint import ANNA, ANSWER, OFFER, SERVER, TARGET, answered, called, pair

CAROL = Uri.parse("sip:carol@192.0.2.3")


async def test_keys_arrive_in_order(autojump_clock) -> None:
    async with pair() as (server, caller):
        out, into = await answered(caller, server)
        for key in "12#":
            await out.talk.send_key(Key(key, 100))
        assert [(await into.talk.wait_key()).key for _ in range(3)] == ["1", "2", "#"]
        with pytest.raises(WrongState):
            await out.talk.send_key(Key("x"))


async def test_an_update_is_answered_or_refused(autojump_clock) -> None:
    async with pair() as (server, caller):
        out, into = await answered(caller, server)
        assert await out.talk.update() == b""

        async def answer(status: int, body: bytes) -> None:
            assert await into.talk.wait_update() == b"v=0 hold"
            await into.talk.answer_update(status, body)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer, 200, b"v=0 held")
            assert await out.talk.update(b"v=0 hold") == b"v=0 held"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer, 488, b"")
            with pytest.raises(ChangeRefused) as refused:
                await out.talk.update(b"v=0 hold")
            assert (refused.value.status, refused.value.retry_after_s) == (488, None)


async def test_both_sides_that_change_at_once_are_told_to_wait_apart(autojump_clock) -> None:
    async with pair() as (server, caller):
        out, into = await answered(caller, server)
        waits: dict[str, float] = {}

        async def change(name: str, call) -> None:
            with pytest.raises(ChangeRefused) as refused:
                await call.talk.reinvite(b"v=0 " + name.encode())
            assert refused.value.status == 491
            assert refused.value.retry_after_s is not None
            waits[name] = refused.value.retry_after_s

        async with trio.open_nursery() as nursery:
            nursery.start_soon(change, "caller", out)
            nursery.start_soon(change, "callee", into)
        assert 2.1 <= waits["caller"] <= 4.0  # the owner of the Call-ID (RFC 3261 section 14.1)
        assert 0.0 <= waits["callee"] <= 2.0


async def test_a_transfer_is_asked_for_accepted_and_told(autojump_clock) -> None:
    async with pair() as (server, caller):
        out, into = await answered(caller, server)
        transfer = await out.talk.refer(CAROL, replaces=out.talk.replaces)
        asked = await into.talk.wait_referral()
        assert (asked.target, asked.replaces) == (CAROL, out.talk.replaces)
        await into.talk.accept_referral(asked.referral)
        await into.talk.tell_referral(asked.referral, 200)
        told = await transfer.wait_final()
        assert told is not None
        assert (told.status, told.final) == (200, True)
        with pytest.raises(WrongState):
            await into.talk.tell_referral(asked.referral, 486)


async def test_whoever_waits_for_something_in_a_call_learns_of_its_end(autojump_clock) -> None:
    async with pair() as (server, caller):
        out, into = await answered(caller, server)
        transfer = await out.talk.refer(CAROL)
        ended = 0

        async def wait(condition) -> None:
            nonlocal ended
            with pytest.raises(CallGone):
                await condition()
            ended += 1

        async with trio.open_nursery() as nursery:
            for condition in (into.talk.wait_key, out.talk.wait_update, out.talk.wait_referral):
                nursery.start_soon(wait, condition)
            nursery.start_soon(wait, lambda: out.talk.update(b"v=0 nobody answers"))
            await trio.sleep(1)
            await out.bye()
        assert ended == 4
        assert await transfer.wait_final() is None
        with pytest.raises(CallGone):
            await out.talk.send_key(Key("1"))
        await server.wait_quiet()
        await caller.wait_quiet()


async def test_early_media_is_confirmed_before_the_answer(autojump_clock) -> None:
    async with pair() as (server, caller):
        out, into = await called(caller, server)
        await into.ring(183, ANSWER, reliable=True)
        assert await into.wait_confirmed() == b""
        assert out.progress is not None
        assert out.progress.body == ANSWER
        await into.answer(b"")
        await out.wait_answered()


class NoPeer:
    """What a call says goes nowhere; what it hears, the test says."""

    def respond(self, call: SipCallId, status: int, **said: object) -> None: ...


@pytest.mark.parametrize("reliable", [False, True])
async def test_who_waits_for_a_ring_to_arrive_is_told_also_when_another_follows_it(
    autojump_clock, reliable: bool
) -> None:
    call = SipCall(SipCallId(1), NoPeer(), SERVER)
    await call.ring(183, ANSWER, reliable=True)
    with trio.fail_after(10):
        async with trio.open_nursery() as waiting:
            waiting.start_soon(call.wait_confirmed)
            await trio.testing.wait_all_tasks_blocked()
            await call.ring(180, reliable=reliable)
            for status in (183, 180) if reliable else (183,):
                await trio.testing.wait_all_tasks_blocked()
                call.deliver(ProgressConfirmed(call.id, status, b""))


async def test_a_redirected_call_goes_on_where_its_owner_says(autojump_clock) -> None:
    async with pair() as (server, caller):
        out = await caller.call(TARGET, destination=SERVER, from_uri=ANNA, body=OFFER, follow=True)
        first = await server.incoming().receive()
        await first.reject(302, headers=[("Contact", "<sip:102@127.0.0.1:5060>")])
        with pytest.raises(CallRedirected) as elsewhere:
            await out.wait_answered()
        [target] = elsewhere.value.redirected.targets
        await out.redirect(target, SERVER)
        second = await server.incoming().receive()
        assert second.request is not None
        assert second.request.uri.user == "102"
        await second.answer(ANSWER)
        assert await out.wait_answered() == ANSWER


async def test_what_the_callers_side_says_of_him_is_there_to_read(autojump_clock) -> None:
    async with pair() as (server, caller):
        lines = [("P-Asserted-Identity", "<tel:+15550100>"), ("Privacy", "id"), ("X-Account", "42")]
        await caller.call(TARGET, destination=SERVER, from_uri=ANNA, body=OFFER, headers=lines)
        into = await server.incoming().receive()
        assert into.party.asserted[0].uri.user == "+15550100"
        assert into.party.hides_identity
        assert into.party.extensions == (("X-Account", "42"),)
        assert into.party.hops_left == 70
