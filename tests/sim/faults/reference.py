"""One call with all of it: for what may strike at each of its checkpoints.

A guess that is promoted, a line to mask a slow model, speech that was made ready, tools of all three kinds, a secret
between two questions, an interruption.
"""

from __future__ import annotations

import trio

from tests.sim.faults.stage import Parts, agent_of, told, with_agent
from tests.sim.faults.talk import Talk, Unmet
from tests.sim.scenario import Scenario
from tests.sim.script import Press

SCRIPT = """
greeting = "Good day."
[model]
speculates = true
[voice]
first_sound_ms = 40

[[hears]]
text = "please do all of it for me now"
[[hears]]
text = "stop, that will do."
[[hears]]
text = "my number now, please."

[[reply]]
hears = ["all of it"]
text = "I see to it."
first_token_ms = 1300
tools = [{ name = "look" }, { name = "act" }, { name = "promise" }]
then = "That is done, and I could tell you about it for a while, if you cared to listen to me."
[[reply]]
text = "Very well."

[[tool]]
name = "look"
takes_ms = 60
[[tool]]
name = "act"
on_cancel = "shield"
takes_ms = 400
[[tool]]
name = "promise"
on_cancel = "commit_if_heard"
takes_ms = 20
"""


async def everything(talk: Talk) -> None:
    """Told leniently: something strikes in the middle of it."""
    try:
        await talk.voice()
        await trio.sleep(1.2)
        talk.say("please do all of it for me now")
        await talk.event("tool_ended", times=2)
        await trio.sleep(1.8)
        talk.say("stop, that will do.")
        await trio.sleep(3)
        talk.world.outside.start_soon(secret, talk)
        await trio.sleep(0.2)
        Press("4").do(talk.caller)
        await trio.sleep(1)
        talk.say("my number now, please.")
        await trio.sleep(3)
    except Unmet:
        pass
    talk.hang_up()


async def secret(talk: Talk) -> None:
    if not talk.caller.over.is_set():
        call = talk.call

        async def keep() -> None:
            async with call.secure() as kept, trio.open_nursery():
                with trio.move_on_after(0.8):
                    await kept.keys(4)

        call.start_soon(keep)


def reference() -> Scenario:
    staging = with_agent(lambda: agent_of(SCRIPT, Parts(rehearses=True)), told(everything))
    return Scenario("reference", (), stage=staging)
