"""Faults of our own: an agent, a tool, a sink, an engine without room; each is one call's misfortune at most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import trio

from mediasrv.call.call import Call
from mediasrv.call.services import MediaNeeds
from mediasrv.conversation.tools import OnCancel, Prepared, ToolResult, ToolSpec
from mediasrv.ids import CallId
from mediasrv.legs import Ending
from mediasrv.providers.protocols import ToolCall
from mediasrv.telemetry import Kind, RecordSink
from mediasrv_native.errors import QueueFull
from tests.sim import expectations as expect
from tests.sim.agents import agent_script
from tests.sim.faults import expected
from tests.sim.faults.book import enter
from tests.sim.faults.models import AGAIN, TOOL, ask_twice
from tests.sim.faults.moments import MOMENTS, QUESTION, SCRIPT, interrupted, script_for, speaking
from tests.sim.faults.stage import Parts, agent_of, all_of, told, with_agent
from tests.sim.faults.talk import Story, Talk
from tests.sim.scenario import Staging
from tests.sim.script import Cue, HangUp, Say, answered, quiet
from tests.sim.world import World

# ---- an exception inside a call: it ends with an apology, and the other calls do not notice --------------------------

NEIGHBOUR = (Cue(quiet(1, 300), Say(QUESTION)), Cue(quiet(2, 500), HangUp()), Cue(answered(40_000), HangUp()))


def with_neighbour(world: World) -> None:
    """Somebody else calls a moment later, and talks with the same agent."""

    async def dial() -> None:
        while not world.callers:  # noqa: ASYNC110
            await trio.sleep(0.05)
        world.caller("127.0.0.3", NEIGHBOUR).dial()

    world.outside.start_soon(dial)


def breaks(talk: Talk) -> None:
    """Something in the call raises what nobody expects."""

    async def bug() -> None:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError("a bug")

    talk.call.start_soon(bug)


def breaks_at(moment: Callable[[Talk], object]) -> Story:
    async def story(talk: Talk) -> None:
        await moment(talk)  # type: ignore[misc]
        breaks(talk)
        await talk.over()

    return story


told_and_sorry = (expected.noted("fault"), expected.noted("apologised", whole=True))
for name, moment in MOMENTS.items():
    enter(
        f"a_bug_strikes_{name}", told(breaks_at(moment)),
        expect.ending("bye"), expect.call_ended_by("fault"), *told_and_sorry, agent_script=script_for(name),
    )  # fmt: skip
enter(
    "a_bug_strikes_one_call_and_not_its_neighbour", all_of(told(breaks_at(speaking)), with_neighbour),
    *told_and_sorry, expected.other_calls_ended("local"), expected.neighbour_answered, agent_script=SCRIPT,
)  # fmt: skip


@dataclass
class AgentThatRaises:
    """Right after the answer, before it has said a word."""

    name: str = "broken"
    needs: MediaNeeds = field(default_factory=MediaNeeds)

    async def lead(self, call: Call) -> Ending:
        await trio.sleep(0.2)
        raise RuntimeError("a bug of the agent's")


async def waits(talk: Talk) -> None:
    await talk.over()


enter(
    "an_agent_raises_before_its_first_word", with_agent(AgentThatRaises, told(waits)),
    expect.ending("bye"), expect.call_ended_by("fault"), agent_script=SCRIPT,
)  # fmt: skip


# ---- tools ----------------------------------------------------------------------------------------------------------


@dataclass
class BrokenTool:
    """Named `work`; does wrong what it is told to, before or after it has begun to act."""

    how: str
    where: str
    on_cancel: OnCancel

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec("work", on_cancel=self.on_cancel, deadline_s=2.0)

    async def prepare(self, call: ToolCall) -> Prepared:
        if self.where == "prepare":
            await self._break()
        return Prepared(call)

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        if self.where == "commit":
            await self._break()
        return ToolResult(prepared.call.id, "done")

    async def _break(self) -> None:
        await trio.sleep(0.1)
        match self.how:
            case "raises":
                raise KeyError("a bug of the tool's")
            case "raises_in_a_nursery":
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(trio.sleep, 10)
                    raise KeyError("a bug in a nursery")
            case "never_answers":
                await trio.sleep_forever()


async def ask_for_the_tool(talk: Talk) -> None:
    await ask_twice(talk, first=TOOL)


for policy in OnCancel:
    for how in ("raises", "raises_in_a_nursery", "never_answers"):
        for where in ("prepare", "commit"):
            parts = Parts(tools=lambda how=how, where=where, policy=policy: [BrokenTool(how, where, policy)])  # type: ignore[misc]
            enter(
                f"a_{policy.value}_tool_{how}_in_{where}",
                with_agent(lambda parts=parts: agent_of(agent_script(TOOL, AGAIN), parts), told(ask_for_the_tool)),  # type: ignore[misc]
                expect.ending("local"), expected.answered_after_all,
            )  # fmt: skip


# ---- the sink of records ----------------------------------------------------------------------------------------


@dataclass
class BrokenSink:
    """Keeps what it is given, and then fails at some kinds of it."""

    inner: RecordSink
    fails_at: tuple[Kind, ...]

    def write(self, call: CallId, kind: Kind, record: Mapping[str, object]) -> None:
        self.inner.write(call, kind, record)
        if kind in self.fails_at:
            raise OSError(28, "No space left on device")


def sink_fails(*kinds: Kind) -> Staging:
    def stage(world: World) -> None:
        world.server._sink = BrokenSink(world.sink, kinds)

    return stage


KINDS: tuple[Kind, ...] = ("timeline", "turn", "call")
for kind in KINDS:
    enter(
        f"sink_fails_at_each_{kind}", all_of(sink_fails(kind), told(ask_twice)),
        expect.ending("local"), expected.answered_after_all, agent_script=agent_script(QUESTION, AGAIN),
        logs=("a record was lost: OSError: [Errno 28]",),
    )  # fmt: skip


# ---- an engine that has no room for orders ----------------------------------------------------------------------


def ring_is_full(talk: Talk, for_s: float) -> None:
    """From now on and for so long, whoever has an order for the engine finds its ring full."""
    engine = talk.world.engine
    thread, step, step_on = engine._threads[0], engine.step, engine.step_on
    until_ns = talk.now_ns + round(for_s * 1e9)

    def fill(now_ns: int) -> None:
        if now_ns > until_ns:
            engine.step, engine.step_on = step, step_on  # type: ignore[method-assign]
            return
        for handle, stream in thread.streams.items():
            try:
                while not stream.closed:
                    thread.native.set_sending(handle, True)
            except QueueFull:
                return

    def step_and_fill(now_ns: int) -> None:
        step(now_ns)
        fill(now_ns)

    def step_on_and_fill(before_ns: int) -> int:
        slot_ns = step_on(0)  # one slot at a time: there is something to do after each
        fill(slot_ns)
        return slot_ns

    engine.step, engine.step_on = step_and_fill, step_on_and_fill  # type: ignore[method-assign]


def full_from(moment: Callable[[Talk], object]) -> Story:
    async def story(talk: Talk) -> None:
        await moment(talk)  # type: ignore[misc]
        ring_is_full(talk, 0.5)
        await trio.sleep(0.6)
        await talk.my_turn()
        talk.hang_up()

    return story


async def full_as_the_caller_interrupts(talk: Talk) -> None:
    await speaking(talk)
    ring_is_full(talk, 1.5)
    talk.say("stop, something else please.")
    await talk.event("cancelled")
    await trio.sleep(2)
    await talk.my_turn()
    talk.hang_up()


async def full_as_the_caller_leaves(talk: Talk) -> None:
    await speaking(talk)
    ring_is_full(talk, 1.0)
    talk.hang_up()


for name, story in {
    "while_speaking": full_from(speaking),
    "as_the_caller_interrupts": full_as_the_caller_interrupts,
    "after_an_interruption": full_from(interrupted),
    "as_the_caller_leaves": full_as_the_caller_leaves,
}.items():
    enter(f"engine_takes_no_orders_{name}", told(story), expect.ending("local"), agent_script=SCRIPT)
