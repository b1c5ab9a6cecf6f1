from __future__ import annotations

import time
from functools import partial

import pytest
import trio

from mediasrv.clock import Clock
from tests.sim import deterministic
from tests.sim.deterministic import BEGINNING_NS, Agenda, OutOfTime, VirtualClock, run


async def order_of_ten(agenda: Agenda) -> list[int]:
    order: list[int] = []

    async def one(number: int) -> None:
        for _ in range(3):
            await trio.sleep(0.01)
            order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(one, number)
    return order


def test_the_same_seed_gives_the_same_order_of_tasks() -> None:
    assert run(7, order_of_ten) == run(7, order_of_ten)


def test_seeds_try_different_orders() -> None:
    assert len({tuple(run(seed, order_of_ten)) for seed in range(8)}) > 4


def test_an_hour_passes_at_once() -> None:
    async def main(agenda: Agenda) -> float:
        await trio.sleep(3_600)
        return agenda.clock.now() - BEGINNING_NS / 1e9

    began = time.perf_counter()
    assert run(0, main, limit_s=4_000) == pytest.approx(3_600)
    assert time.perf_counter() - began < 5.0


def test_actions_happen_at_their_time_in_order_of_entry() -> None:
    async def main(agenda: Agenda) -> list[tuple[int, str]]:
        seen: list[tuple[int, str]] = []

        def see(name: str) -> None:
            seen.append((agenda.clock.now_ns() - BEGINNING_NS, name))

        for delay_ms, name in [(30, "c"), (10, "a"), (10, "b")]:
            agenda.after(delay_ms, partial(see, name))
        await trio.sleep(0.02)
        see("task")
        await trio.sleep(0.02)
        return seen

    assert run(0, main) == [(10_000_000, "a"), (10_000_000, "b"), (20_000_000, "task"), (30_000_000, "c")]


def test_a_task_woken_by_an_action_runs_before_time_goes_on() -> None:
    async def main(agenda: Agenda) -> int:
        woken = trio.Event()
        agenda.after(10, woken.set)
        agenda.after(11, lambda: None)
        await woken.wait()
        return agenda.clock.now_ns() - BEGINNING_NS

    assert run(0, main) == 10_000_000


def test_an_action_may_wait_for_tasks() -> None:
    async def main(agenda: Agenda) -> bool:
        done = trio.Event()

        async def action() -> None:
            await trio.lowlevel.checkpoint()
            done.set()

        agenda.after(1, action)
        await done.wait()
        return done.is_set()

    assert run(0, main)


def test_a_run_that_never_ends_is_out_of_time() -> None:
    async def main(agenda: Agenda) -> None:
        for _ in range(1_000):
            await trio.sleep(1)

    with pytest.raises(OutOfTime, match="still running after 5 "):
        run(0, main, limit_s=5)


def test_a_deadlock_is_told() -> None:
    async def main(agenda: Agenda) -> None:
        await trio.sleep_forever()

    with pytest.raises(OutOfTime, match="every task is blocked"):
        run(0, main)


def test_a_task_that_never_lets_time_pass_is_told() -> None:
    async def main(agenda: Agenda) -> None:
        while True:
            await trio.lowlevel.checkpoint()

    with pytest.raises(OutOfTime, match=r"time stands still at .* in .*drive_main"):
        run(0, main)


def test_a_program_that_fails_has_the_time_to_unwind() -> None:
    async def main(agenda: Agenda) -> None:
        try:
            raise LookupError("ours")
        finally:
            with trio.CancelScope(shield=True), trio.move_on_after(5):
                await trio.sleep_forever()

    with pytest.raises(LookupError, match="ours"):
        run(0, main)


def test_an_action_that_fails_is_what_the_run_raises_once_the_program_has_unwound() -> None:
    unwound: list[bool] = []

    async def main(agenda: Agenda) -> None:
        def fail() -> None:
            raise LookupError("ours")

        agenda.after(10, fail)
        try:
            await trio.sleep(1)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
                unwound.append(True)

    with pytest.raises(LookupError, match="ours"):
        run(0, main)
    assert unwound == [True]


def test_what_the_program_raises_is_what_the_run_raises() -> None:
    async def main(agenda: Agenda) -> None:
        raise LookupError("ours")

    with pytest.raises(LookupError, match="ours"):
        run(0, main)


def test_the_clock_is_the_programs_and_its_wall_is_fixed() -> None:
    clock: Clock = VirtualClock()
    assert clock.wall() == deterministic.EPOCH
    assert clock.now_ns() == BEGINNING_NS
    assert clock.now() == pytest.approx(BEGINNING_NS / 1e9)


def test_a_trio_without_the_private_names_is_told_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(trio._core._run, "_r")
    with pytest.raises(RuntimeError, match="cannot fix the order of tasks"):
        deterministic.seed_scheduler(1)
