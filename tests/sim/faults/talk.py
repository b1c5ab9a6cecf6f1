"""What a story of faults has in its hands: a caller who listens and speaks, and what the server says of itself.

A story is a task outside the server. It acts as a person would, by what is heard, so that it reads the same whether a
fault makes the agent late, silent for a while, or apologetic.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import trio

from mediasrv.call.call import Call
from tests.sim.caller import Caller
from tests.sim.script import Say
from tests.sim.world import World

LOOKS_S = 0.05
MS = 1_000_000
MY_TURN_MS = 1_800  # nobody who still has something to say is silent for so long: a mask comes before
PATIENCE_S = 90.0  # the longest reply that is spoken, and somewhat more

Story = Callable[["Talk"], Awaitable[None]]


class Unmet(AssertionError):
    """The story did not go as it should."""


@dataclass
class Talk:
    world: World
    caller: Caller

    # ---- the caller

    def say(self, text: str) -> None:
        Say(text).do(self.caller)

    def hang_up(self) -> None:
        self.caller.hang_up()

    async def voice(self) -> None:
        """The agent's voice begins to sound."""
        since_ns = self.now_ns
        await self.until(lambda: self._audible_ns() >= since_ns, "the agent says something")

    async def my_turn(self) -> None:
        """The agent has said something since the caller last spoke, and has been silent for long enough."""
        since_ns = max([spoken.ends_ns for spoken in self.caller.spoken], default=0)
        await self.until(
            lambda: self._audible_ns() > since_ns and self.now_ns - self._audible_ns() > MY_TURN_MS * MS,
            "the agent has said something, and falls silent",
        )

    async def ask(self, text: str) -> None:
        """When it is the caller's turn; returns when it is his turn again."""
        await self.my_turn()
        self.say(text)
        await self.my_turn()

    async def over(self) -> None:
        """The call ends, and not by this caller."""
        await self.until(self.caller.over.is_set, "the call ends")

    def _audible_ns(self) -> int:
        return self.caller._audible_ns or 0

    # ---- the server

    @property
    def call(self) -> Call:
        """This caller's."""
        reception = self.world.server._reception
        assert reception is not None
        live = reception._house.services.live
        return next(call for call in live if call.info.remote.startswith(f"{self.caller.host}:"))

    def timeline(self, event: str) -> list[Mapping[str, object]]:
        records = self.world.sink.records
        return [each.record for each in records if each.kind == "timeline" and each.record["event"] == event]

    async def event(self, name: str, times: int = 1, **fields: object) -> None:
        """The server notes it, for the nth time."""

        def noted() -> bool:
            found = self.timeline(name)
            return len([each for each in found if fields.items() <= each.items()]) >= times

        await self.until(noted, f"{name} {fields or ''}")

    # ---- time

    @property
    def now_ns(self) -> int:
        return self.world.agenda.clock.now_ns()

    async def until(self, condition: Callable[[], object], what: str, within_s: float = PATIENCE_S) -> None:
        with trio.move_on_after(within_s):
            while not condition():  # noqa: ASYNC110
                await trio.sleep(LOOKS_S)
            return
        raise Unmet(f"not within {within_s:g} s: {what}")


async def tell(story: Story, world: World) -> None:
    """Tells the story of the first caller; one that goes wrong is told in the log, which nothing may stand in."""
    while not world.callers:  # noqa: ASYNC110
        await trio.sleep(LOOKS_S)
    talk = Talk(world, world.callers[0])
    try:
        await story(talk)
    except Unmet as error:
        world.unmet.append(f"the story: {error}")
        talk.hang_up()
