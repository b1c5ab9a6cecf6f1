"""Nobody says a word: the caller, whom the agent asks twice, or the agent, whose silence is masked; and how it ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal

from mediasrv.call.dialogue import ConversationAgent
from mediasrv.providers.protocols import LanguageModel, LlmDelta, LlmRequest, Usage
from mediasrv.providers.registry import Providers
from tests.sim.script import Cough, Press, Say, passage, quiet, spoke
from tests.sim.talk.expectations import (
    ended,
    last_reply,
    never_talks_over,
    noted,
    nothing_cut_off,
    replies,
    reply,
    turns,
)
from tests.sim.talk.story import GREETING, INTERRUPTION, OTHER_ANSWER, QUESTION, REPLY, Talk, story

BUDGET = "0.001"  # less than the first reply costs


@story
def nobody_speaks(talk: Talk) -> None:
    """Asked, asked again, and good-bye."""
    talk.expects(turns("greeting", "prompt", "prompt", "goodbye"), ended("silence"), nothing_cut_off)


@story
def somebody_coughs_and_says_nothing(talk: Talk) -> None:
    """A cough is no word, and no reason to wait for ever."""
    talk.does(Cough(120), quiet(GREETING, talk.between(1_500, 6_000)))
    talk.expects(ended("silence"), nothing_cut_off)


@story
def the_caller_speaks_when_asked(talk: Talk) -> None:
    """The prompt is answered; silence is counted anew."""
    talk.answers()
    talk.says(QUESTION, quiet(GREETING + 1, talk.between(1_000, 5_000)))
    talk.hangs_up(quiet(GREETING + 2, 500))
    talk.expects(turns("greeting", "prompt", "reply"), reply(1, to=QUESTION, heard="whole"))


@story
def the_caller_speaks_over_the_prompt(talk: Talk) -> None:
    """Whoever is asked whether he is there may say so at once."""
    talk.answers()
    talk.says(QUESTION, passage(GREETING + 1, talk.between(0, 900)))
    talk.hangs_up(spoke(1, 8_500))
    talk.expects(reply(1, to=QUESTION), noted("turn_started", kind="goodbye", times=0))


@story
def a_key_breaks_the_silence(talk: Talk) -> None:
    talk.answers("You have chosen five.", to="5")
    talk.does(Press("5"), quiet(GREETING + 1, talk.between(1_000, 5_000)))
    talk.hangs_up(quiet(GREETING + 2, 500))
    talk.expects(turns("greeting", "prompt", "reply"), reply(1, to="5", heard="whole"))


@story
def the_caller_speaks_over_the_last_goodbye(talk: Talk) -> None:
    """It was said for want of a caller; now there is one."""
    talk.answers()
    talk.says(QUESTION, passage(GREETING + 3, talk.between(0, 250)))
    talk.hangs_up(spoke(1, 9_000))
    talk.expects(ended("caller_hung_up"), last_reply(to=QUESTION))


@story
def a_slow_model_is_masked(talk: Talk) -> None:
    """First words, then a tone; the reply comes after them, whole."""
    talk.answers(first_token_ms=round(talk.between(2_600, 4_500)))
    talk.asks()
    talk.hangs_up(spoke(1, 16_000))
    talk.expects(replies(1), noted("masked"), nothing_cut_off, reply(1, to=QUESTION, heard="whole"))


@story
def a_slow_voice_is_masked(talk: Talk) -> None:
    """The line is written, and it takes long until it sounds."""
    talk.answers()
    talk.agent.sets("voice", first_sound_ms=round(talk.between(1_700, 2_600)), rehearses=True)
    talk.asks()
    talk.hangs_up(spoke(1, 18_000))
    talk.expects(replies(1), noted("masked"), nothing_cut_off, reply(1, to=QUESTION))


@story
def a_slow_tool_is_masked(talk: Talk) -> None:
    talk.answers("Let me see.", to="everything", tools=[{"name": "look"}], then="It is {result}.")
    talk.agent.adds("tool", name="look", takes_ms=round(talk.between(2_500, 4_500)), result="white")
    talk.asks()
    talk.hangs_up(spoke(1, 14_000))
    talk.expects(replies(1), noted("masked"), nothing_cut_off, reply(1, to=QUESTION, heard="whole"))


@story
def interrupted_in_a_mask(talk: Talk) -> None:
    """What masks a silence is no reply: the caller is answered as if nothing had been said yet."""
    talk.answers(OTHER_ANSWER, to="something else")
    talk.answers(first_token_ms=5_000)
    talk.asks()
    talk.says(INTERRUPTION, passage(REPLY, talk.between(0, 600)))
    talk.hangs_up(spoke(2, 7_000))
    talk.expects(
        reply(1, heard="not at all", because="replaced"),
        last_reply(to=f"{QUESTION} {INTERRUPTION}", heard="whole"),
        never_talks_over(INTERRUPTION, from_ms=250),
    )


@story
def interrupted_in_the_tone(talk: Talk) -> None:
    """The tone that holds the line falls silent as a voice does."""
    talk.answers(OTHER_ANSWER, to="something else")
    talk.answers(first_token_ms=4_800)
    talk.asks()
    talk.says(INTERRUPTION, spoke(1, talk.between(4_000, 4_600)))
    talk.hangs_up(spoke(2, 7_000))
    talk.expects(
        reply(1, heard="not at all", because="replaced"),
        last_reply(to=INTERRUPTION, heard="whole"),
        never_talks_over(INTERRUPTION, from_ms=350),
    )


@story
def never_masked_over_the_caller(talk: Talk) -> None:
    """The silence is long, and the caller uses it: nothing is said against it meanwhile."""
    long = "I ask because we would like to come with the children, and with a dog."
    talk.answers(to="")
    talk.agent.lists["reply"][0]["first_token_ms"] = 2_500
    talk.asks()
    talk.says(long, spoke(1, talk.between(700, 900)), word_ms=260)
    talk.hangs_up(spoke(2, 14_000))
    talk.expects(last_reply(to="with a dog", heard="whole"), never_talks_over(long, from_ms=350))


@story
def the_budget_is_spent(talk: Talk) -> None:
    """What was promised is said to its end; then good-bye."""
    talk.settings["calls.budget_usd"] = BUDGET
    _costs(talk)
    talk.answers()
    talk.asks()
    talk.expects(noted("budget_spent", times=1), turns("greeting", "reply", "goodbye"), ended("budget"))


@story
def nobody_talks_the_budget_away(talk: Talk) -> None:
    """The last good-bye is not to be interrupted: there is nothing left to answer with."""
    talk.settings["calls.budget_usd"] = BUDGET
    _costs(talk)
    talk.answers()
    talk.asks()
    talk.does(Say(INTERRUPTION), quiet(REPLY, talk.between(0, 500)))
    talk.expects(ended("budget"), replies(1))


@story
def the_longest_call(talk: Talk) -> None:
    """It ends in the middle of a reply, and says so."""
    talk.settings["calls.max_length_s"] = "10"
    talk.answers(" ".join(f"And this is the room number {number}." for number in range(1, 9)))
    talk.asks()
    talk.expects(ended("max_length"), reply(1, heard="cut off", because="timeout"))


def _costs(talk: Talk) -> None:
    """A model of a house that is paid."""

    def priced(agent: ConversationAgent) -> ConversationAgent:
        plain = agent.providers

        def providers() -> Providers:
            made = plain()
            return replace(made, llm=PaidModel(made.llm))

        agent.providers = providers
        return agent

    talk.replaces = priced


@dataclass(frozen=True, slots=True)
class PaidModel:
    """The same, for a cent a reply."""

    model: LanguageModel
    name: str = "paid"

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        async with aclosing(self.model.stream(request)) as deltas:
            async for delta in deltas:
                paid = isinstance(delta, Usage)
                yield replace(delta, cost_usd=Decimal("0.01")) if paid else delta
