"""One story, told once over what a seed has drawn, and judged: what the command line and the tests both run."""

from __future__ import annotations

import gc
import hashlib
import json
import re
import struct
import time
from dataclasses import dataclass
from unittest.mock import patch

import trio

from mediasrv.clock import NS_PER_S
from mediasrv.endpoints import sip as endpoint
from mediasrv.providers.registry import VOICES
from mediasrv.providers.voices import FormantVoice
from tests.sim import deterministic
from tests.sim.deterministic import BEGINNING_NS, Agenda
from tests.sim.sip.clocks import ServerClock
from tests.sim.sip.house import House, Unmet
from tests.sim.sip.leftovers import SETTLING_S, settle, violations
from tests.sim.sip.stories import STORIES
from tests.sim.sip.story import Story
from tests.sim.witness import describe, listening_to_the_log
from tests.sim.world import LOOKS_S, living_tasks

Telling = tuple[str, int]  # a story's name and a seed
# No seed draws it: each process has its own.
CERTIFICATE = re.compile(rb"(?<=a=fingerprint:sha-256 )[\dA-F:]+")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is kept of a run when many are made."""

    story: str
    seed: int
    violations: tuple[str, ...] = ()
    digest: str = ""
    paths: str = ""
    simulated_s: float = 0.0
    cpu_s: float = 0.0


def tell(name: str, seed: int) -> Outcome:
    """A run that raises is a violation like any other: the sweep goes on."""
    story, began_s = STORIES[name], time.process_time()

    async def main(agenda: Agenda) -> Outcome:
        return await _live(agenda, story, seed)

    try:
        outcome = deterministic.run(seed, main, limit_s=story.limit_s + SETTLING_S + 60)
    except Exception as error:
        outcome = Outcome(name, seed, (f"raised {describe(error)}",))
    cpu_s = time.process_time() - began_s
    return Outcome(name, seed, outcome.violations, outcome.digest, outcome.paths, outcome.simulated_s, cpu_s)


def settle_in() -> None:
    """For a process that will tell many: what was imported stays, and is no garbage to be looked for at every turn."""
    gc.collect()
    gc.freeze()


def tell_drawn(telling: Telling) -> Outcome:
    return tell(*telling)


async def _live(agenda: Agenda, story: Story, seed: int) -> Outcome:
    broken: list[str] = []
    with (
        listening_to_the_log() as logs,
        patch.object(endpoint, "LOOK_S", LOOKS_S),
        # espeak speaks in a thread, which virtual time does not wait for, and no sentence sounds twice alike
        patch.dict(VOICES, espeak=FormantVoice),
    ):
        async with trio.open_nursery() as tasks:
            house = House.build(agenda, story, seed, tasks, ServerClock(agenda.clock))
            await house.open()
            before = living_tasks()
            try:
                with trio.fail_after(story.limit_s):
                    await story.tell(house)
            except (Unmet, trio.TooSlowError) as error:
                broken.append(str(error) or f"not over within {story.limit_s:g} s")
            house.part()
            await settle(house)
            broken = broken or list(violations(house, before, logs))  # of a story gone wrong much is left
            house.server.hurry()
            await house.server.wait_stopped()
            tasks.cancel_scope.cancel()
    simulated_s = (agenda.clock.now_ns() - BEGINNING_NS) / NS_PER_S
    paths = f"{house.paths[0].name} to us, {house.paths[1].name} from us"
    return Outcome(story.name, seed, tuple(broken), _digest(house, logs), paths, simulated_s)


def _digest(house: House, logs: list[str]) -> str:
    """Of every datagram and when it arrived, every record and when it was written, and the log."""
    total = hashlib.sha256()
    for wired in house.network.log:
        ends = f"{wired.source}>{wired.to}@{wired.sent_ns}{wired.arrives_ns}".encode()
        data = CERTIFICATE.sub(b"", wired.data)
        total.update(struct.pack("!II", len(ends), len(data)) + ends + data)
    total.update(json.dumps([house.sink.records, logs], sort_keys=True, default=str).encode())
    return total.hexdigest()
