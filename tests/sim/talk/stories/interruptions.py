"""The caller takes the floor: while the agent thinks, before its first sound, and at every moment of what it says."""

from __future__ import annotations

from functools import partial

from tests.sim.script import LineDrops, Press, answered, passage, quiet, spoke
from tests.sim.talk.expectations import (
    last_reply,
    never_doubled,
    never_talks_over,
    noted,
    nothing_cut_off,
    replies,
    reply,
    some_reply,
    turns,
    voice_stops,
)
from tests.sim.talk.story import (
    GREETING,
    INTERRUPTION,
    LOSSY,
    OTHER_ANSWER,
    QUESTION,
    REPLY,
    UNSTEADY,
    Talk,
    enter,
    story,
)

SECOND_SYLLABLE_MS = (
    750  # a hiss at the beginning may be denied as a cough, once in some hundred times; what follows not
)
SHORT_ANSWER = "It has four rooms and a garden."  # two seconds, in the voice of these stories
MONOLOGUE = (
    "no, I wanted to know about the boat, whether it can be rented, and for how long, and what it costs a day, "
    "since we are five people and two of us are children."
)


def _answers_both(talk: Talk) -> None:
    talk.answers(OTHER_ANSWER, to="something else")
    talk.answers()


@story
def interrupted_while_the_agent_thinks(talk: Talk) -> None:
    """Nothing has sounded yet, so what is said then belongs to the question."""
    talk.answers(OTHER_ANSWER, to="something else")
    talk.answers(first_token_ms=2_500)
    talk.settings["calls.masks_silence"] = "false"
    talk.asks()
    talk.says(INTERRUPTION, spoke(1, talk.between(900, 1_800)))
    talk.hangs_up(quiet(REPLY, 500))
    talk.expects(
        replies(2),
        reply(1, to=QUESTION, heard="not at all", because="replaced"),
        reply(2, to=f"{QUESTION} {INTERRUPTION}", heard="whole"),
    )


@story
def interrupted_before_the_first_sound(talk: Talk) -> None:
    """The reply is written, and the voice has not begun."""
    _answers_both(talk)
    talk.agent.sets("voice", first_sound_ms=1_600)
    talk.settings["calls.masks_silence"] = "false"
    talk.asks()
    talk.says(INTERRUPTION, spoke(1, talk.between(900, 1_300)))
    talk.hangs_up(quiet(REPLY, 500))
    talk.expects(
        replies(2),
        reply(1, heard="not at all", because="replaced"),
        reply(2, to=INTERRUPTION, heard="whole"),
    )


@story
def interrupted_at_the_first_word(talk: Talk) -> None:
    """A reply that has hardly begun is no answer yet: the question is still open."""
    _answers_both(talk)
    talk.asks()
    talk.says(INTERRUPTION, passage(REPLY, talk.between(0, 250)))
    talk.hangs_up(quiet(REPLY + 1, 500))
    talk.expects(
        replies(2),
        reply(1, because="replaced"),
        reply(2, to=f"{QUESTION} {INTERRUPTION}", heard="whole"),
        voice_stops(within_ms=250, after=INTERRUPTION),
    )


@story
def interrupted_in_the_middle(talk: Talk) -> None:
    """What was heard counts as said, and the rest never was."""
    _answers_both(talk)
    talk.asks()
    talk.says(INTERRUPTION, passage(REPLY, talk.between(1_200, 5_000)))
    talk.hangs_up(quiet(REPLY + 1, 500))
    talk.expects(
        replies(2),
        reply(1, to=QUESTION, heard="cut off", because="user_barge_in"),
        reply(2, to=INTERRUPTION, heard="whole"),
        voice_stops(within_ms=250, after=INTERRUPTION),
        never_talks_over(INTERRUPTION, from_ms=250),
    )


@story
def interrupted_as_the_reply_ends(talk: Talk) -> None:
    """Whoever was first, the caller is answered, once."""
    talk.answers(OTHER_ANSWER, to="something else")
    talk.answers(SHORT_ANSWER)
    talk.asks()
    talk.says(INTERRUPTION, passage(REPLY, talk.between(1_700, 2_300)))
    talk.hangs_up(quiet(REPLY + 1, 500))
    talk.expects(
        replies(2),
        reply(1, because=("completed", "user_barge_in")),
        reply(2, to=INTERRUPTION, heard="whole"),
        never_talks_over(INTERRUPTION, from_ms=250),
    )


