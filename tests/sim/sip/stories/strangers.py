"""Callers who were never there before, by UDP: what they cannot pay for is not said again (`sip/outside/trust.py`).

So a stranger's first call may fail on a path that loses things, above all one without a description: a small INVITE,
and a large 200. It must then end by itself, soon and on both sides.
"""

from __future__ import annotations

from collections import Counter

from mediasrv.sip import Limits
from tests.sim.sip.house import SERVER, House
from tests.sim.sip.phone import Phone
from tests.sim.sip.repeating import PATIENCE_S
from tests.sim.sip.stories.beginnings import answered, recorded
from tests.sim.sip.story import BAD, LOSSY, STEADY, WHOLE, story


@story((*LOSSY, *BAD))
async def a_stranger_where_things_are_lost_is_answered_or_given_up(house: House) -> None:
    anna = house.stranger()
    late = house.draws.random() < 0.5
    call = anna.dial(body=b"" if late else None)
    call.late_answer = anna.media.description()
    invited = call.invitation
    assert invited is not None
    await house.until(
        lambda: anna.media.heard or house.endings() or invited.timed_out, "it is up or over", 2 * PATIENCE_S
    )
    if anna.media.heard:
        call.bye()
        await house.until(lambda: not house.live, "it is hung up", PATIENCE_S + house.soon_s)
        return
    assert house.endings() in ([], ["no_ack"])
    assert every_repetition_was_paid_for(house, anna)


@story(WHOLE)
async def a_strangers_late_offer_whose_acks_are_lost_ends_by_itself(house: House) -> None:
    anna = house.stranger()
    house.lose("ACK", 1_000)
    call = anna.dial(body=b"")
    call.late_answer = anna.media.description()
    await house.until(lambda: call.up, "it is answered")
    await recorded(house, "no_ack", within_s=PATIENCE_S + house.soon_s)
    assert not anna.media.heard
    assert every_repetition_was_paid_for(house, anna)
    bye = call.bye()
    await house.until(lambda: bye.over, "who was not told by a BYE learns it from the answer to his own")
    assert bye.status in (200, 481)


@story(STEADY)
async def a_stranger_is_none_any_more_when_he_calls_again(house: House) -> None:
    anna = house.stranger()
    first = anna.dial()
    await answered(house, anna, first)
    first.bye()
    await recorded(house, "caller_hung_up")
    house.lose("200 INVITE", 3)
    second = anna.dial(body=b"")
    second.late_answer = anna.media.description()
    await house.until(lambda: second.up, "the fourth 200 comes", 3.5 + house.soon_s)
    await house.until(house.settled, "its ACK, too")
    second.bye()
    await recorded(house, "caller_hung_up", "caller_hung_up")


def every_repetition_was_paid_for(house: House, phone: Phone) -> bool:
    """The first of each answer goes out for nothing; with any later one, all that went is within the share."""
    host = phone.wire.inside[0]
    said: Counter[bytes] = Counter()
    went_bytes = 0
    for wired in house.network.log:
        if (wired.source, wired.to[0]) != (SERVER, host):
            continue
        came_bytes = sum(
            len(heard.data)
            for heard in house.network.log
            if heard.source[0] == host
            for at_ns in heard.arrives_ns
            if at_ns <= wired.sent_ns
        )
        went_bytes += len(wired.data)
        if said[wired.data] and went_bytes > Limits().unproven_bytes_back * came_bytes:
            return False
        said[wired.data] += 1
    return True
