"""Something happens at the nth checkpoint of a call, whatever that checkpoint is; the same seed gives the same one.

A call's tasks are those that descend from the reception of its INVITE: its leg, its ears, its turns, its tools. On a
path without delay a message that is sent at a checkpoint is there before the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import trio

from mediasrv.legs import Ending
from mediasrv.server.reception import Reception
from tests.sim.checkpoints import Checkpoints, Task, inside_nursery_of
from tests.sim.scenario import Scenario
from tests.sim.sweep import judge
from tests.sim.world import World

RECEPTION = f"{Reception.__module__}.{Reception.receive.__qualname__}"
Deed = Callable[[World], None]


def caller_hangs_up(world: World) -> None:
    """BYE, or CANCEL while nobody has answered."""
    world.agenda.after(0, world.callers[0].hang_up)


def operator_hangs_up(world: World) -> None:
    reception = world.server._reception
    for call in reception._house.services.live if reception else ():
        call.end(Ending.ADMIN)


def house_drains(world: World) -> None:
    world.agenda.after(0, world.server.hurry)


@dataclass
class Strike:
    """A staging: counts the checkpoints of the call, and at the nth (from 1; 0: never) does the deed."""

    deed: Deed
    nth: int = 0
    steps: int = 0

    def __call__(self, world: World) -> None:
        def act(task: Task) -> None:
            self.deed(world)

        checkpoints = Checkpoints(inside_nursery_of(is_reception), nth=self.nth, act=act)
        trio.lowlevel.add_instrument(checkpoints)
        trio.lowlevel.spawn_system_task(self._count, checkpoints)

    async def _count(self, checkpoints: Checkpoints) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self.steps = checkpoints.steps


def is_reception(task: Task) -> bool:
    return task.name == RECEPTION


def struck(scenario: Scenario, strike: Strike) -> Scenario:
    before = scenario.stage

    def stage(world: World) -> None:
        if before is not None:
            before(world)
        strike(world)

    return replace(scenario, stage=stage, uplink="clean", downlink="clean", expects=())


def checkpoints_of(scenario: Scenario, seed: int) -> int:
    """How many there are when nothing strikes."""
    strike = Strike(lambda world: None)
    outcome = judge(struck(scenario, strike), seed)
    assert not outcome.violations, outcome.violations
    return strike.steps


def violations_at(scenario: Scenario, seed: int, deed: Deed, checkpoints: Iterable[int]) -> list[str]:
    """What the deed broke, at each of these checkpoints."""
    return [
        f"checkpoint {nth}: {violation}"
        for nth in checkpoints
        for violation in judge(struck(scenario, Strike(deed, nth)), seed).violations
    ]
