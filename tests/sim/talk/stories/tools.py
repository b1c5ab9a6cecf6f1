"""A tool works, and the caller speaks: what each policy means, and what the model is told of it."""

from __future__ import annotations

from functools import partial

from tests.sim.script import Press, passage, quiet, spoke
from tests.sim.talk.agent import Value
from tests.sim.talk.expectations import (
    ended,
    last_reply,
    model_learns,
    model_never_learns,
    noted,
    nothing_cut_off,
    replies,
    reply,
    tool,
    tool_not_called,
)
from tests.sim.talk.story import INTERRUPTION, OTHER_ANSWER, REPLY, Talk, enter, story

REQUEST = "please book a table for me."
RESULT = "number 4711"
FIRST_WORDS, LAST_WORDS = "One moment.", "It is booked, with {result}, for this evening at eight."
POLICIES = {
    "cancel": "cancelled",
    "shield": "done",
    "commit_if_heard": "withdrawn",
}  # what the tool comes to then


def _works(talk: Talk, policy: str, takes_ms: float, **values: Value) -> None:
    talk.answers(OTHER_ANSWER, to="something else")
    talk.answers(FIRST_WORDS, to="book a table", tools=[{"name": "book"}], then=LAST_WORDS)
    talk.agent.adds("tool", name="book", on_cancel=policy, takes_ms=round(takes_ms), result=RESULT, **values)
    talk.settings["calls.masks_silence"] = "false"


def _interrupted_while_it_works(talk: Talk, policy: str) -> None:
    """Spoken to while the tool runs, or, where it waits to be heard, while the reply says so."""
    _works(talk, policy, 3_500)
    talk.asks(REQUEST)
    talk.says(INTERRUPTION, passage(REPLY, talk.between(900, 1_900)))
    talk.hangs_up(spoke(2, 6_000))
    talk.expects(
        replies(2),
        reply(1, because="user_barge_in"),
        reply(2, to=INTERRUPTION, heard="whole"),
        noted("tool_ended", tool="book", outcome=POLICIES[policy], times=1),
    )
    if policy != "shield":
        talk.expects(model_never_learns(RESULT))


for policy in POLICIES:
    enter(
        f"interrupted_while_a_tool_works_that_is_{policy}",
        partial(_interrupted_while_it_works, policy=policy),
    )


def _interrupted_before_it_is_called(talk: Talk, policy: str) -> None:
    """The model has asked for nothing yet: there is nothing to stop."""
    _works(talk, policy, 500)
    talk.agent.sets("model", first_token_ms=2_500)
    talk.asks(REQUEST)
    talk.says(INTERRUPTION, spoke(1, talk.between(800, 1_400)))
    talk.hangs_up(spoke(2, 7_000))
    talk.expects(
        reply(1, heard="not at all", because="replaced"), last_reply(to=INTERRUPTION), tool_not_called("book")
    )


for policy in POLICIES:
    name = f"interrupted_before_a_tool_is_called_that_is_{policy}"
    enter(name, partial(_interrupted_before_it_is_called, policy=policy))


@story
def a_shielded_tool_answers_late(talk: Talk) -> None:
    """The caller talks of something else; what the tool found is there when he comes back to it."""
    _works(talk, "shield", 3_000)
    talk.asks(REQUEST)
    talk.says(INTERRUPTION, passage(REPLY, talk.between(900, 1_500)))
    talk.hangs_up(spoke(2, 8_000))
    talk.expects(
        noted("tool_ended", outcome="done"), model_learns(RESULT), last_reply(to=INTERRUPTION, heard="whole")
    )


@story
def a_shielded_tool_outlives_the_call(talk: Talk) -> None:
    """Whoever hangs up on it has still ordered."""
    _works(talk, "shield", 4_000)
    talk.asks(REQUEST)
    talk.hangs_up(passage(REPLY, talk.between(900, 2_000)))
    talk.expects(ended("caller_hung_up"), noted("tool_ended", outcome="done"))


