"""For a while the caller speaks and keys in what nobody may keep: the talk goes on around it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import trio

from mediasrv.call import Call, MediaNeeds
from mediasrv.call.dialogue import ConversationAgent
from mediasrv.legs import Ending
from tests.sim.script import Press, answered, spoke
from tests.sim.talk.account import Account
from tests.sim.talk.expectations import ended, last_reply, model_never_learns, noted, replies, reply, turns
from tests.sim.talk.story import QUESTION, Talk, story

CARD = "4929"
SECRET = "my card is four nine two nine and so on."
FROM_S, TO_S = 9.0, 15.0  # since the call was answered


@dataclass(slots=True)
class Discreet:
    """The agent, with a while in which the call is secure."""

    agent: ConversationAgent
    to_s: float = TO_S
    name: str = "discreet"
    keys: str = ""

    @property
    def needs(self) -> MediaNeeds:
        return self.agent.needs

    async def lead(self, call: Call) -> Ending:
        call.start_soon(self._keep, call)
        return await self.agent.lead(call)

    async def _keep(self, call: Call) -> None:
        await trio.sleep(FROM_S)
        async with call.secure() as secret:
            with trio.move_on_after(self.to_s - FROM_S):
                while True:
                    self.keys += await secret.key()


def _discreetly(talk: Talk) -> None:
    talk.replaces = Discreet
    talk.answers("It has four rooms.")
    talk.answers("Thank you, I have it.", to="is that all")
    talk.asks()


def nothing_leaks(account: Account) -> Iterator[str]:
    """In no record, timeline or history: neither a word nor a key."""
    kept = json.dumps([dict(witnessed.record) for witnessed in account.trace.records], default=str)
    if "four nine" in kept:
        yield "what was said in secret was written down"
    digits = [entry["digit"] for entry in account.noted("key")]
    if digits:
        yield f"keys that were secret are in the timeline: {digits}"


def _keys(talk: Talk) -> None:
    for number, digit in enumerate(CARD):
        talk.does(Press(digit), answered(FROM_S * 1_000 + 1_000 + 300 * number + talk.between(0, 100)))


@story
def keys_that_nobody_keeps(talk: Talk) -> None:
    """They reach who asked for them, answer nothing and interrupt nothing."""
    _discreetly(talk)
    _keys(talk)
    talk.hangs_up(answered(TO_S * 1_000 + 1_500))
    talk.expects(replies(1), noted("secure_ended", keys=len(CARD)), nothing_leaks, ended("caller_hung_up"))


@story
def keys_that_are_looked_for_one_by_one(talk: Talk) -> None:
    """Twelve seconds for four digits: nobody asks meanwhile whether somebody is there."""
    talk.replaces = partial(Discreet, to_s=FROM_S + 14.0)
    talk.answers("It has four rooms.")
    talk.asks()
    for number, digit in enumerate(CARD):
        talk.does(Press(digit), answered(FROM_S * 1_000 + 1_500 + 3_500 * number + talk.between(0, 500)))
    talk.hangs_up(answered(FROM_S * 1_000 + 16_000))
    talk.expects(turns("greeting", "reply"), noted("secure_ended", keys=len(CARD)), nothing_leaks)


@story
def words_that_nobody_keeps(talk: Talk) -> None:
    """A number said aloud is heard by no recogniser and told to no model."""
    _discreetly(talk)
    talk.says(SECRET, answered(FROM_S * 1_000 + talk.between(300, 1_500)))
    talk.hangs_up(answered(TO_S * 1_000 + 1_500))
    talk.expects(replies(1), nothing_leaks, model_never_learns("four nine"))


@story
def words_that_begin_before_the_secret(talk: Talk) -> None:
    """The caller is in the middle of it when the call becomes secure: from there on it is."""
    _discreetly(talk)
    talk.says("my card is of course four nine two nine", answered(FROM_S * 1_000 - talk.between(100, 1_000)))
    talk.hangs_up(answered(TO_S * 1_000 + 1_500))
    talk.expects(nothing_leaks, model_never_learns("four nine"))


@story
def the_talk_goes_on_after_the_secret(talk: Talk) -> None:
    """Nobody has to begin anew: what comes afterwards is heard, and answered."""
    _discreetly(talk)
    _keys(talk)
    talk.says("is that all?", answered(TO_S * 1_000 + talk.between(500, 2_500)))
    talk.hangs_up(spoke(2, 4_000))
    talk.expects(
        reply(1, to=QUESTION, heard="whole"), last_reply(to="is that all", heard="whole"), nothing_leaks
    )


@story
def a_caller_hangs_up_in_the_secret(talk: Talk) -> None:
    _discreetly(talk)
    _keys(talk)
    talk.hangs_up(answered(FROM_S * 1_000 + talk.between(500, 4_000)))
    talk.expects(nothing_leaks, ended("caller_hung_up"))
