"""What is struck: a talk with all of it, a call that rings at first, one that is joined, and two that end already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from random import Random

import trio

from mediasrv.call.menu import menu_agent, parse_menus
from tests.sim.agents import agent_script
from tests.sim.faults.ours import breaks
from tests.sim.faults.stage import agent_of, told, with_agent
from tests.sim.faults.talk import Talk
from tests.sim.scenario import Scenario
from tests.sim.script import Press
from tests.sim.sip.media import Media
from tests.sim.sip.phone import Phone
from tests.sim.sip.wires import UdpWire
from tests.sim.strikes.mortal import Fates, MortalVoice
from tests.sim.strikes.talking import come_to, talking
from tests.sim.world import SERVER, World

Struck = Callable[[Fates], Scenario]

QUESTION = "tell me something."
BOB = "127.0.0.8"
DECLINES_S = 12.0  # a telephone that does not care to be sent on says so at last

MENUS = f"""
[voice]
kind = "tone"

[menus.main]
say = "one or two"
first_key_ms = 5000

[menus.main.keys]
1 = [{{ do = "connect", to = "sip:bob@{BOB}", after = "continue" }}, {{ do = "say", text = "again" }}]
2 = [{{ do = "transfer", to = "sip:bob@{BOB}", otherwise = "connect" }}]
9 = [{{ do = "say", text = "bye", barge_in = false }}, {{ do = "hang_up" }}]
"""


def ringing(fates: Fates) -> Scenario:
    """The agent takes its time before it answers, and the caller's first question is its last."""
    staging = with_agent(lambda: agent_of(agent_script(QUESTION), fates.parts()), told(one_question))
    return Scenario("ringing", (), stage=staging, settings={"calls.answer_after_s": "1.5"})


async def one_question(talk: Talk) -> None:
    await come_to(talk, "finished")
    talk.say(QUESTION)
    await trio.sleep(4)
    talk.hang_up()


def apologising(fates: Fates) -> Scenario:
    """A bug has struck already: what strikes now meets the apology, and the end."""
    return _ending(fates, "apologising", breaks)


def drained(fates: Fates) -> Scenario:
    """The server has been told to stop: what strikes now meets the end of its last call."""
    return _ending(fates, "drained", lambda talk: talk.world.server.hurry())


def _ending(fates: Fates, name: str, end: Callable[[Talk], None]) -> Scenario:
    async def in_the_middle(talk: Talk) -> None:
        await come_to(talk, "first_audio")
        await trio.sleep(0.5)
        if not talk.caller.over.is_set():
            end(talk)
        await trio.sleep(8)
        talk.hang_up()

    staging = with_agent(lambda: agent_of(agent_script(QUESTION), fates.parts()), told(in_the_middle))
    return Scenario(name, (), stage=staging)


def joined(fates: Fates) -> Scenario:
    """Somebody is dialled twice: he hangs up, then the caller is sent to him, will not go, and takes himself back."""

    def stage(world: World) -> None:
        bob = telephone(world, BOB)
        fates.phones.append(bob)
        agent = menu_agent(parse_menus(MENUS)).with_voices(lambda voice: MortalVoice(voice, fates.voice))
        with_agent(lambda: agent, told(partial(two_connections, bob=bob)))(world)

    return Scenario("joined", (), stage=stage)


def telephone(world: World, host: str) -> Phone:
    """Somebody who rings for half a second when he is called, and then answers."""
    wire = UdpWire(world.network, (host, 5060))
    media = Media(world.agenda, world.network, (host, 7_000), None, world.seed)
    return Phone(world.agenda, wire, SERVER, Random(world.seed), media, "bob")


async def two_connections(talk: Talk, bob: Phone) -> None:
    await come_to(talk, "menu")
    await press(talk, "1")
    await come_to(talk, "bridged")
    bob.media.speak()
    await trio.sleep(1)
    for call in bob.talks.values():
        if call.up:
            call.bye()
    await come_to(talk, "menu", times=2)
    await press(talk, "2")
    await come_to(talk, "bridge_dialling", times=2, within_s=DECLINES_S)
    await come_to(talk, "bridged", times=2)
    await press(talk, "*")
    await press(talk, "0")
    await come_to(talk, "bridge_ended", times=2)
    await press(talk, "9")
    await trio.sleep(4)
    talk.hang_up()


async def press(talk: Talk, key: str) -> None:
    await trio.sleep(0.5)
    Press(key).do(talk.caller)


CALLS: Mapping[str, Struck] = {
    "talking": talking,
    "talking_without_a_spare_voice": partial(talking, spare_voice=False),
    "ringing": ringing,
    "joined": joined,
    "apologising": apologising,
    "drained": drained,
}
