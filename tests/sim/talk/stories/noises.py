"""What sounds and is no interruption: murmurs, coughs, the agent's own echo, a loud room; and what hides in it."""

from __future__ import annotations

from tests.sim.script import Cough, Echo, Noise, SayTogether, answered, passage, quiet, spoke
from tests.sim.talk.expectations import (
    last_reply,
    never_talks_over,
    noted,
    nothing_cut_off,
    replies,
    reply,
    voice_stops,
)
from tests.sim.talk.story import (
    GREETING,
    INTERRUPTION,
    OTHER_ANSWER,
    QUESTION,
    REPLY,
    Talk,
    story,
)


def _undisturbed(talk: Talk) -> None:
    """One answer, and the caller hears all of it."""
    talk.answers()
    talk.hangs_up(quiet(REPLY, 1_200))
    talk.expects(replies(1), nothing_cut_off, reply(1, to=QUESTION, heard="whole"))


@story
def a_backchannel(talk: Talk) -> None:
    talk.asks()
    talk.says(talk.chance.choice(("mm-hm", "okay", "right")), passage(REPLY, talk.between(800, 5_500)))
    _undisturbed(talk)


@story
def a_listener_who_murmurs_all_the_time(talk: Talk) -> None:
    talk.asks()
    at_ms = talk.between(600, 1_200)
    for word in ("mm-hm", "okay", "yeah", "right"):
        talk.says(word, passage(REPLY, at_ms))
        at_ms += talk.between(1_000, 1_700)
    _undisturbed(talk)


@story
def a_murmur_that_becomes_a_sentence(talk: Talk) -> None:
    """It begins like a listener's noise; then it is an interruption, and all of it was said."""
    words = "okay okay, but tell me something else please."
    talk.answers(OTHER_ANSWER, to="something else")
    talk.answers()
    talk.asks()
    talk.says(words, passage(REPLY, talk.between(1_200, 4_000)))
    talk.hangs_up(quiet(REPLY + 1, 500))
    talk.expects(
        replies(2),
        reply(1, because="user_barge_in"),
        reply(2, to="but tell me something else please", heard="whole"),
        never_talks_over(words, from_ms=1_150),
    )


@story
def a_cough_over_the_reply(talk: Talk) -> None:
    talk.asks()
    cough = Cough(round(talk.between(40, 200)), round(talk.between(3_000, 9_000)))
    talk.does(cough, passage(REPLY, talk.between(500, 5_500)))
    _undisturbed(talk)


@story
def a_fit_of_coughing(talk: Talk) -> None:
    """Three in a row, with less between them than the gate bridges."""
    talk.asks()
    at_ms = talk.between(800, 4_000)
    for _ in range(3):
        talk.does(Cough(round(talk.between(90, 150))), passage(REPLY, at_ms))
        at_ms += talk.between(260, 330)
    _undisturbed(talk)


@story
def a_cough_while_the_agent_thinks(talk: Talk) -> None:
    """It takes nothing back."""
    talk.agent.sets("model", first_token_ms=1_500)
    talk.settings["calls.masks_silence"] = "false"
    talk.asks()
    talk.does(Cough(120), spoke(1, talk.between(600, 1_100)))
    _undisturbed(talk)


@story
def a_cough_before_the_question(talk: Talk) -> None:
    """Nothing is answered that was not said."""
    talk.does(Cough(130), quiet(GREETING, talk.between(920, 1_000)))
    talk.says(QUESTION, quiet(GREETING, talk.between(2_500, 3_500)))
    _undisturbed(talk)


@story
def a_click_as_the_reply_begins(talk: Talk) -> None:
    talk.asks()
    talk.does(Cough(20, 14_000), passage(REPLY, talk.between(0, 300)))
    _undisturbed(talk)


@story
def the_agents_own_echo(talk: Talk) -> None:
    """-20 dB and 200 ms later: the caller's loudspeaker is no caller."""
    talk.does(Echo(-20.0, 200), answered(0))
    talk.asks()
    _undisturbed(talk)


@story
def an_interruption_through_the_echo(talk: Talk) -> None:
    """Both talk, one of them twice; the caller is heard all the same."""
    talk.does(Echo(-20.0, 200), answered(0))
    talk.answers(OTHER_ANSWER, to="something else")
    talk.answers()
    talk.asks()
    talk.says(INTERRUPTION, passage(REPLY, talk.between(1_500, 4_500)))
    talk.hangs_up(quiet(REPLY + 1, 500))
    talk.expects(
        reply(1, because="user_barge_in"),
        last_reply(to=INTERRUPTION, heard="whole"),
        voice_stops(within_ms=500, after=INTERRUPTION),
    )


@story
def a_backchannel_through_the_echo(talk: Talk) -> None:
    talk.does(Echo(-20.0, 200), answered(0))
    talk.asks()
    talk.says("mm-hm", passage(REPLY, talk.between(1_500, 4_500)))
    _undisturbed(talk)


@story
def a_loud_room(talk: Talk) -> None:
    """Noise 20 dB below a voice, from the first second on: neither a caller nor an end of speech is missed."""
    talk.does(Noise(), answered(0))
    talk.asks()
    _undisturbed(talk)


@story
def an_interruption_in_a_loud_room(talk: Talk) -> None:
    talk.does(Noise(), answered(0))
    talk.answers(OTHER_ANSWER, to="something else")
    talk.answers()
    talk.asks()
    talk.says(INTERRUPTION, passage(REPLY, talk.between(1_500, 4_500)))
    talk.hangs_up(spoke(2, 5_000))
    talk.expects(
        reply(1, because="user_barge_in"),
        last_reply(to=INTERRUPTION, heard="whole"),
        voice_stops(within_ms=500, after=INTERRUPTION),
    )


@story
def two_callers_on_a_speaker(talk: Talk) -> None:
    """One asks, the other adds something at once: it is one turn of theirs."""
    talk.answers()
    talk.asks(QUESTION.rstrip(".") + " and")
    talk.says("about the garden too.", spoke(1, talk.between(250, 800)), voice="low")
    talk.hangs_up(quiet(REPLY, 500))
    talk.expects(
        replies(1), nothing_cut_off, reply(1, to="everything and about the garden too", heard="whole")
    )


@story
def two_callers_who_talk_at_once(talk: Talk) -> None:
    """Neither lets the other finish; who answers waits for both."""
    texts = ("please tell me everything about it.", "ask them about the garden.")
    talk.answers()
    talk.does(SayTogether(texts, round(talk.between(200, 900))), quiet(GREETING, talk.between(1_000, 1_500)))
    talk.agent.adds("hears", text="please tell me everything ask them about the garden.")
    talk.hangs_up(quiet(REPLY, 500))
    talk.expects(replies(1), nothing_cut_off, reply(1, to="about the garden", heard="whole"))


@story
def two_callers_interrupt_together(talk: Talk) -> None:
    talk.answers(OTHER_ANSWER, to="something else")
    talk.answers()
    talk.asks()
    both = SayTogether(("wait, something else please.", "no, let me ask."), round(talk.between(100, 600)))
    talk.does(both, passage(REPLY, talk.between(1_200, 4_000)))
    talk.agent.adds("hears", text="wait, no, something else please.")
    talk.hangs_up(quiet(REPLY + 1, 500))
    talk.expects(
        replies(2),
        noted("confirm", times=1),
        reply(1, because="user_barge_in"),
        reply(2, to="something else please", heard="whole"),
    )
