"""Replies that are begun before the caller has finished: heard when the guess was right, and traceless when not."""

from __future__ import annotations

from collections.abc import Iterator

from tests.sim.script import Press, passage, quiet, spoke
from tests.sim.talk.account import Account
from tests.sim.talk.expectations import (
    last_reply,
    model_never_learns,
    noted,
    nothing_cut_off,
    replies,
    reply,
    tool,
)
from tests.sim.talk.story import GREETING, INTERRUPTION, OTHER_ANSWER, REPLY, Talk, story

QUESTION = "please tell me everything about the house"
MORE = "and about the garden of it."
WRONG = "The house is white."


def _guesses(talk: Talk) -> None:
    """A sentence without an end: there is a pause in which a guess gets ahead."""
    talk.agent.sets("model", speculates=True)
    talk.settings["calls.ordinary_pause_ms"] = "900"


def _begins(talk: Talk, text: str = QUESTION) -> None:
    talk.says(text, quiet(GREETING, talk.between(1_000, 1_500)))


def promoted(account: Account) -> Iterator[str]:
    if not any(turn["ahead"] for turn in account.replies):
        yield "no reply was begun ahead"


def dropped(account: Account) -> Iterator[str]:
    if not account.guesses_dropped:
        yield "no guess was dropped"
    for guess in account.guesses_dropped:
        if guess["heard"]:
            yield f"of a guess that was wrong {guess['heard']!r} was heard"


@story
def a_guess_that_was_right(talk: Talk) -> None:
    """What was begun ahead is what is heard."""
    _guesses(talk)
    talk.answers()
    _begins(talk)
    talk.hangs_up(quiet(REPLY, 500))
    talk.expects(promoted, replies(1), nothing_cut_off, reply(1, to=QUESTION, heard="whole"))


@story
def a_guess_that_was_wrong(talk: Talk) -> None:
    """The caller has more to say: the first guess is never heard, and never remembered."""
    _guesses(talk)
    talk.answers("It is large.", to="garden")
    talk.answers(WRONG)
    _begins(talk)
    talk.says(MORE, spoke(1, talk.between(450, 700)))
    talk.hangs_up(quiet(REPLY, 500))
    talk.expects(
        dropped, replies(1), reply(1, to=f"{QUESTION} {MORE}", heard="whole"), model_never_learns(WRONG)
    )


@story
def a_guess_that_was_right_and_is_interrupted(talk: Talk) -> None:
    """Once it is heard it is a reply like any other."""
    _guesses(talk)
    talk.answers(OTHER_ANSWER, to="something else")
    talk.answers()
    _begins(talk)
    talk.says(INTERRUPTION, passage(REPLY, talk.between(1_000, 4_000)))
    talk.hangs_up(spoke(2, 5_000))
    talk.expects(
        promoted, replies(2), reply(1, because="user_barge_in"), reply(2, to=INTERRUPTION, heard="whole")
    )


@story
def a_guess_that_is_interrupted_as_it_is_promoted(talk: Talk) -> None:
    """The caller goes on at the very moment at which the agent takes the floor."""
    _guesses(talk)
    talk.answers("It is large.", to="garden")
    talk.answers(WRONG)
    _begins(talk)
    talk.says(MORE, spoke(1, talk.between(850, 1_150)))
    talk.hangs_up(spoke(2, 5_000))
    talk.expects(last_reply(to=MORE, heard="whole"))


@story
def a_guess_whose_model_is_slow(talk: Talk) -> None:
    """It was begun ahead and is still being thought of when it is asked for."""
    _guesses(talk)
    talk.agent.sets("model", first_token_ms=1_800)
    talk.settings["calls.masks_silence"] = "false"
    talk.answers()
    _begins(talk)
    talk.hangs_up(quiet(REPLY, 500))
    talk.expects(promoted, replies(1), reply(1, to=QUESTION, heard="whole"))


@story
def a_guess_whose_model_fails(talk: Talk) -> None:
    """Nobody has asked yet, and nobody is told; when it is asked for, it is thought of anew."""
    _guesses(talk)
    talk.agent.adds("fault", of="llm", request=1, kind="error")
    talk.answers()
    _begins(talk)
    talk.hangs_up(quiet(REPLY, 500))
    talk.expects(replies(1), reply(1, to=QUESTION, heard="whole"))


@story
def a_guess_does_nothing_before_it_is_asked_for(talk: Talk) -> None:
    """Its tool waits for that, and then works once."""
    _guesses(talk)
    talk.answers("One moment.", to="house", tools=[{"name": "look"}], then="It is {result}.")
    talk.agent.adds("tool", name="look", takes_ms=200, result="white")
    _begins(talk)
    talk.hangs_up(quiet(REPLY, 1_500))
    talk.expects(promoted, replies(1), tool("look", "done"), noted("tool", tool="look", times=1))


@story
def a_guess_that_was_wrong_has_done_nothing(talk: Talk) -> None:
    """The tool that it wanted was never called; the one of the right reply was, once."""
    _guesses(talk)
    talk.answers("Two.", to="garden")
    talk.answers("One moment.", to="house", tools=[{"name": "order"}], then="{result}")
    talk.agent.adds("tool", name="order", takes_ms=50, result="ordered")
    _begins(talk)
    talk.says(MORE, spoke(1, talk.between(450, 700)))
    talk.hangs_up(quiet(REPLY, 500))
    talk.expects(dropped, noted("tool", times=0), reply(1, to=MORE, heard="whole"))


@story
def a_guess_that_a_key_makes_wrong(talk: Talk) -> None:
    """What is pressed belongs to what was said."""
    _guesses(talk)
    talk.answers("You have chosen five.", to="5")
    talk.answers(WRONG)
    _begins(talk)
    talk.does(Press("5"), spoke(1, talk.between(450, 700)))
    talk.hangs_up(spoke(1, 7_000))
    talk.expects(replies(1), reply(1, to=f"{QUESTION} 5", heard="whole"), model_never_learns(WRONG))


@story
def a_caller_hangs_up_on_a_guess(talk: Talk) -> None:
    _guesses(talk)
    talk.answers(WRONG)
    _begins(talk)
    talk.hangs_up(spoke(1, talk.between(350, 900)))
    talk.expects(model_never_learns(WRONG))
