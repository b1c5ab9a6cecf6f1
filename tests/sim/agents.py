"""Scripts for the scripted agent, written from what the caller is going to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GREETING = "Good day, this is the simulation. How may I help you?"
LONG_REPLY = (
    "I could go on like this for quite a while, and there is hardly a sentence that ends before somebody has had "
    "the time to interrupt it. Speak, and I fall silent. Cough, and I go on where I stopped."
)
TOOL_POLICIES = ("cancel", "shield", "commit_if_heard")

AGENT = f"""
name = "simulation"
greeting = "{GREETING}"

[ears]
otherwise = "please go on."

[[reply]]
hears = ["everything", "something else"]
text = "{LONG_REPLY}"

[[reply]]
hears = ["good-bye"]
text = "Thank you for calling."
tools = [{{ name = "hang_up" }}]
then = "Good-bye!"

[[reply]]
hears = ["tool"]
text = "One moment, I shall see to it."
tools = [{{ name = "work" }}]
then = "The tool says {{result}}. Is there anything else that I can do for you on this fine day?"

[[reply]]
text = "That is an interesting thing to say, and I have nothing to add to it."

[[tool]]
name = "hang_up"
on_cancel = "commit_if_heard"
ends_call = true
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with the nth request of a provider, as the script has it."""

    of: str
    request: int
    kind: str
    after: int
    slow_ms: int


def agent_script(
    *says: str, tool_policy: str = "cancel", tool_ms: int = 300, faults: Sequence[Fault] = ()
) -> str:
    """The agent for a caller who `says` these utterances, in this order."""
    tables = [f'[[hears]]\ntext = "{text}"' for text in says]
    tables.append(
        f'[[tool]]\nname = "work"\non_cancel = "{tool_policy}"\ntakes_ms = {tool_ms}\nresult = "all is well"'
    )
    tables += [
        f'[[fault]]\nof = "{fault.of}"\nrequest = {fault.request}\nkind = "{fault.kind}"\n'
        f"after = {fault.after}\nslow_ms = {fault.slow_ms}"
        for fault in faults
    ]
    return "\n\n".join([AGENT, *tables]) + "\n"
