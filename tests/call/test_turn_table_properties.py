"""Whatever happens in whatever order: holds end, deadlines move on, turns are numbered, and an end is an end."""

from __future__ import annotations

import math
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from mediasrv.call import CallSettings
from mediasrv.call.settings import Speculation
from mediasrv.call.turn_events import (
    Answered,
    CancelTurn,
    Departing,
    Due,
    EndAsked,
    EndCall,
    HoldLapsed,
    Judged,
    KeyPressed,
    Lulled,
    PassageBegan,
    Phase,
    SpeechBegan,
    SpeechEnded,
    StartTurn,
    Stirred,
    TurnEvent,
    TurnOver,
    TurnState,
    VoiceDry,
    Words,
)
from mediasrv.call.turn_taking import begin, deadline, step
from mediasrv.legs import Ending
from mediasrv.media import HoldId

TEXTS = ["mm-hm", "stop", "I want", "yes.", "one two three", "", "and"]
HAPPENINGS = st.one_of(
    st.tuples(st.just("began"), st.integers(0, 2)),
    st.tuples(st.just("ended"), st.just(0)),
    st.tuples(st.just("lull"), st.integers(0, 1)),
    st.tuples(st.just("judged"), st.integers(0, len(TEXTS) - 1)),
    st.tuples(st.just("dry"), st.integers(0, 1)),
    st.tuples(st.just("partial"), st.integers(0, len(TEXTS) - 1)),
    st.tuples(st.just("final"), st.integers(0, len(TEXTS) - 1)),
    st.tuples(st.just("key"), st.integers(0, 11)),
    st.tuples(st.just("sounds"), st.integers(0, 1)),
    st.tuples(st.just("over"), st.integers(0, 1)),
    st.tuples(st.just("stirred"), st.just(0)),
    st.tuples(st.just("departing"), st.integers(0, 1)),
    st.tuples(st.just("lapsed"), st.integers(0, 2)),
    st.tuples(st.just("leave"), st.integers(0, 19)),
)


EVENTS: dict[str, Callable[[int, TurnState, float], TurnEvent | None]] = {
    "began": lambda n, state, now: SpeechBegan(now, HoldId(n) if n else None),
    "ended": lambda n, state, now: SpeechEnded(now),
    "lull": lambda n, state, now: Lulled(now, over=bool(n)),
    "judged": lambda n, state, now: Judged(TEXTS[n], n / len(TEXTS)),
    "dry": lambda n, state, now: VoiceDry(state.turn - n),
    "partial": lambda n, state, now: Words(TEXTS[n], final=False),
    "final": lambda n, state, now: Words(TEXTS[n], final=True),
    "key": lambda n, state, now: KeyPressed("0123456789*#"[n]),
    "sounds": lambda n, state, now: PassageBegan(state.turn, interruptible=bool(n)),
    "over": lambda n, state, now: TurnOver(state.turn - n),
    "stirred": lambda n, state, now: Stirred(),
    "departing": lambda n, state, now: Departing(over=bool(n)),
    "lapsed": lambda n, state, now: HoldLapsed(HoldId(n)),
    "leave": lambda n, state, now: WISHES.get(n),
}
WISHES = {0: EndAsked(Ending.AGENT_HUNG_UP), 1: EndAsked(Ending.FAULT, goodbye=True)}


class Run:
    """Drives the table as the dialogue does, and watches it."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.state = begin(CallSettings(max_length_s=60, speculation=Speculation(words=2)), self.now)
        self.running = 0
        self.held_since = math.inf
        self.ended = False

    def feed(self, event: TurnEvent) -> None:
        before = self.state.phase
        self.state, actions = step(self.state, event, self.now)
        for action in actions:
            assert not self.ended, "something was asked for after the end"
            match action:
                case StartTurn(turn):
                    assert turn > self.running
                    self.running = turn
                case CancelTurn(turn):
                    assert turn <= self.running
                case EndCall():
                    self.ended = True
                    assert self.state.phase is Phase.ENDED
        if self.state.phase is Phase.HELD and before is not Phase.HELD:
            self.held_since = self.now
        if self.state.phase is Phase.HELD:
            assert self.now - self.held_since <= 0.7 + 1e-6, "a hold lasted too long"

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        for _ in range(200):
            due = deadline(self.state)
            if due > until:
                break
            self.now = max(self.now, due)
            self.feed(Due())
        else:
            raise AssertionError("the deadline does not move on")
        self.now = until


@settings(max_examples=300, deadline=None)
@given(st.booleans(), st.lists(st.tuples(st.floats(0, 3), HAPPENINGS), max_size=60))
def test_any_order_of_events_keeps_the_rules(
    greets: bool, happenings: list[tuple[float, tuple[str, int]]]
) -> None:
    run = Run()
    run.feed(Answered(greets))
    for seconds, (kind, n) in happenings:
        run.wait(seconds)
        event = EVENTS[kind](n, run.state, run.now)
        if event is not None:
            run.feed(event)
    run.wait(200)
    assert run.ended, "the longest call is longer than it may be"
