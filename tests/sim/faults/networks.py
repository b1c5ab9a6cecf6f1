"""The network fails in the middle of an interruption: sound is lost, stops, or comes from somewhere else."""

from __future__ import annotations

from collections.abc import Callable

import trio

from tests.sim import expectations as expect
from tests.sim.agents import agent_script
from tests.sim.faults.book import enter
from tests.sim.faults.moments import INTERRUPTION, QUESTION, SCRIPT, held, interrupted, speaking
from tests.sim.faults.stage import told
from tests.sim.faults.talk import Story, Talk
from tests.sim.network import Address
from tests.sim.trace import is_rtp


def sound_is_lost(talk: Talk, share: float, for_s: float, *, towards: str = "") -> None:
    """Packets of sound get lost, in both directions or in one; the signalling lives."""
    network, until_ns, count = talk.world.network, talk.now_ns + round(for_s * 1e9), 0
    before = network.censor

    def censor(data: bytes, source: Address, to: Address) -> bool:
        nonlocal count
        if before is not None and before(data, source, to):
            return True
        if talk.now_ns > until_ns or not is_rtp(data) or towards not in ("", to[0]):
            return False
        count += 1
        return int(count * share) != int((count - 1) * share)

    network.censor = censor


def path_breaks(moment: Callable[[Talk], object], share: float, for_s: float, towards: str = "") -> Story:
    async def story(talk: Talk) -> None:
        await moment(talk)  # type: ignore[misc]
        sound_is_lost(talk, share, for_s, towards=towards)
        await trio.sleep(for_s)
        await talk.my_turn()
        talk.say(QUESTION)
        await talk.my_turn()
        talk.hang_up()

    return story


PORT_IS_BELIEVED_WITHIN_S = 2.0
SERVER_HOST, CALLER_HOST = "127.0.0.1", "127.0.0.2"
script = agent_script(QUESTION, INTERRUPTION, QUESTION)
for name, moment in {
    "while_held": held,
    "after_an_interruption": interrupted,
    "while_speaking": speaking,
}.items():
    for how, share, for_s, towards in (
        ("half_of_the_sound_is_lost", 0.5, 1.0, ""),
        ("all_sound_stops_for_a_second", 1.0, 1.0, ""),
        ("the_caller_hears_nothing_for_two_seconds", 1.0, 2.0, CALLER_HOST),
        ("the_caller_is_not_heard_for_two_seconds", 1.0, 2.0, SERVER_HOST),
    ):
        enter(
            f"{how}_{name}", told(path_breaks(moment, share, for_s, towards)),
            expect.ending("local"), agent_script=script,
        )  # fmt: skip


def and_sound_stays_away(moment: Callable[[Talk], object]) -> Story:
    async def story(talk: Talk) -> None:
        await moment(talk)  # type: ignore[misc]
        sound_is_lost(talk, 1.0, 600.0, towards=SERVER_HOST)
        await talk.over()

    return story


def and_the_port_moves(moment: Callable[[Talk], object]) -> Story:
    """A NAT forgets the caller's port: the same stream comes from another one, and nobody tells the server, whose sound
    follows when the old port has been silent for long enough: the caller asks again there, and is answered."""

    async def story(talk: Talk) -> None:
        await moment(talk)  # type: ignore[misc]
        caller = talk.caller
        caller.network.detach(caller.rtp_address)
        caller.rtp_address = (caller.host, caller.rtp_address[1] + 2)
        caller.network.attach(caller.rtp_address, caller._on_rtp)
        await trio.sleep(PORT_IS_BELIEVED_WITHIN_S)
        await talk.ask(QUESTION)
        talk.hang_up()

    return story


for name, moment in {
    "while_held": held,
    "after_an_interruption": interrupted,
    "while_speaking": speaking,
}.items():
    enter(
        f"the_caller_falls_silent_for_good_{name}", told(and_sound_stays_away(moment)),
        expect.ending("bye"), expect.call_ended_by("media_timeout"), agent_script=SCRIPT, media_timeout_ms=3_000,
    )  # fmt: skip
    enter(
        f"a_nat_moves_the_port_{name}", told(and_the_port_moves(moment)),
        expect.ending("local"), expect.call_ended_by("caller_hung_up"), agent_script=script, media_timeout_ms=3_000,
    )  # fmt: skip
