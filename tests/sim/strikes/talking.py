"""One call with all of it, from the greeting to the farewell: for what may strike at each of its checkpoints.

Guesses that are dropped and one that is promoted, a line and a tone to mask a slow tool, speech that was made ready,
tools of all three kinds, one of which outlives the turn that began it, two interruptions, a secret, and a good-bye that
is heard before the agent hangs up.
"""

from __future__ import annotations

import trio

from tests.sim.faults.stage import agent_of, told, with_agent
from tests.sim.faults.talk import Talk
from tests.sim.scenario import Scenario
from tests.sim.script import Press
from tests.sim.strikes.mortal import Fates

PATIENCE_S = 8.0  # with an event that would come by then, had nothing struck

SCRIPT = """
greeting = "Good day."
[model]
speculates = true
[voice]
first_sound_ms = 40

[[hears]]
text = "please tell me about the house"
[[hears]]
text = "and do all of it for me now"
[[hears]]
text = "stop, that will do."
[[hears]]
text = "my number now, please."
[[hears]]
text = "good-bye then."

[[reply]]
hears = ["all of it"]
text = "I see to it."
first_token_ms = 1300
tools = [{ name = "look" }, { name = "promise" }, { name = "act" }]
then = "That is done."
[[reply]]
hears = ["stop"]
text = "As you like, though I could tell you about it for a while, if you cared to listen to me."
[[reply]]
hears = ["good-bye"]
text = "Thank you."
tools = [{ name = "leave" }]
then = "Good-bye!"
[[reply]]
text = "Very well."

[[tool]]
name = "look"
takes_ms = 60
[[tool]]
name = "act"
on_cancel = "shield"
takes_ms = 5500
[[tool]]
name = "promise"
on_cancel = "commit_if_heard"
takes_ms = 20
[[tool]]
name = "leave"
ends_call = true
"""


def talking(fates: Fates, *, spare_voice: bool = True) -> Scenario:
    parts = fates.parts(spare_voice=spare_voice)
    staging = with_agent(lambda: agent_of(SCRIPT, parts), told(everything))
    return Scenario("talking", (), stage=staging, settings={"calls.ordinary_pause_ms": "900"})


async def everything(talk: Talk) -> None:
    """Told leniently: something strikes in the middle of it."""
    await come_to(talk, "first_audio")
    await trio.sleep(1.2)
    talk.say("please tell me about the house")
    await come_to(talk, "turn_started", times=2)
    await trio.sleep(0.2)
    talk.say("and do all of it for me now")
    await come_to(talk, "masked", times=2)
    await trio.sleep(1)
    talk.say("stop, that will do.")
    await trio.sleep(4)
    talk.say("my number now, please.")
    await trio.sleep(3)
    talk.world.outside.start_soon(secret, talk)
    await trio.sleep(0.2)
    Press("4").do(talk.caller)
    await trio.sleep(1)
    talk.say("good-bye then.")
    await trio.sleep(5)
    talk.hang_up()


async def come_to(talk: Talk, event: str, times: int = 1, within_s: float = PATIENCE_S) -> None:
    """Until the server has noted it so often, the call is over, or it is clear that it will not come."""
    with trio.move_on_after(within_s):
        while len(talk.timeline(event)) < times and not talk.caller.over.is_set():  # noqa: ASYNC110
            await trio.sleep(0.05)


async def secret(talk: Talk) -> None:
    if not talk.caller.over.is_set():
        call = talk.call

        async def keep() -> None:
            async with call.secure() as kept, trio.open_nursery():
                with trio.move_on_after(0.8):
                    await kept.keys(4)

        call.start_soon(keep)
