"""How calls begin: an INVITE, a 200 and an ACK, each of which may be lost, late, or come twice."""

from __future__ import annotations

from tests.sim.sip.house import House
from tests.sim.sip.story import ANY, WHOLE, story


@story(ANY)
async def a_call_is_taken_and_hung_up(house: House) -> None:
    anna = house.phone()
    call = anna.dial()
    await house.until(lambda: call.up, "the call is answered")
    await house.until(lambda: anna.media.heard, "sound")
    call.bye()
    await house.until(lambda: house.endings() == ["caller_hung_up"], "the record")


@story(WHOLE)
async def a_lost_ack_is_made_up_for_by_the_next(house: House) -> None:
    anna = house.phone()
    house.lose("ACK", 2)
    call = anna.dial()
    await house.until(lambda: anna.media.heard, "sound follows the third ACK", 10.0)
    assert anna.statuses("INVITE").count(200) >= 3
    call.bye()
    await house.until(lambda: house.endings() == ["caller_hung_up"], "the record")
