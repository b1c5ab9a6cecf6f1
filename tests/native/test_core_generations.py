"""Whatever is commanded, in whatever order: nothing flushed sounds again, and positions add up."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mediasrv_native.errors import StaleHandle
from tests.native.line import FLUSHED, FRAME, HELD, RELEASED, Line, on_the_wire, pcm_of

LEVEL = 900  # generation g is a constant of g * LEVEL: its sound tells whose it is


class Agent(RuleBasedStateMachine):
    """A producer and a controller with no sense of order."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line(playout_ms=400, rewind_ms=200)
        self.generation = 1
        self.dead = 0
        self.asked: list[int] = []
        self.finished: set[int] = set()
        self.last = self.line.core.position()

    def loudest(self, generation: int) -> int:
        return max(on_the_wire(pcm_of([generation * LEVEL])))

    @rule(samples=st.integers(0, 900), on_onset=st.integers(0, 2))
    @precondition(lambda self: self.generation not in self.finished)
    def play(self, samples: int, on_onset: int) -> None:
        pcm = pcm_of([self.generation * LEVEL] * samples)
        try:
            assert 0 <= self.line.core.play(self.generation, pcm, on_onset=on_onset) <= samples
        except StaleHandle:
            assert self.generation <= self.dead

    @rule()
    @precondition(lambda self: self.generation > self.dead)
    def finish(self) -> None:
        self.line.core.finish(self.generation)
        self.finished.add(self.generation)

    @rule()
    @precondition(lambda self: self.generation < 30)
    def next_turn(self) -> None:
        self.generation += 1

    @rule(back=st.integers(0, 2))
    def flush(self, back: int) -> None:
        asked = max(1, self.generation - back)
        self.line.core.flush(asked, self.line.now_ns)
        self.asked.append(asked)
        self.dead = max(self.dead, asked)

    @rule(
        hold=st.integers(1, 3), lease_ms=st.sampled_from([0, 10, 50]), duck=st.booleans(), stay=st.booleans()
    )
    def hold(self, hold: int, lease_ms: int, duck: bool, stay: bool) -> None:
        self.line.core.hold(hold, lease_ms, self.line.now_ns, duck=duck, on_lease=stay)

    @rule(hold=st.integers(1, 3), source=st.integers(-1, 5_000))
    def release(self, hold: int, source: int) -> None:
        in_force = self.line.core.position().hold
        try:
            self.line.core.release(hold, self.line.now_ns, source=source)
            assert hold == in_force
        except StaleHandle:
            assert hold != in_force

    @rule(on=st.booleans())
    def send(self, on: bool) -> None:
        self.line.core.set_direction(self.line.now_ns, sending=on)

    @rule(ticks=st.integers(1, 4))
    def tick(self, ticks: int) -> None:
        for _ in range(ticks):
            dead = self.dead
            heard = self.line.tick()
            self.check_answers()
            audible = {sample for sample in heard[40:] if sample}  # a fade lasts 5 ms
            assert not audible or self.line.core.position().generation > dead
            assert max(heard, default=0) <= self.loudest(self.generation)

    def check_answers(self) -> None:
        answered = [int(e.arg) for e in self.line.of_kind(FLUSHED)]
        assert answered == self.asked[: len(answered)]
        assert answered == self.asked  # a tick is enough for every fade
        holds = [e.kind for e in self.line.events if e.kind in (HELD, RELEASED)]
        assert holds.count(RELEASED) <= holds.count(HELD)

    @invariant()
    def positions_add_up(self) -> None:
        now = self.line.core.position()
        assert 0 <= now.heard <= now.source <= now.wire
        assert now.generation >= self.last.generation
        if now.generation == self.last.generation:
            assert now.wire >= self.last.wire
            assert now.wire - self.last.wire <= FRAME * 4
        self.last = now

    @invariant()
    def room_is_never_more_than_the_queue(self) -> None:
        assert 0 <= self.line.core.room() <= 400 * 8


TestAgent = Agent.TestCase
TestAgent.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
