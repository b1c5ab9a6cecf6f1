"""A call that was, once more: the same agent and call code over the same core, in virtual time.

tape -> stage (passes, time) -> call code -> stream -> engine (moments) -> packets
            leg, providers: substitutes            timeline, packets: compared as they come
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import trio

from mediasrv.call import Agent, CallServices, CallSettings, run_call
from mediasrv.ids import SeededTokens
from mediasrv.legs import Ending
from mediasrv.media import SrtpKeys
from mediasrv.media.again import RepeatedEngine, SentOtherwise, repeated_stream
from mediasrv.media.streams import Stream
from mediasrv.replay.stage import Stage, StageClock
from mediasrv.replay.steps import run_by_age
from mediasrv.replay.substitute_leg import SubstituteLeg
from mediasrv.replay.substitutes import Memory, World, substituted
from mediasrv.replay.tape import Line, NoTape, Pass, Tape, Told, Wish, digest
from mediasrv.telemetry import MemorySink, Timeline

NEVER = 2**63
MOST_DOUBTS = 32  # each costs a repetition
FROM_OUTSIDE = frozenset({"sip"})  # lines that signalling writes, which is not repeated


@dataclass(slots=True)
class Repetition:
    """What came of it; `left_step`: why it was no longer the same, empty if it was to the end."""

    then: list[Line]
    now: list[Line]
    sent: int = 0
    sent_otherwise: list[SentOtherwise] = field(default_factory=list)
    left_step: str = ""
    left_step_ms: float = 0.0
    beyond: list[str] = field(default_factory=list)
    parted_ns: int = NEVER  # when the first difference was

    @property
    def is_same(self) -> bool:
        return self.then == self.now and not self.sent_otherwise


def repeat(tape: Tape, agent: Agent, settings: CallSettings) -> Repetition:
    """Runs it to its end; NoTape when the recording does not go far enough to begin."""
    if tape.birth is None or not any(each.begins for each in tape.passes):
        raise NoTape("the call was never answered: there is nothing to run again")
    late: frozenset[tuple[int, int]] = frozenset()
    best = _repeat(tape, agent, settings, late)
    for doubt in _doubts(tape)[:MOST_DOUBTS]:
        if best.is_same or best.parted_ns < doubt[0]:
            break
        other = _repeat(tape, agent, settings, late | {doubt[1]})
        if other.parted_ns > best.parted_ns:
            best, late = other, late | {doubt[1]}
    return best


def _doubts(tape: Tape) -> list[tuple[int, tuple[int, int]]]:
    """When, and which: reaches that a moment has overtaken, and that may lie behind it."""
    return [(each.at_ns, (index, place)) for index, each in enumerate(tape.passes) for place in each.doubted]


def _repeat(tape: Tape, agent: Agent, settings: CallSettings, late: frozenset[tuple[int, int]]) -> Repetition:
    clock = StageClock(tape.passes[0].at_ns, tape.beginning.unix_offset_ns)
    stage = Stage(tape, clock, late)
    undo = run_by_age()
    try:
        return trio.run(_Repeater(tape, stage, agent, settings).run, clock=clock, instruments=[stage])
    finally:
        undo()


class _Repeater:
    def __init__(self, tape: Tape, stage: Stage, agent: Agent, settings: CallSettings) -> None:
        assert tape.birth is not None
        self._tape, self._stage, self._agent, self._settings = tape, stage, agent, settings
        self._wish: list[int] | None = None
        self._life = trio.CancelScope()
        stage.give_up = self._life.cancel
        self._engine = RepeatedEngine(tape.birth, tape.moments, self._found, stage.clock.now_ns, digest)
        self._stream: Stream = repeated_stream(self._engine, tape.birth)
        then = [line for line in tape.lines if line.record.get("event") not in FROM_OUTSIDE]
        self._done = Repetition(then, [], beyond=[each.why for each in tape.beyond])
        info = tape.beginning.info
        self._services = CallServices(stage.clock, SeededTokens(0), MemorySink(), settings)
        self._timeline = Timeline(
            self._services.sink, stage.clock, info.id, info.tenant, tape.beginning.began_ns
        )
        self._timeline.follow(self._compare)

    async def run(self) -> Repetition:
        stage, done = self._stage, self._done
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.drive, self._bring, self._tell)
            for _ in range(3):  # until the driver waits
                await trio.lowlevel.checkpoint()
            stage.engine = self._engine
            await self._call(nursery)
            nursery.cancel_scope.cancel()
        done.sent, done.sent_otherwise = self._engine.sent, self._engine.differences
        done.left_step = stage.loosened
        sent = [each.at_ns for each in self._engine.differences]
        done.parted_ns = min([*sent, stage.loosened_ns if stage.loosened else NEVER])
        done.left_step_ms = self._timeline.ms(stage.loosened_ns) if stage.loosened else 0.0
        self._engine.close()
        return done

    async def _call(self, nursery: trio.Nursery) -> None:
        over = trio.Event()
        nursery.start_soon(self._live, over)
        await trio.lowlevel.checkpoint()
        self._stage.play()
        await over.wait()
        self._stage.stop()
        self._engine.leave()

    async def _live(self, over: trio.Event) -> None:
        world = World(self._stage, Memory.of(self._tape))
        agent = substituted(self._agent, world)
        leg = SubstituteLeg(self._tape.beginning.info, self._stream, world)
        await self._stage.wait_begins()
        with self._life:
            await run_call(leg, agent, self._services, self._timeline)
        self._stage.stop()
        over.set()

    # ---- what comes from outside
    def _bring(self, come: Pass) -> None:
        for each in come.came:
            match each:
                case Told() if not self._stage.loosened:
                    self._engine.catch_up(each.moments)
                    if not self._engine.tell(each.events, self._stream):
                        self._stage.loosen("the engine has less to tell")
                case Wish():
                    self._fulfil(each)
        if come.asked_to_end:
            self._ask_to_end(come.asked_to_end)

    def _fulfil(self, wish: Wish) -> None:
        arguments: list[Any] = [tuple(each) if isinstance(each, list) else each for each in wish.arguments]
        if wish.method == "set_keys":
            arguments = [msgspec.convert(wish.arguments[0], SrtpKeys)]
        self._wish = list(wish.reached)
        try:
            getattr(self._stream, wish.method)(*arguments, **wish.named)
        finally:
            self._wish = None

    def _ask_to_end(self, why: str) -> None:
        """By somebody who is no part of the call; a server that stops cancels it."""
        if why == Ending.DRAIN.value:
            self._life.cancel()
            return
        for call in self._services.live:
            call.end(Ending(why))

    def _tell(self) -> None:
        """Loose: all that the engine has to say by now."""
        self._engine.catch_up(None)
        self._engine.tell(0, self._stream)

    def _found(self) -> int | None:
        if self._wish is not None:
            return self._wish.pop(0) if self._wish else None
        return self._stage.reached()

    # ---- what it does
    def _compare(self, kind: str, record: Mapping[str, object]) -> None:
        """What newer code tells besides is no difference."""
        now = Line(kind, msgspec.json.decode(msgspec.json.encode(record)))
        place = len(self._done.now)
        then = self._done.then[place] if place < len(self._done.then) else None
        if then is not None and then.kind == kind:
            shared = Line(kind, {name: now.record[name] for name in now.record if name in then.record})
            now = shared if shared == then else now
        self._done.now.append(now)
        if then != now:
            self._stage.loosen(f"another line in its {kind}: {now.record.get('event', kind)}")