@story
def a_tool_that_waits_to_be_heard_is_done_then(talk: Talk) -> None:
    _works(talk, "commit_if_heard", 300)
    talk.asks(REQUEST)
    talk.hangs_up(quiet(REPLY, 2_500))
    talk.expects(nothing_cut_off, reply(1, heard="whole"), noted("tool_ended", outcome="done"))


@story
def a_tool_that_is_heard_over_a_murmur(talk: Talk) -> None:
    """A listener's noise withdraws nothing."""
    _works(talk, "commit_if_heard", 300)
    talk.asks(REQUEST)
    talk.says("mm-hm", passage(REPLY, talk.between(800, 3_500)))
    talk.hangs_up(quiet(REPLY, 2_500))
    talk.expects(nothing_cut_off, reply(1, heard="whole"), noted("tool_ended", outcome="done"))


@story
def a_tool_interrupted_by_a_key(talk: Talk) -> None:
    _works(talk, "cancel", 3_500)
    talk.asks(REQUEST)
    talk.does(Press("#"), passage(REPLY, talk.between(900, 1_900)))
    talk.hangs_up(passage(REPLY, 5_000))
    talk.expects(reply(1, because="user_barge_in"), tool("book", "cancelled"))


@story
def a_tool_that_fails(talk: Talk) -> None:
    """The model is told, and says so."""
    _works(talk, "cancel", talk.between(100, 900), fails=True)
    talk.asks(REQUEST)
    talk.hangs_up(quiet(REPLY, 1_500))
    talk.expects(nothing_cut_off, reply(1, heard="whole"), tool("book", "failed"))


@story
def a_tool_that_takes_too_long(talk: Talk) -> None:
    """It is given up at its deadline, and the model is told."""
    _works(talk, "cancel", 30_000, deadline_s=1.0)
    talk.asks(REQUEST)
    talk.hangs_up(quiet(REPLY, 3_000))
    talk.expects(nothing_cut_off, tool("book", "timed_out"), model_learns("no answer in 1 s"))


@story
def a_goodbye_that_is_interrupted_hangs_nothing_up(talk: Talk) -> None:
    """A tool that ends the call never runs for a reply that nobody heard."""
    talk.answers(OTHER_ANSWER, to="something else")
    talk.answers(
        "Thank you for calling, and a good day to you and yours.", to="good-bye", tools=[{"name": "hang_up"}]
    )
    talk.agent.adds("tool", name="hang_up", on_cancel="commit_if_heard", ends_call=True)
    talk.asks("thank you, good-bye.")
    talk.says(INTERRUPTION, passage(REPLY, talk.between(700, 2_200)))
    talk.hangs_up(spoke(2, 6_000))
    talk.expects(
        ended("caller_hung_up"),
        reply(1, because="user_barge_in"),
        reply(2, to=INTERRUPTION, heard="whole"),
        tool("hang_up", ("withdrawn", "cancelled")),
    )


@story
def a_goodbye_that_is_heard_hangs_up(talk: Talk) -> None:
    talk.answers("Thank you for calling.", to="good-bye", tools=[{"name": "hang_up"}], then="Good-bye!")
    talk.agent.adds("tool", name="hang_up", on_cancel="commit_if_heard", ends_call=True)
    talk.asks("thank you, good-bye.")
    talk.expects(ended("agent_hung_up"), nothing_cut_off, reply(1, heard="whole"))


@story
def two_tools_in_one_reply(talk: Talk) -> None:
    """The second fails; the first is done nevertheless, and each has its result."""
    talk.answers(
        FIRST_WORDS,
        to="book a table",
        tools=[{"name": "look"}, {"name": "book"}],
        then="That is all I could do.",
    )
    talk.agent.adds("tool", name="look", takes_ms=round(talk.between(50, 500)), result="a table")
    talk.agent.adds("tool", name="book", on_cancel="shield", takes_ms=200, fails=True)
    talk.asks(REQUEST)
    talk.hangs_up(quiet(REPLY, 1_500))
    talk.expects(nothing_cut_off, tool("look", "done"), tool("book", "failed"), model_learns("a table"))
