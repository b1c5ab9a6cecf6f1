"""`mediasrv bench churn`: rounds of calls that end in every way, and what the server holds after each.

A round deals its calls out evenly over the manners of `endings` and shuffles them; so many are up at a time. When the
last has ended the server is given LINGER_S, because a SIP transaction may outlive its call by 32 s, a call whose peer
has vanished is noticed after the media timeout, and what is then written down takes a thread for a while. Then it
should hold what it held before the first round, which is taken after one that does not count, and is about as large as
the others: code is loaded by then, the voice has made its sounds, and the allocator has seen as many calls at once.

A call has failed when the server did not do its part, or wrote down another reason than the call had to end.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import trio

from mediasrv.bench.churn.endings import MANNERS, MEDIA_TIMEOUT_MS, Scene, play
from mediasrv.bench.churn.holdings import Holdings, left_over
from mediasrv.bench.churn.phone import Exchange, TurnedAway, Unexpected
from mediasrv.bench.instruments.callers import NotAnswered, wire_cpu
from mediasrv.bench.instruments.server_process import ServerProcess, serving, settings_file
from mediasrv.bench.speech import talk_bed
from mediasrv.errors import leaves
from mediasrv.sip.grammar.uri import Uri
from mediasrv_native.wire import Wire

SCRIPT = Path(__file__).with_name("churn.toml")
SETTINGS = f"[media]\nmedia_timeout_ms = {MEDIA_TIMEOUT_MS}\n"
IDLE_WORKER_S = 10.0  # for so long trio keeps a thread that has written records
LINGER_S = MEDIA_TIMEOUT_MS / 1_000 + 32.0 + IDLE_WORKER_S + 2.0
BEGIN_WITHIN_S = 2.0  # so that those who begin together do not go on in step
ASKING_MAX = 6  # at once, of the server's control socket
REASONS_TOLD = 10
FRAMES = " |+-"  # which an exception group is drawn with
FAULT_LEVELS = ("error", "critical")


@dataclass(frozen=True, slots=True)
class Plan:
    calls: int = 1_000  # in all rounds together
    rounds: int = 4
    at_once: int = 40
    seed: int = 1
    linger_s: float = LINGER_S
    warm_up_each: int = 20  # calls of every manner, before those that count

    def manners(self, number: int) -> list[str]:
        """What a round is made of: every manner as often as any other, in an order of its own."""
        size = self.calls // self.rounds + (number < self.calls % self.rounds)
        names = list(MANNERS)
        dealt = [names[(number + at) % len(names)] for at in range(size)]
        random.Random(f"{self.seed}/{number}").shuffle(dealt)
        return dealt


@dataclass(slots=True)
class Played:
    """Every call that was made, by its number, and what went wrong."""

    manners: dict[str, str] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    turned_away: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Bench:
    plan: Plan
    server: ServerProcess
    exchange: Exchange
    played: Played = field(default_factory=Played)
    asking: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(ASKING_MAX))

    async def round(self, name: str, manners: Sequence[str]) -> Holdings:
        """All of its calls, and what the server holds when all should be forgotten."""
        places = trio.CapacityLimiter(self.plan.at_once)
        async with trio.open_nursery() as calls:
            for at, manner in enumerate(manners):
                calls.start_soon(self._call, f"{name}-{at}", manner, places)
        self.server.check()
        await trio.sleep(self.plan.linger_s)
        self.server.check()
        self.exchange.close_buried()
        self.exchange.wire.take_heard()
        return await Holdings.of(self.server)

    async def _call(self, number: str, manner: str, places: trio.CapacityLimiter) -> None:
        chance = random.Random(f"{self.plan.seed}/{number}")
        async with places:
            self.server.check()
            await trio.sleep(chance.uniform(0.0, BEGIN_WITHIN_S))
            self.played.manners[number] = manner
            scene = Scene(self.server, self.exchange, number, chance, self.asking)
            try:
                await play(scene, manner)
            except* TurnedAway:
                self.played.turned_away.add(number)
            except* (Unexpected, NotAnswered, OSError) as group:
                for problem in leaves(group):
                    self.played.failures[f"{manner}: {problem}"] += 1


async def run(plan: Plan) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="mediasrv-bench-") as directory:
        config = settings_file(Path(directory), SCRIPT, more=SETTINGS)
        async with serving(Path(directory), ["--agent", "scripted", "--config", str(config)]) as server:
            with Wire(capacity=plan.at_once * 2 + 8, cpu=wire_cpu()) as wire:
                bench = Bench(plan, server, Exchange(wire, server.sip, talk_bed()))
                warm_up = list(MANNERS) * plan.warm_up_each
                before = await bench.round("warm-up", warm_up)
                rounds = [await bench.round(f"round-{n}", plan.manners(n)) for n in range(plan.rounds)]
        return report(bench, before, rounds)


def report(bench: Bench, before: Holdings, rounds: Sequence[Holdings]) -> dict[str, object]:
    endings, wrong = recorded(bench)
    failures = bench.played.failures + wrong
    last = rounds[-1].beyond(before)
    return {
        "bench": "churn",
        "calls": len(bench.played.manners),
        "turned_away": len(bench.played.turned_away),
        "failures": failures.total(),
        "failure_reasons": dict(failures.most_common(REASONS_TOLD)),
        "left_over": left_over(last),
        "before": asdict(before),
        "rounds": [after.beyond(before) for after in rounds],
        "memory_bytes_each_round": [
            after.memory_bytes - earlier.memory_bytes
            for earlier, after in zip([before, *rounds], rounds, strict=False)
        ],
        "endings": endings,
        "errors_logged": errors_logged(bench.server.log),
    }


def recorded(bench: Bench) -> tuple[dict[str, dict[str, int]], Counter[str]]:
    """Why the calls ended as the server wrote it down, by manner; and which of them had no such reason."""
    written = {
        number_of(record["called"]): record["ending"]
        for records in bench.server.records("call").values()
        for record in records
    }
    endings: dict[str, Counter[str]] = {}
    wrong: Counter[str] = Counter()
    for number, manner in bench.played.manners.items():
        if number in bench.played.turned_away:
            continue
        ending = written.get(number, "")
        endings.setdefault(manner, Counter())[ending or "no record"] += 1
        if ending not in MANNERS[manner].recorded:
            wrong[f"{manner}: written down as {ending or 'nothing'}"] += 1
    return {manner: dict(counted) for manner, counted in sorted(endings.items())}, wrong


def number_of(called: str) -> str:
    """A call that the server made was dialled as a URI."""
    return Uri.parse(called).user_text if called.startswith("sip:") else called


def errors_logged(log: Path) -> dict[str, int]:
    """What the server's log tells of faults, by its words."""
    told = (fault(line) for line in log.read_text(errors="replace").splitlines())
    return dict(Counter(filter(None, told)).most_common(REASONS_TOLD))


def fault(line: str) -> str:
    """Empty: none. What is no line of the log's at all is a traceback's."""
    try:
        told = json.loads(line)
    except ValueError:
        return line.strip()
    if told.get("level") not in FAULT_LEVELS:
        return ""
    words = [text for line in str(told.get("error", "")).splitlines() if (text := line.strip(FRAMES))]
    return ": ".join([str(told.get("event", "")), *words[-1:]])
