"""Session timers (RFC 4028) and clocks: who keeps a call alive, and what ends one that nobody does.

The sound is off in most of them: it would only cost time.
"""

from __future__ import annotations

import trio

from mediasrv.clock import NS_PER_S
from tests.sim.sip.house import House
from tests.sim.sip.phone import Phone
from tests.sim.sip.repeating import PATIENCE_S
from tests.sim.sip.stories.beginnings import answered, recorded
from tests.sim.sip.stories.changes import changed_in_the_end, hung_up, in_a_call
from tests.sim.sip.story import ANY, STEADY, WHOLE, story
from tests.sim.sip.talk import Talk

INTERVAL_S = 90.0
EXPIRES_S = 60.0  # 30 s before its end (section 10)


async def timed(house: House, refresher: str, *, updates: bool = True) -> tuple[Phone, Talk]:
    anna = house.phone()
    call = anna.dial(body=anna.media.description("inactive"), refreshes=refresher, updates=updates)
    await house.until(lambda: call.up, "the call is answered")
    await house.until(house.settled, "and acknowledged")
    return anna, call


def agreed(refresher: str) -> tuple[tuple[str, str], ...]:
    return (("Session-Expires", f"{INTERVAL_S:g};refresher={refresher}"),)


@story(ANY, limit_s=300)
async def a_session_that_we_refresh_lives_on(house: House) -> None:
    _, call = await timed(house, "uas")
    await house.all_along(lambda: call.up, "two intervals and more", 2 * INTERVAL_S + 5)
    assert len(call.requests("UPDATE")) >= 3
    await hung_up(house, call)


@story(ANY, limit_s=300)
async def a_session_is_refreshed_by_reinvite_where_there_is_no_update(house: House) -> None:
    _, call = await timed(house, "uas", updates=False)
    await house.all_along(lambda: call.up, "two intervals and more", 2 * INTERVAL_S + 5)
    assert len(call.requests("INVITE")) >= 3
    await hung_up(house, call)


@story(ANY, limit_s=300)
async def a_session_that_they_refresh_lives_on(house: House) -> None:
    _, call = await timed(house, "uac")
    for _ in range(3):
        await house.all_along(lambda: call.up, "half an interval", INTERVAL_S / 2 - 10)
        refresh = call.update(more=agreed("uac"))
        await house.until(lambda refresh=refresh: refresh.status == 200, "the refresh is answered")
    await hung_up(house, call)


@story(ANY, limit_s=200)
async def a_session_that_they_forget_to_refresh_is_hung_up(house: House) -> None:
    _, call = await timed(house, "uac")
    began_s = house.now_s
    await house.until(lambda: not call.up, "our BYE", INTERVAL_S + house.soon_s)
    assert house.now_s - began_s > EXPIRES_S - house.soon_s
    assert "expired" in call.requests("BYE")[0].header("Reason")
    await recorded(house, "fault")


@story(WHOLE, limit_s=200)
async def a_refresh_of_ours_that_nobody_answers_ends_the_call(house: House) -> None:
    _, call = await timed(house, "uas")
    call.answers["UPDATE"] = lambda request: None
    await house.until(lambda: not house.live, "the call is over", INTERVAL_S + house.soon_s)
    await house.until(lambda: call.ended, "and they are told")
    await recorded(house, "fault")


@story(WHOLE, limit_s=200)
async def a_refresh_that_is_lost_thrice_is_in_time_all_the_same(house: House) -> None:
    _, call = await timed(house, "uas")
    house.lose("UPDATE", 2)
    house.lose("200 UPDATE", 2)
    await house.all_along(lambda: call.up, "an interval and more", INTERVAL_S + 20)
    await hung_up(house, call)


@story(ANY, limit_s=200)
async def a_peer_that_has_restarted_does_not_know_the_call(house: House) -> None:
    """New tags, and 481 for the old ones: our refresh learns of it, and the call is over."""
    anna, _ = await timed(house, "uas")
    anna.restart()
    await house.until(lambda: not house.live, "the refresh is told 481", INTERVAL_S / 2 + house.soon_s)
    await recorded(house, "fault")


@story(STEADY, limit_s=200)
async def both_sides_offer_at_once(house: House) -> None:
    """Our refresh crosses their re-INVITE: both are told 491, both try again, and both succeed."""
    _, call = await timed(house, "uas", updates=False)
    due_s = house.last_said_s("200 INVITE") + INTERVAL_S / 2
    flight_s = min(path.delay_ms for path in house.paths) / 1_000
    await trio.sleep(due_s - house.moment_s(flight_s) - house.now_s)
    theirs = call.reoffer("inactive", more=agreed("uas"))
    await house.until(lambda: theirs.status == 491, "they are told to wait")
    await house.until(lambda: len(call.requests("INVITE")) == 2, "we try again", 5.0 + house.soon_s)
    await changed_in_the_end(house, call)
    await hung_up(house, call)


@story(ANY)
async def the_clock_stands_still(house: House) -> None:
    """For eight seconds no timer of ours fires; nothing spins, and what was due is done afterwards."""
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    house.clock.stop()
    change = call.reoffer("sendonly")
    await trio.sleep(8.0)
    house.clock.go_on()
    await house.until(lambda: change.status == 200, "the change is answered")
    await house.until(house.settled, "and acknowledged")
    await hung_up(house, call)


@story(ANY, logs=("more calls come than can be served",))
async def the_process_is_suspended(house: House) -> None:
    """Forty seconds pass in which nothing of it runs: every deadline is over at once, and every datagram late.

    For what it cannot tell from that, calls that came faster than they could be served, it may turn callers away."""
    _, call = await in_a_call(house)
    leaving = house.phone("bert").dial()
    await trio.sleep(house.moment_s(0.2))
    house.agenda.suspend(40 * NS_PER_S)
    await house.until(lambda: leaving.invitation and leaving.invitation.over, "bert learns something")
    leaving.give_up()
    call.bye()
    await house.until(lambda: not house.live, "both calls are over", PATIENCE_S + 2 * house.soon_s)
