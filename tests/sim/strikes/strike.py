"""One strike: which call, which deed, at which checkpoint; and what it broke."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import trio

from mediasrv.legs import Ending
from mediasrv.server.reception import Reception
from tests.sim.checkpoints import Checkpoints, Task, inside_nursery_of
from tests.sim.invariants import INVARIANTS, packets_keep_their_cadence
from tests.sim.scenario import Scenario
from tests.sim.strikes.books import disagreements
from tests.sim.strikes.calls import CALLS
from tests.sim.strikes.deeds import DEEDS, Deed, Moment
from tests.sim.strikes.mortal import Fates
from tests.sim.sweep import ending_of
from tests.sim.trace import Trace
from tests.sim.witness import describe
from tests.sim.world import World, run

RECEPTION = f"{Reception.__module__}.{Reception.receive.__qualname__}"
NOTHING = Deed(lambda now: None)


@dataclass(frozen=True, slots=True)
class Strike:
    """Names in CALLS and DEEDS; checkpoints count from 1."""

    call: str
    deed: str
    nth: int
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    strike: Strike
    ending: str
    violations: tuple[str, ...]


def strike(which: Strike) -> Outcome:
    """A run that raises is a violation like any other."""
    deed = DEEDS[which.deed]
    staged = _Staged(which.call, deed, which.nth)
    try:
        trace = run(staged.scenario(), which.seed)
    except Exception as error:
        return Outcome(which, "raised", (f"raised {describe(error)}",))
    broken = [
        sentence
        for invariant in INVARIANTS
        if not (deed.breaks_cadence and invariant is packets_keep_their_cadence)
        for sentence in invariant(trace)
    ]
    broken += [*staged.unexpected(trace), *disagreements(staged.world, staged.fates, trace)]
    return Outcome(which, ending_of(trace), tuple(broken))


def checkpoints_of(call: str, seed: int = 1) -> int:
    """How many there are when nothing strikes."""
    staged = _Staged(call, NOTHING, 0)
    trace = run(staged.scenario(), seed)
    broken = [sentence for invariant in INVARIANTS for sentence in invariant(trace)]
    assert not broken, broken
    return staged.steps


class _Staged:
    """The call, with an instrument that counts its checkpoints, and at the nth (0: never) does the deed."""

    def __init__(self, call: str, deed: Deed, nth: int) -> None:
        self._deed, self._nth, self.fates = deed, nth, Fates()
        self._call = CALLS[call](self.fates)
        self._was_over = True
        self.steps = 0
        self.world: World

    def scenario(self) -> Scenario:
        return replace(self._call, stage=self._stage, uplink="clean", downlink="clean", expects=())

    def unexpected(self, trace: Trace) -> Iterator[str]:
        """The deed was done to a call that went on, and the call ended otherwise than it must after that."""
        endings = {Ending(str(record["ending"])) for _, record in trace.of("call")}
        if self.steps < self._nth:
            yield f"there were only {self.steps} checkpoints"
        elif not self._was_over and self._deed.ends and not endings <= self._deed.ends:
            yield f"the call ended with {sorted(ending.value for ending in endings)}"

    def _stage(self, world: World) -> None:
        assert self._call.stage is not None
        self.world = world
        self._call.stage(world)

        def act(task: Task) -> None:
            now = Moment(world, self.fates, task)
            if self._deed.from_outside:
                world.agenda.after(0, lambda: self._do(now))
            else:
                self._do(now)

        checkpoints = Checkpoints(inside_nursery_of(_is_reception), nth=self._nth, act=act)
        trio.lowlevel.add_instrument(checkpoints)
        trio.lowlevel.spawn_system_task(self._count, checkpoints)

    def _do(self, now: Moment) -> None:
        ends = [call.ending is not None or now.world.server.draining for call in now.calls()]
        self._was_over = any(ends) or not ends
        self._deed.do(now)

    async def _count(self, checkpoints: Checkpoints) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self.steps = checkpoints.steps


def _is_reception(task: Task) -> bool:
    return task.name == RECEPTION
