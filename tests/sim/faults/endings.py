"""Calls that are ended from somewhere else, in each state of the conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from mediasrv.legs import Ending
from tests.sim import expectations as expect
from tests.sim.agents import agent_script
from tests.sim.faults import expected
from tests.sim.faults.book import enter
from tests.sim.faults.moments import MOMENTS, QUESTION, script_for, speaking
from tests.sim.faults.stage import told
from tests.sim.faults.talk import Story, Talk


def and_then(moment: Callable[[Talk], Awaitable[None]], deed: Callable[[Talk], None]) -> Story:
    """At that moment something is done, and the call ends of it."""

    async def story(talk: Talk) -> None:
        await moment(talk)
        deed(talk)
        await talk.over()

    return story


def admin_hangs_up(talk: Talk) -> None:
    talk.call.end(Ending.ADMIN)


def caller_hangs_up(talk: Talk) -> None:
    talk.hang_up()


def house_drains(talk: Talk) -> None:
    talk.world.server.hurry()


for name, moment in MOMENTS.items():
    script = script_for(name)
    enter(
        f"admin_hangs_up_{name}", told(and_then(moment, admin_hangs_up)),
        expect.ending("bye"), expect.call_ended_by("admin"), agent_script=script,
    )  # fmt: skip
    enter(
        f"caller_hangs_up_{name}", told(and_then(moment, caller_hangs_up)),
        expect.ending("local"), expect.call_ended_by("caller_hung_up"), agent_script=script,
    )  # fmt: skip
    enter(
        f"house_drains_{name}", told(and_then(moment, house_drains)),
        expect.ending("bye"), expect.call_ended_by("drain"), agent_script=script,
    )  # fmt: skip


async def drains_with_patience(talk: Talk) -> None:
    """The reply is finished, and the caller may say good-bye; a newcomer is told to come later."""
    await speaking(talk)
    talk.world.server.drain()
    late = talk.world.caller("127.0.0.3", ())
    late.dial()
    await talk.my_turn()
    talk.hang_up()


enter(
    "house_drains_and_lets_who_is_there_finish", told(drains_with_patience),
    expect.no_interruption, expected.answered_after_all, expected.other_calls_ended("rejected 503"),
    agent_script=agent_script(QUESTION),
)  # fmt: skip


async def until_it_ends(talk: Talk) -> None:
    await speaking(talk)
    await talk.over()


enter(
    "longest_call_is_over_in_the_middle_of_a_reply", told(until_it_ends),
    expect.ending("bye"), expect.call_ended_by("max_length"),
    agent_script=agent_script(QUESTION), calls__max_length_s="9",
)  # fmt: skip


async def cancels(talk: Talk) -> None:
    """The caller gives up while it rings."""
    await trio.sleep(1)
    talk.hang_up()
    await talk.over()


enter(
    "caller_cancels_before_the_answer", told(cancels), agent_script=agent_script(), calls__answer_after_s="3"
)
