"""Pauses that are no end: numbers, letters, "and ...", second thoughts; and recognisers that are slow to say so."""

from __future__ import annotations

from tests.sim.script import passage, quiet, spoke
from tests.sim.talk.expectations import (
    last_reply,
    never_talks_over,
    noted,
    nothing_cut_off,
    replies,
    reply,
)
from tests.sim.talk.story import GREETING, QUESTION, REPLY, Talk, story

READ_BACK = "I have written that down."
CORRECTION = "no, not at eight, at nine please."


def _one_reply_to(talk: Talk, words: str) -> None:
    talk.answers(READ_BACK, to="")
    talk.hangs_up(quiet(REPLY, 500))
    talk.expects(replies(1), nothing_cut_off, reply(1, to=words, heard="whole"))


def _says_in_pieces(talk: Talk, pieces: tuple[str, ...], least_ms: float, most_ms: float) -> None:
    """With pauses between them that are anything from a breath to a thought."""
    talk.says(pieces[0], quiet(GREETING, talk.between(1_000, 1_500)))
    for number, piece in enumerate(pieces[1:], 1):
        talk.says(piece, spoke(number, talk.between(least_ms, most_ms)))


@story
def a_number_is_read_with_long_pauses(talk: Talk) -> None:
    """Nobody knows a telephone number by heart; the agent waits for the rest of it."""
    _says_in_pieces(talk, ("my number is five five five", "zero one two", "three four five six"), 400, 950)
    _one_reply_to(talk, "five five five zero one two three four five six")


@story
def a_number_that_is_whole_is_not_waited_for(talk: Talk) -> None:
    """Ten digits are a number: the reply begins without the longest pause."""
    number = "five five five zero one two three four five six"
    talk.says(number, quiet(GREETING, talk.between(1_000, 1_500)), word_ms=230)
    _one_reply_to(talk, number)


@story
def a_name_is_spelled(talk: Talk) -> None:
    _says_in_pieces(talk, ("it is written m a r", "t i n"), 400, 950)
    _one_reply_to(talk, "m a r t i n")


@story
def a_sentence_that_is_not_over(talk: Talk) -> None:
    """ "And" is a promise."""
    _says_in_pieces(talk, ("I want a table and", "a room with a view."), 400, 950)
    _one_reply_to(talk, "a table and a room with a view")


@story
def a_caller_corrects_himself_at_once(talk: Talk) -> None:
    """He goes on before the agent has begun: one request, and it is the second."""
    _says_in_pieces(talk, ("a table at eight for", "no wait, at nine please."), 250, 900)
    _one_reply_to(talk, "at nine please")


@story
def a_caller_corrects_himself_in_one_breath(talk: Talk) -> None:
    """What reaches the model is what he meant."""
    said = "a table at eight, no wait, at nine please."
    talk.says(said, quiet(GREETING, talk.between(1_000, 1_500)), word_ms=260)
    _one_reply_to(talk, "at nine please")


@story
def a_caller_corrects_himself_over_the_reply(talk: Talk) -> None:
    """The agent has understood, and is told better."""
    talk.answers("At nine, then.", to="at nine")
    talk.answers("I have noted a table at eight, for this evening, by the window.", to="at eight")
    talk.says("a table at eight please.", quiet(GREETING, talk.between(1_000, 1_500)))
    talk.says(CORRECTION, passage(REPLY, talk.between(1_200, 2_500)))
    talk.hangs_up(spoke(2, 5_000))
    talk.expects(
        replies(2),
        reply(1, heard="cut off", because="user_barge_in"),
        reply(2, to="at nine please", heard="whole"),
        never_talks_over(CORRECTION, from_ms=250),
    )


@story
def a_caller_goes_on_before_the_agent_begins(talk: Talk) -> None:
    """Within the pause that makes an end of turn: both parts are one question."""
    _says_in_pieces(talk, ("I would like to book a table", "for four people."), 230, 330)
    _one_reply_to(talk, "a table for four people")