def _interrupted_at(talk: Talk, at_ms: int) -> None:
    talk.answers(OTHER_ANSWER, to="something else")
    talk.answers(SHORT_ANSWER)
    talk.asks()
    talk.says(INTERRUPTION, passage(REPLY, at_ms + talk.between(0, 20)))
    talk.hangs_up(spoke(2, 5_000))
    talk.expects(
        replies(2),
        reply(1, to=QUESTION, because=("completed", "user_barge_in", "replaced")),
        reply(2, to=INTERRUPTION, heard="whole"),
        voice_stops(within_ms=250, after=INTERRUPTION),
        never_talks_over(INTERRUPTION, from_ms=SECOND_SYLLABLE_MS),
    )


for at_ms in range(0, 2_000, 100):
    enter(f"interrupted_{at_ms}_ms_into_a_reply_of_two_seconds", partial(_interrupted_at, at_ms=at_ms))


@story
def interrupted_in_the_greeting(talk: Talk) -> None:
    """People who call every day do not listen to it."""
    talk.agent.top["greeting"] = "Good day, this is the house by the sea. What can I do for you today?"
    _answers_both(talk)
    talk.says(QUESTION, passage(GREETING, talk.between(700, 2_500)))
    talk.hangs_up(quiet(REPLY, 500))
    talk.expects(turns("greeting", "reply"), reply(1, to=QUESTION, heard="whole"))


@story
def interrupted_by_two_cries(talk: Talk) -> None:
    """The second comes before anybody could answer the first: both are answered together, or the second is."""
    _answers_both(talk)
    talk.asks()
    talk.says("stop it now!", passage(REPLY, talk.between(1_200, 4_000)))
    talk.says("something else please.", spoke(2, talk.between(350, 700)))
    talk.hangs_up(spoke(3, 5_000))
    talk.expects(
        reply(1, because="user_barge_in"),
        last_reply(to="something else please", heard="whole"),
        never_talks_over("something else please.", from_ms=250),
    )


@story
def interrupted_twice(talk: Talk) -> None:
    """The second reply is cut off like the first."""
    second = "wait, something else again."
    talk.answers("This is the end of it.", to="again")
    _answers_both(talk)
    talk.agent.lists["reply"][1]["text"] = (
        "Then we talk of the boats, which lie in the harbour below the house."
    )
    talk.asks()
    talk.says(INTERRUPTION, passage(REPLY, talk.between(1_000, 4_000)))
    talk.says(second, passage(REPLY + 1, talk.between(1_000, 2_500)))
    talk.hangs_up(quiet(REPLY + 2, 500))
    talk.expects(
        replies(3),
        reply(1, because="user_barge_in"),
        reply(2, to=INTERRUPTION, heard="cut off", because="user_barge_in"),
        reply(3, to=second, heard="whole"),
    )


@story
def interrupted_by_a_key(talk: Talk) -> None:
    """A key is an interruption that needs no words."""
    talk.answers("You have chosen five.", to="5")
    talk.answers()
    talk.asks()
    talk.does(Press("5"), passage(REPLY, talk.between(1_000, 4_000)))
    talk.hangs_up(quiet(REPLY + 1, 500))
    talk.expects(
        replies(2),
        reply(1, heard="cut off", because="user_barge_in"),
        reply(2, to="5", heard="whole"),
        noted("confirm", rule="key", times=1),
    )


@story
def a_key_waits_where_keys_do_not_interrupt(talk: Talk) -> None:
    talk.settings["calls.keys_interrupt"] = "false"
    talk.answers("You have chosen five.", to="5")
    talk.answers()
    talk.asks()
    talk.does(Press("5"), passage(REPLY, talk.between(1_000, 4_000)))
    talk.hangs_up(quiet(REPLY + 1, 500))
    talk.expects(replies(2), nothing_cut_off, reply(2, to="5", heard="whole"))


@story
def both_begin_at_once(talk: Talk) -> None:
    """The caller has no more to say than the agent; the agent gives way."""
    _answers_both(talk)
    talk.asks()
    talk.says(INTERRUPTION, passage(REPLY, 0))
    talk.hangs_up(quiet(REPLY + 1, 500))
    talk.expects(last_reply(to=INTERRUPTION, heard="whole"), never_talks_over(INTERRUPTION, from_ms=300))


