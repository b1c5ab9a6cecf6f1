"""An agent that is speaking when another party takes the caller's place."""

from __future__ import annotations

import trio

from mediasrv.sip import Uri
from tests.server.departing import picked_up
from tests.server.house import running
from tests.server.test_server import nothing_is_left

OTHER = ("127.0.0.1", 5090)


async def test_an_agent_in_the_middle_of_a_sentence_goes_on_with_who_was_sent_to_it(
    autojump_clock: object,
) -> None:
    async with running({"MEDIASRV_AGENTS__DEFAULT": "scripted"}) as house:
        async with house.caller() as caller, house.caller(OTHER) as other:
            mine = await caller.answered()
            await trio.sleep(1)
            assert "turn_ended" not in house.events()
            await mine.talk.refer(Uri.parse(f"sip:other@{OTHER[0]}:{OTHER[1]}"))
            theirs = await picked_up(other)
            await mine.wait_ended()
            await trio.sleep(2)
            assert house.packets_to(OTHER[1] + 1) >= 95
            assert house.events().count("turn_started") == 2
            await theirs.bye()
            await nothing_is_left(house)
    assert house.call_records()[-1]["ending"] == "callee_hung_up"
    assert "fault" not in house.events()