@story
def a_caller_goes_on_as_the_agent_begins(talk: Talk) -> None:
    """The reply that was begun is taken back, and both parts are answered together."""
    talk.answers(READ_BACK, to="")
    talk.says("I would like to book a table.", quiet(GREETING, talk.between(1_000, 1_500)))
    talk.says("for four people.", passage(REPLY, talk.between(0, 200)))
    talk.hangs_up(spoke(2, 5_000))
    talk.expects(
        replies(2),
        reply(1, because="replaced"),
        reply(2, to="I would like to book a table for four people", heard="whole"),
    )


@story
def a_caller_goes_on_three_times(talk: Talk) -> None:
    """Each time the reply has just begun to be thought of."""
    talk.agent.sets("model", first_token_ms=900)
    pieces = ("I would like a table.", "for four people.", "by the window.", "at nine please.")
    _says_in_pieces(talk, pieces, 650, 900)
    talk.answers(READ_BACK, to="")
    talk.hangs_up(spoke(4, 5_000))
    talk.expects(
        last_reply(to="a table for four people by the window at nine please", heard="whole"),
    )


@story
def a_recogniser_that_is_slow(talk: Talk) -> None:
    """Its last words come long after the caller's: they are waited for, and they interrupt nothing."""
    talk.agent.sets("ears", final_ms=round(talk.between(700, 1_500)), first_word_ms=900)
    talk.says("I would like to book a table.", quiet(GREETING, talk.between(1_000, 1_500)))
    _one_reply_to(talk, "I would like to book a table")


@story
def a_recogniser_that_never_says_it_is_final(talk: Talk) -> None:
    """What was heard so far has to do, and the transcript that comes at last is nothing new."""
    talk.agent.sets("ears", final_ms=2_700, first_word_ms=400, word_ms=120)
    talk.says("I would like to book a table.", quiet(GREETING, talk.between(1_000, 1_500)))
    _one_reply_to(talk, "I would like to book a table")


@story
def a_recogniser_that_dies_and_is_opened_anew(talk: Talk) -> None:
    """The first transcript kills it; what is said afterwards is understood."""
    talk.agent.adds("fault", of="stt", request=1, after=0, kind="error")
    talk.says("I would like to book a table.", quiet(GREETING, talk.between(1_500, 2_500)))
    _one_reply_to(talk, "I would like to book a table")
    talk.expects(noted("stt_failed", times=1))


@story
def a_short_yes_is_an_answer(talk: Talk) -> None:
    """A murmur over the agent is one; the same word when it is silent is not."""
    talk.agent.sets("ears", shortest_ms=200, first_word_ms=200)
    talk.says("yes", quiet(GREETING, talk.between(1_000, 1_500)))
    _one_reply_to(talk, "yes")


def _says_yes_over(talk: Talk, answer: str, at_ms: float) -> None:
    """Into a reply of two seconds."""
    talk.agent.sets("ears", shortest_ms=200, first_word_ms=200)
    talk.answers("That is done.", to="yes")
    talk.answers(answer)
    talk.asks()
    talk.says("yes", passage(REPLY, at_ms))
    talk.hangs_up(spoke(2, 6_000))
    talk.expects(nothing_cut_off, reply(1, to=QUESTION, heard="whole"))


@story
def a_yes_over_the_end_of_a_question(talk: Talk) -> None:
    """Whoever knows what he is asked does not wait for the last word of it."""
    _says_yes_over(talk, "Is that the house with the garden?", talk.between(1_100, 1_700))
    talk.expects(replies(2), reply(2, to="yes", heard="whole"))


@story
def a_yes_over_a_statement(talk: Talk) -> None:
    _says_yes_over(talk, "That is the house with the garden.", talk.between(700, 1_100))
    talk.expects(replies(1), noted("answer", times=0))
