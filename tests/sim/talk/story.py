"""The book of stories, and what a story has in its hands while it is told.

`Talk` only writes down: what the caller does and when, what the agent has to say, how the server is set up, what is to
be expected. All that is left to chance comes from `chance`, which the seed decides.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from mediasrv.call import Agent
from mediasrv.call.dialogue import ConversationAgent
from tests.sim.scenario import Expectation, Scenario, Staging
from tests.sim.script import Cue, Deed, HangUp, Moment, Say, answered, quiet
from tests.sim.talk.account import Account, NeverSaid
from tests.sim.talk.agent import AgentScript, Value
from tests.sim.trace import Trace
from tests.sim.world import World

QUESTION = "tell me everything."
ANSWER = (
    "It stands by the sea, and has four rooms. The garden is open all day, and there is a path down to the water. "
    "Breakfast is from eight to ten."
)
INTERRUPTION = "stop, something else please."
OTHER_ANSWER = "Then let us talk of something else."
GREETING, REPLY = 1, 2  # passages of the agent's voice, as the caller counts them

FAIR = ("clean", "lan", "fibre", "skewed")
LOSSY = ("lossy", "bursty")
UNSTEADY = ("wifi", "mobile", "reordering", "bufferbloat")
PATIENCE_MS = 90_000  # whatever happens, the caller does not wait for ever

Judgement = Callable[[Account], Iterator[str]]
Telling = Callable[["Talk"], None]


@dataclass(slots=True)
class Talk:
    """What a story has in its hands."""

    chance: random.Random
    over: tuple[str, ...] = FAIR  # lines that it may happen over
    agent: AgentScript = field(default_factory=AgentScript)
    cues: list[Cue] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    replaces: Callable[[ConversationAgent], Agent] | None = None  # whoever answers, by somebody like it
    judgements: list[Judgement] = field(default_factory=list)

    # ---- the caller --------------------------------------------------------------------------------------------
    def says(self, text: str, when: Moment, *, heard: str = "", voice: str = "high", **pace: int) -> None:
        """The recogniser hears it so, or as `heard`. What is said first must be told first."""
        self.does(Say(text, voice), when)
        self.agent.adds("hears", text=heard or text, **pace)

    def does(self, deed: Deed, when: Moment) -> None:
        self.cues.append(Cue(when, deed))

    def asks(self, text: str = QUESTION, **pace: int) -> None:
        """The caller's question, a while after the greeting."""
        self.says(text, quiet(GREETING, self.between(1_000, 1_600)), **pace)

    def hangs_up(self, when: Moment) -> None:
        self.does(HangUp(), when)

    # ---- the agent ---------------------------------------------------------------------------------------------
    def answers(self, text: str = ANSWER, to: str = "everything", **values: Value) -> None:
        """`to`: words of what the caller said last; empty: whatever it was."""
        if to:
            values["hears"] = [to]
        self.agent.adds("reply", text=text, **values)

    # ---- the story ---------------------------------------------------------------------------------------------
    def between(self, least_ms: float, most_ms: float) -> float:
        return self.chance.uniform(least_ms, most_ms)

    def expects(self, *judgements: Judgement) -> None:
        self.judgements += judgements


STORIES: dict[str, Telling] = {}


def story(tell: Telling) -> Telling:
    """Enters a story in the book, by its name."""
    enter(tell.__name__, tell)
    return tell


def enter(name: str, tell: Telling) -> None:
    assert name not in STORIES, name
    STORIES[name] = tell


def scenario(name: str, source: random.Random) -> Scenario:
    """The story, told once: its moments, pace and line are drawn."""
    talk = Talk(source)
    _set_pace(talk)
    STORIES[name](talk)
    return Scenario(
        name,
        (*talk.cues, Cue(answered(PATIENCE_MS), HangUp())),
        agent_script=talk.agent.toml(),
        uplink=source.choice(talk.over),
        downlink=source.choice(talk.over),
        skew_ppm=source.uniform(-100.0, 100.0),
        settings=talk.settings,
        stage=_with(talk.replaces) if talk.replaces is not None else None,
        expects=tuple(_judged(judgement) for judgement in talk.judgements),
    )


def _set_pace(talk: Talk) -> None:
    """No provider takes as long twice."""
    between = talk.between
    talk.agent.sets("voice", first_sound_ms=round(between(20, 150)), sound_ms=round(between(0, 10)))
    talk.agent.sets("model", first_token_ms=round(between(50, 250)), token_ms=round(between(3, 25)))
    talk.agent.sets("ears", final_ms=round(between(40, 140)), word_ms=round(between(160, 240)))


def _with(replaces: Callable[[ConversationAgent], Agent]) -> Staging:
    def stage(world: World) -> None:
        agent = world.server._agents["scripted"]
        assert isinstance(agent, ConversationAgent)
        world.server._agents["scripted"] = replaces(agent)

    return stage


def _judged(judgement: Judgement) -> Expectation:
    def check(trace: Trace) -> Iterator[str]:
        try:
            yield from judgement(Account(trace))
        except NeverSaid as said:
            yield f"the caller never came to say {said}"

    return check


def draws(book: Mapping[str, Telling]) -> dict[str, Callable[[random.Random], Scenario]]:
    """Every story as the sweep draws it."""
    return {name: partial(scenario, name) for name in book}
