"""Many at once: callers over bad networks, callers who change their minds, and tables that are full."""

from __future__ import annotations

from dataclasses import replace

import trio

from tests.sim.sip.house import House
from tests.sim.sip.repeating import PATIENCE_S
from tests.sim.sip.stories.beginnings import answered, recorded
from tests.sim.sip.story import ANY, BAD, WHOLE, story

CROWD = 100


@story(BAD, media__capacity="128", limit_s=300)
async def a_hundred_calls_where_every_fifth_message_is_lost(house: House) -> None:
    """Every caller learns how it went, and the books agree on how many there were."""
    phones = [house.known_phone(f"user{number}") for number in range(CROWD)]
    calls = [phone.dial(body=phone.media.description("inactive")) for phone in phones]
    decided = lambda call: call.invitation.over or call.ended  # noqa: E731
    await house.until(lambda: all(map(decided, calls)), "all are decided", PATIENCE_S + 5)
    up = [call for call in calls if call.up]
    assert len(up) >= CROWD - 5, len(up)
    byes = [call.bye() for call in up]
    await house.until(lambda: all(bye.over for bye in byes), "all have hung up", PATIENCE_S + 5)
    await house.until(lambda: not house.live, "none is live", 2 * PATIENCE_S + 5)


@story(ANY, media__capacity="64")
async def thirty_callers_change_their_minds(house: House) -> None:
    phones = [house.phone(f"user{number}") for number in range(30)]
    calls = [phone.dial(body=phone.media.description("inactive")) for phone in phones]
    for call in calls:
        house.agenda.after(1_000 * house.moment_s(0.5), lambda call=call: _give_up(call))
    await house.until(lambda: not house.live and all(call.ended for call in calls), "all is quiet", 70.0)


def _give_up(call: object) -> None:
    call.give_up()


@story(WHOLE)
async def the_table_of_transactions_is_full(house: House) -> None:
    """Who is inside can still leave; who comes is told when to come back, and then is let in."""
    anna, bert = house.phone(), house.phone("bert")
    first = anna.dial()
    await answered(house, anna, first)
    limits = replace(house.core.limits, transactions=house.endpoint.statistics().transactions)
    house.core.limits = house.core.transactions.limits = limits
    second = bert.dial()
    await house.until(lambda: second.status == 503, "no room")
    bye = first.bye()
    await house.until(lambda: bye.status == 200, "but for a good-bye")
    await recorded(house, "caller_hung_up")
    await house.until(lambda: not house.endpoint.statistics().transactions, "forgotten", PATIENCE_S + 1)
    third = bert.dial()
    await house.until(lambda: third.up, "there is room again")
    third.bye()
    await house.until(lambda: len(house.endings()) == 2, "the second record")


@story(WHOLE)
async def strangers_come_in_crowds(house: House) -> None:
    """From where no trunk is: forbidden, once for each INVITE, and nothing is kept of them."""
    anna = house.phone()
    call = anna.dial()
    await answered(house, anna, call)
    assert call.invitation is not None
    invite = call.invitation.request
    for number in range(200):
        lines = tuple(
            ("Via", f"SIP/2.0/UDP 192.0.2.{number % 250}:5060;branch=z9hG4bKstranger{number}") if name == "Via" else
            (name, f"stranger{number}") if name == "Call-ID" else (name, value)
            for name, value in invite.lines
        )  # fmt: skip
        house.network.send(
            replace(invite, lines=lines).build(), (f"192.0.2.{number % 250}", 5060), house.address
        )
    await trio.sleep(1)
    assert house.endpoint.statistics().calls == 1
    assert house.counts("sip")["answered.403"] == 200
    call.bye()
    await recorded(house, "caller_hung_up")
