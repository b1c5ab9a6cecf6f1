"""`bench turn`: what the server adds to a turn, beside the silence it waits for and the time its providers take.

Callers ask, are answered, and interrupt every other answer. From the last packet of the caller's speech to the
first audible packet of the reply, less what the script and the settings declare; how long a cancelled turn takes to
be gone, as the turn records say; and what all this costs.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import trio

from mediasrv.bench.figures import spread
from mediasrv.bench.instruments.callers import Caller, Callers, NotAnswered, calling
from mediasrv.bench.instruments.process_meter import Usage, measure
from mediasrv.bench.instruments.server_process import ServerProcess, serving, settings_file
from mediasrv.bench.instruments.timelines import Timeline, timelines
from mediasrv.bench.instruments.wire_log import Cadence, first_audible, sent_ns
from mediasrv.bench.speech import Labelled, interruption, labelled
from mediasrv.call.settings import Patience
from mediasrv.clock import NS_PER_MS, SystemClock
from mediasrv.providers.script import read_script
from mediasrv_native.wire import SLOTS

SCRIPT = Path(__file__).with_name("turn.toml")
QUESTION = "could you tell me something about the house by the river"
AHEAD_NS = 40 * NS_PER_MS
LOOK_EVERY_S = (
    0.1  # times come from the wire's log, not from looking: a hundred callers who look often are a load
)
REPLY_WITHIN_S = 6.0
REPLY_ENDS_WITHIN_S = 15.0
BETWEEN_CALLS_S = 0.05
ATTEMPTS, COME_AGAIN_S = 5, 1.0
QUIET_PACKETS = 35  # of 20 ms after a reply: it is over
INTERRUPT_AFTER_S = 0.9  # of a reply: later than what is merged with the question


@dataclass(frozen=True, slots=True)
class Plan:
    calls: int = 10
    turns: int = 8  # questions a call, every other of them an interruption
    seed: int = 1

    @property
    def declared_ms(self) -> float:
        """End-of-turn silence (the question's transcript ends without a full stop) and the providers' time."""
        script = read_script(SCRIPT)
        return Patience().ordinary_ms + script.model.first_token_ms + script.voice.first_sound_ms


@dataclass(slots=True)
class Turns:
    """What the callers found."""

    overhead_ms: list[float] = field(default_factory=list)
    unanswered: int = 0
    turned_away: int = 0  # calls that were told to come again


@dataclass(frozen=True, slots=True)
class Costs:
    """The server with all calls up, measured over some time; what it held before the first; what the callers took."""

    idle: Usage
    began: Usage
    ended: Usage
    callers: Usage
    seconds: float

    def per_call_second(self, calls: int) -> dict[str, float]:
        used = self.ended.since(self.began)
        return {
            "control": round(used.control_ms / (calls * self.seconds), 3),
            "media": round(used.media_ms / (calls * self.seconds), 3),
        }

    def cores(self) -> dict[str, float]:
        """Processors that were busy with it, in the mean."""
        used, callers = self.ended.since(self.began), self.callers.control_ms + self.callers.media_ms
        each = {"control": used.control_ms, "media": used.media_ms, "callers": callers}
        return {who: round(ms / (self.seconds * 1_000), 3) for who, ms in each.items()}

    def bytes_per_call(self, calls: int) -> int:
        return (self.ended.memory_bytes - self.idle.memory_bytes) // calls


async def run(plan: Plan) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="mediasrv-bench-") as directory:
        config = settings_file(Path(directory), SCRIPT)
        async with serving(Path(directory), ["--agent", "scripted", "--config", str(config)]) as server:
            async with calling(server.sip, capacity=plan.calls + 1) as callers:
                await warm_up(callers)
                turns, cadence = Turns(), Cadence()
                costs = await converse(plan, server, callers, turns, cadence)
                gaps, stalls = cadence.gaps(callers.stalls()), callers.stalls()
        figures = {
            "max_gap_ms": gaps.max_ms,
            "max_gap_with_machine_stalls_ms": gaps.max_raw_ms,
            "gaps_over_60_ms": gaps.over_60_ms,
            "machine_stalls": len(stalls),
            "lost": cadence.lost,
            "cpu_ms_per_call_second": costs.per_call_second(plan.calls),
            "cores": costs.cores(),
            "seconds": round(costs.seconds, 1),
            "bytes_per_call": costs.bytes_per_call(plan.calls),
        }
        return report(plan, turns, timelines(server), figures)


async def warm_up(callers: Callers) -> None:
    """One turn that does not count: code is loaded, the voice has made its sounds once."""
    caller = await callers.call("warm-up")
    await one_turn(callers, caller, labelled(QUESTION), Turns(), 0)
    await callers.hang_up(caller)


async def converse(
    plan: Plan, server: ServerProcess, callers: Callers, turns: Turns, cadence: Cadence
) -> Costs:
    """All calls at once, each taking its turns; then they are hung up."""
    chance, clock = random.Random(plan.seed), SystemClock()
    idle = server.usage()
    talking = [await let_in(callers, f"turns-{n}", chance.randrange(SLOTS), turns) for n in range(plan.calls)]
    began, began_s, ours = server.usage(), clock.now(), measure(os.getpid())
    async with trio.open_nursery() as nursery:
        for caller in talking:
            nursery.start_soon(take_turns, callers, caller, plan, turns, random.Random(chance.random()))
    ended, ended_s, ours = server.usage(), clock.now(), measure(os.getpid()).since(ours)
    for caller in talking:
        await callers.hang_up(caller)
        for packet in caller.heard:
            cadence.add(packet)
    return Costs(idle, began, ended, ours, ended_s - began_s)


async def let_in(callers: Callers, number: str, slot: int, turns: Turns) -> Caller:
    """Calls until it is taken: a server that is late for the moment turns new calls away, and says so."""
    for _ in range(ATTEMPTS - 1):
        await trio.sleep(BETWEEN_CALLS_S)
        try:
            return await callers.call(number, slot=slot)
        except NotAnswered:
            turns.turned_away += 1
            await trio.sleep(COME_AGAIN_S)
    return await callers.call(number, slot=slot)


async def take_turns(
    callers: Callers, caller: Caller, plan: Plan, turns: Turns, chance: random.Random
) -> None:
    await trio.sleep(chance.uniform(0.3, 2.0))
    for turn in range(plan.turns):
        interrupts = turn % 2 == 1
        if not interrupts:
            await reply_over(caller)
            await trio.sleep(chance.uniform(0.0, 0.5))
        speech = (
            interruption(chance) if interrupts else labelled(QUESTION, lead_samples=chance.randrange(160))
        )
        if not await one_turn(callers, caller, speech, turns, plan.declared_ms):
            return
        if not interrupts:
            await trio.sleep(INTERRUPT_AFTER_S + chance.uniform(0.0, 0.5))
    await reply_over(caller)


async def one_turn(
    callers: Callers, caller: Caller, speech: Labelled, turns: Turns, declared_ms: float
) -> bool:
    """Says it, and waits for the reply's first sound; False when there is none."""
    said = callers.say(caller, SystemClock().now_ns() + AHEAD_NS, speech.payload)
    with trio.move_on_after(speech.duration_ms / 1_000 + REPLY_WITHIN_S):
        while True:
            await trio.sleep(LOOK_EVERY_S)
            last_ns = sent_ns(caller.said, said, speech.end_sample - 1)
            reply = first_audible(caller.heard, last_ns) if last_ns is not None else None
            if last_ns is not None and reply is not None:
                turns.overhead_ms.append((reply.at_ns - last_ns) / NS_PER_MS - declared_ms)
                return True
    turns.unanswered += 1
    return False


async def reply_over(caller: Caller) -> None:
    """Waits until the agent has been quiet for a while."""
    with trio.move_on_after(REPLY_ENDS_WITHIN_S):
        while True:
            await trio.sleep(LOOK_EVERY_S)
            recent = caller.heard[-QUIET_PACKETS:]
            if len(recent) == QUIET_PACKETS and not any(packet.audible for packet in recent):
                return


def cancel_ms(of_calls: Mapping[str, Timeline]) -> list[float]:
    """Of every turn that an interruption cancelled: until its last task was gone."""
    records = (record for timeline in of_calls.values() for record in timeline.turns)
    return [record["cancel_ms"] for record in records if record["ending"] in ("user_barge_in", "replaced")]


def report(
    plan: Plan, turns: Turns, of_calls: Mapping[str, Timeline], figures: Mapping[str, object]
) -> dict[str, object]:
    cancelled = cancel_ms(of_calls)
    return {
        "bench": "turn",
        "calls": plan.calls,
        "turns": len(turns.overhead_ms),
        "unanswered": turns.unanswered,
        "turned_away": turns.turned_away,
        "declared_ms": plan.declared_ms,
        "overhead_ms": spread(turns.overhead_ms),
        "cancel_ms": spread(cancelled),
        "cancelled_turns": len(cancelled),
        **figures,
    }
