from __future__ import annotations

import trio

from tests.sim.checkpoints import Checkpoints, Task, inside_nursery_of
from tests.sim.deterministic import Agenda, run


def of_turn(task: Task) -> bool:
    return task.name.endswith(".turn")


def run_turn(nth: int) -> tuple[list[str], int]:
    """A turn of two tasks, cancelled at its nth checkpoint: what it did, and the checkpoints it came by."""
    did: list[str] = []

    async def main(agenda: Agenda) -> int:
        scope = trio.CancelScope()
        checkpoints = Checkpoints(inside_nursery_of(of_turn), nth=nth, act=lambda task: scope.cancel())
        trio.lowlevel.add_instrument(checkpoints)

        async def child() -> None:
            for step in range(3):
                await trio.sleep(0.01)
                did.append(f"child {step}")

        async def turn() -> None:
            with scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(child)
                    await trio.sleep(0.015)
                    did.append("turn")

        async def outside() -> None:
            await trio.sleep(0.1)
            did.append("outside")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(turn)
            nursery.start_soon(outside)
        trio.lowlevel.remove_instrument(checkpoints)
        return checkpoints.steps

    return did, run(3, main)


def test_undisturbed_it_only_counts() -> None:
    did, steps = run_turn(0)
    assert did == ["child 0", "turn", "child 1", "child 2", "outside"]
    assert steps >= 6


def test_each_checkpoint_can_be_the_last() -> None:
    everything, steps = run_turn(0)
    endings = [run_turn(nth)[0] for nth in range(1, steps + 1)]
    assert all(did[-1] == "outside" for did in endings)
    assert all(did[:-1] == everything[: len(did) - 1] for did in endings)
    assert {len(did) for did in endings} == {1, 2, 3, 4, 5}


def test_tasks_outside_are_not_counted() -> None:
    async def main(agenda: Agenda) -> int:
        checkpoints = Checkpoints(inside_nursery_of(of_turn))
        trio.lowlevel.add_instrument(checkpoints)
        await trio.sleep(1)
        trio.lowlevel.remove_instrument(checkpoints)
        return checkpoints.steps

    assert run(0, main) == 0