@story
def a_caller_who_goes_on_and_on(talk: Talk) -> None:
    """Many clauses, some of them whole sentences: the agent waits for the last."""
    talk.answers("It can be rented by the day.", to="boat")
    talk.answers()
    talk.asks()
    talk.says(MONOLOGUE, passage(REPLY, talk.between(800, 3_000)), word_ms=330)
    talk.hangs_up(spoke(2, 6_000))
    talk.expects(
        replies(2),
        reply(1, because="user_barge_in"),
        reply(2, to="children", heard="whole"),
        never_talks_over(MONOLOGUE, from_ms=250),
    )


@story
def a_notice_that_must_be_heard(talk: Talk) -> None:
    """What is said meanwhile is answered afterwards."""
    talk.agent.top["uninterruptible"] = "This call is recorded, so that nothing of it is forgotten."
    talk.answers()
    talk.says(QUESTION, passage(GREETING, talk.between(300, 1_500)))
    talk.hangs_up(answered(16_000))
    talk.expects(nothing_cut_off, turns("greeting", "reply"), reply(1, to=QUESTION, heard="whole"))


@story
def a_notice_that_is_spoken_to_before_it_sounds(talk: Talk) -> None:
    """Nobody holds or cancels what is still being made: the law wants it said."""
    talk.agent.top["uninterruptible"] = "This call is recorded, so that nothing of it is forgotten."
    talk.agent.sets("voice", first_sound_ms=round(talk.between(600, 1_500)))
    talk.settings["calls.masks_silence"] = "false"
    talk.answers()
    talk.says(QUESTION, answered(talk.between(0, 400)))
    talk.hangs_up(answered(19_000))
    talk.expects(
        turns("greeting", "reply"),
        nothing_cut_off,
        noted("hold", times=0),
        reply(1, to=QUESTION, heard="whole"),
    )


@story
def an_agent_that_cannot_be_interrupted(talk: Talk) -> None:
    """It speaks to its end, and has listened meanwhile."""
    talk.settings["calls.interruptible"] = "false"
    _answers_both(talk)
    talk.asks()
    talk.says(INTERRUPTION, passage(REPLY, talk.between(1_000, 3_000)))
    talk.hangs_up(quiet(REPLY + 1, 500))
    talk.expects(
        replies(2), nothing_cut_off, reply(1, heard="whole"), reply(2, to=INTERRUPTION, heard="whole")
    )


@story
def a_voice_that_is_softened_and_not_held(talk: Talk) -> None:
    """With ducking the caller hears the agent until it is clear who has the floor."""
    talk.settings["calls.ducks"] = "true"
    _answers_both(talk)
    talk.asks()
    talk.says(INTERRUPTION, passage(REPLY, talk.between(1_200, 4_000)))
    talk.hangs_up(quiet(REPLY + 1, 500))
    talk.expects(
        replies(2),
        reply(1, heard="cut off", because="user_barge_in"),
        reply(2, to=INTERRUPTION, heard="whole"),
        voice_stops(within_ms=900, after=INTERRUPTION),
    )


@story
def interrupted_over_a_lossy_line(talk: Talk) -> None:
    talk.over = LOSSY
    _answers_both(talk)
    talk.asks()
    talk.says(INTERRUPTION, passage(REPLY, talk.between(1_200, 4_000)))
    talk.hangs_up(spoke(2, 6_000))
    talk.expects(reply(1, to=QUESTION), voice_stops(within_ms=600, after=INTERRUPTION))


@story
def interrupted_over_an_unsteady_line(talk: Talk) -> None:
    """Not where a buffer overflows: it may swallow all of the interruption, and nobody stops for what is not heard."""
    talk.over = tuple(network for network in UNSTEADY if network != "bufferbloat")
    _answers_both(talk)
    talk.asks()
    talk.says(INTERRUPTION, passage(REPLY, talk.between(1_200, 4_000)))
    talk.hangs_up(spoke(2, 6_000))
    talk.expects(
        some_reply(to=QUESTION), never_doubled(QUESTION), voice_stops(within_ms=1_200, after=INTERRUPTION)
    )


@story
def interrupted_while_the_line_drops(talk: Talk) -> None:
    """The beginning of the interruption is lost; the rest of it is enough."""
    _answers_both(talk)
    at_ms = talk.between(1_200, 4_000)
    talk.asks()
    talk.does(LineDrops(talk.between(80, 300)), passage(REPLY, at_ms))
    talk.says(INTERRUPTION, passage(REPLY, at_ms))
    talk.hangs_up(spoke(2, 6_000))
    talk.expects(
        reply(1, because="user_barge_in"),
        last_reply(to=INTERRUPTION, heard="whole"),
        voice_stops(within_ms=700, after=INTERRUPTION),
    )
