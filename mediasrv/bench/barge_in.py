"""`bench barge-in`: how long the agent goes on talking when the caller begins to.

The whole server runs in its own process; callers interrupt its endless voice at random instants. From the labelled
vowel in the caller's stream to the last audible packet of the agent, both seen on the wire.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio

from mediasrv.bench.figures import spread
from mediasrv.bench.instruments.callers import Caller, Callers, calling
from mediasrv.bench.instruments.server_process import serving, settings_file
from mediasrv.bench.instruments.timelines import Timeline, timelines
from mediasrv.bench.instruments.wire_log import AUDIBLE_DBFS, first_stop, sent_ns
from mediasrv.bench.speech import interruption, talk_bed
from mediasrv.clock import NS_PER_MS, SystemClock
from mediasrv_native.wire import SLOTS

SCRIPT = Path(__file__).with_name("barge_in.toml")
WITHIN_MS = 1_000  # a voice that goes on longer has not been stopped
QUIET_MS = 750  # longer than a hold may last: what is quiet so long was cut off
NO_VOICE_MS = (
    100  # longer than the pauses between the agent's words: a voice that was quiet so long had stopped
)
TALKS_MS = (700, 2_700)  # of the agent's voice before it is interrupted
SPEAKS_WITHIN_S = 8.0
AHEAD_NS = 40 * NS_PER_MS
LOOK_EVERY_S = 0.05
TRIALS_A_CALL = 5  # then a new call, whose packets lie elsewhere between the engine's
FAILURES_IN_A_ROW_MAX = 10  # nothing works: say so rather than go on for an hour


@dataclass(frozen=True, slots=True)
class Plan:
    trials: int = 200
    calls_in_background: int = 0
    callers: int = 4  # who interrupt, at the same time
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Trial:
    """One interruption; `failure` says why it has no time."""

    number: str  # that was called
    onset_ns: int = 0
    last_audible_ns: int = 0
    stop_ms: float | None = None
    failure: str = ""


@dataclass(slots=True)
class Trials:
    """The interruptions that are to be made and those that were."""

    plan: Plan
    done: list[Trial] = field(default_factory=list)
    begun: int = 0
    failures_in_a_row: int = 0

    def all_begun(self) -> bool:
        return self.begun >= self.plan.trials or self.failures_in_a_row >= FAILURES_IN_A_ROW_MAX

    def end(self, trial: Trial) -> None:
        self.done.append(trial)
        self.failures_in_a_row = self.failures_in_a_row + 1 if trial.failure else 0


async def run(plan: Plan) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="mediasrv-bench-") as directory:
        config = settings_file(Path(directory), SCRIPT)
        async with serving(Path(directory), ["--agent", "scripted", "--config", str(config)]) as server:
            async with calling(server.sip, capacity=plan.callers + plan.calls_in_background) as callers:
                trials = await interrupt(callers, plan)
                stalls, wire = callers.stalls(), callers.statistics()
        decisions = decision_to_silence_ms(trials.done, timelines(server))
        return report(plan, trials.done, decisions, machine_stalls=len(stalls), heard_lost=wire.heard_lost)


async def interrupt(callers: Callers, plan: Plan) -> Trials:
    trials, chance = Trials(plan), random.Random(plan.seed)
    bed = talk_bed()
    for number in range(plan.calls_in_background):
        await callers.call(
            f"background-{number}", bed=bed, bed_start=chance.randrange(len(bed)), listen=False
        )
    async with trio.open_nursery() as nursery:
        for number in range(plan.callers):
            nursery.start_soon(
                one_caller, callers, f"trials-{number}", trials, random.Random(chance.random())
            )
    return trials


async def one_caller(callers: Callers, number: str, trials: Trials, chance: random.Random) -> None:
    """One call after the other, interrupting as long as there is a voice to interrupt."""
    calls = 0
    while not trials.all_begun():
        calls += 1
        caller = await callers.call(f"{number}-{calls}", slot=chance.randrange(SLOTS))
        try:
            for _ in range(TRIALS_A_CALL):
                if trials.all_begun():
                    break
                trials.begun += 1
                trial = await one_trial(callers, caller, f"{number}-{calls}", chance)
                trials.end(trial)
                if trial.failure:
                    break  # nobody knows where this call stands
        finally:
            await callers.hang_up(caller)


async def one_trial(callers: Callers, caller: Caller, number: str, chance: random.Random) -> Trial:
    caller.heard.clear()
    if not await hear_voice(caller, chance.uniform(*TALKS_MS)):
        return Trial(number, failure="no voice to interrupt")
    speech = interruption(chance)
    said = callers.say(caller, SystemClock().now_ns() + AHEAD_NS, speech.payload)
    await trio.sleep(
        AHEAD_NS / 1e9 + speech.onset_sample / 8_000 + (WITHIN_MS + QUIET_MS) / 1_000 + 2 * LOOK_EVERY_S
    )
    at_ns = sent_ns(caller.said, said, speech.onset_sample)
    if at_ns is None:
        return Trial(number, failure="the wire did not say it")
    stop = first_stop(caller.heard, at_ns, QUIET_MS)
    if stop is None or stop.last_audible_ns - at_ns > WITHIN_MS * NS_PER_MS:
        return Trial(number, at_ns, failure="not stopped within 1 s")
    if at_ns - stop.last_audible_ns > NO_VOICE_MS * NS_PER_MS:
        return Trial(number, at_ns, stop.last_audible_ns, failure="stopped before the onset")
    stop_ms = max(0.0, (stop.last_audible_ns - at_ns) / NS_PER_MS)
    return Trial(number, at_ns, stop.last_audible_ns, stop_ms)


async def hear_voice(caller: Caller, for_ms: float) -> bool:
    """Waits until the agent has been talking for so long; False when it does not."""
    with trio.move_on_after(SPEAKS_WITHIN_S + for_ms / 1_000):
        while True:
            await trio.sleep(LOOK_EVERY_S)
            began = next((packet.at_ns for packet in caller.heard if packet.audible), None)
            if began is not None and caller.heard[-1].at_ns - began >= for_ms * NS_PER_MS:
                return True
    return False


def decision_to_silence_ms(trials: Sequence[Trial], of_calls: Mapping[str, Timeline]) -> list[float]:
    """From the engine's hold, as the server's timeline has it, to the last audible packet."""
    found = []
    for trial in trials:
        timeline = of_calls.get(trial.number)
        if timeline is None or trial.stop_ms is None:
            continue
        hold_ns = timeline.next_hold_ns(trial.onset_ns - NO_VOICE_MS * NS_PER_MS)
        if hold_ns is not None and hold_ns - trial.onset_ns < WITHIN_MS * NS_PER_MS:
            found.append(max(0.0, (trial.last_audible_ns - hold_ns) / NS_PER_MS))
    return found


def report(
    plan: Plan,
    trials: Sequence[Trial],
    decisions_ms: Sequence[float],
    *,
    machine_stalls: int,
    heard_lost: int,
) -> dict[str, object]:
    failures = [trial.failure for trial in trials if trial.failure]
    return {
        "bench": "barge-in",
        "trials": len(trials),
        "calls_in_background": plan.calls_in_background,
        "callers": plan.callers,
        "seed": plan.seed,
        "stop_ms": spread([trial.stop_ms for trial in trials if trial.stop_ms is not None]),
        "decision_to_silence_ms": spread(decisions_ms),
        "decisions_seen": len(decisions_ms),
        "failures": len(failures),
        "failure_reasons": {reason: failures.count(reason) for reason in sorted(set(failures))},
        "audible_above_dbfs": AUDIBLE_DBFS,
        "machine_stalls": machine_stalls,
        "heard_lost": heard_lost,
    }
