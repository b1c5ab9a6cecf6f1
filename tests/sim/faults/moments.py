"""The states of a conversation, as something that can be waited for: the same call is brought to each of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import trio

from tests.sim.agents import agent_script
from tests.sim.faults.talk import Talk

QUESTION, TOOL, INTERRUPTION = "tell me everything.", "use the tool.", "stop, something else please."
SCRIPT = agent_script(QUESTION, INTERRUPTION, tool_ms=3_000)
TOOL_SCRIPT = agent_script(TOOL, INTERRUPTION, tool_ms=3_000)


async def greeting(talk: Talk) -> None:
    await talk.voice()


async def listening(talk: Talk) -> None:
    await talk.my_turn()


async def hearing(talk: Talk) -> None:
    """The caller is in the middle of the question."""
    await talk.my_turn()
    talk.say(QUESTION)
    await talk.event("words", final=False)


async def thinking(talk: Talk) -> None:
    await talk.my_turn()
    talk.say(QUESTION)
    await talk.event("turn_started", kind="reply")


async def using_a_tool(talk: Talk) -> None:
    await talk.my_turn()
    talk.say(TOOL)
    await talk.event("tool")
    await trio.sleep(0.5)


async def speaking(talk: Talk) -> None:
    await talk.my_turn()
    talk.say(QUESTION)
    await talk.event("turn_started", kind="reply")
    await talk.voice()
    await trio.sleep(1)


async def held(talk: Talk) -> None:
    """The voice is paused, and nobody knows yet whether for an interruption."""
    await speaking(talk)
    talk.say(INTERRUPTION)
    await talk.event("hold")


async def interrupted(talk: Talk) -> None:
    """The reply has just been cancelled."""
    await speaking(talk)
    talk.say(INTERRUPTION)
    await talk.event("cancelled")


MOMENTS: Mapping[str, Callable[[Talk], Awaitable[None]]] = {
    "in_the_greeting": greeting,
    "while_listening": listening,
    "while_the_caller_speaks": hearing,
    "while_thinking": thinking,
    "during_a_tool": using_a_tool,
    "while_speaking": speaking,
    "while_held": held,
    "after_an_interruption": interrupted,
}


def script_for(moment: str) -> str:
    return TOOL_SCRIPT if moment == "during_a_tool" else SCRIPT
