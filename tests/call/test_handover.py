"""A party asks for somebody else in its place: by every party, with every answer, and however it all ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import trio

from mediasrv.call import Agent, Call, CallSettings, Patience, run_call
from mediasrv.call.agents import EchoAgent, ToneAgent
from mediasrv.call.bridge import Supervision
from mediasrv.call.menu import menu_agent, parse_menus
from mediasrv.call.scripted_agent import scripted_agent
from mediasrv.errors import LocalError
from mediasrv.ids import CallId
from mediasrv.legs import CallInfo, Ending, HoldChanged
from mediasrv.providers.script import parse_script
from tests.call.joining import MENUS, caller_who, hears, pressed, stage
from tests.fakes.parties import FakeParty, FakeTransfer, Guest


async def test_a_callee_who_transfers_is_replaced_and_seen_out(autojump_clock: object) -> None:
    asked = FakeTransfer("carol")
    bob = Guest(stays_s=None, wants=[(2.0, asked)])
    async with stage(bob=bob, carol=Guest(stays_s=6.0)) as here:
        anna = here.call()
        await trio.sleep(6)
        assert asked.told == [202, 180]
        assert anna.stream.behind is not None, "no music while the other side rings"
        await trio.sleep(5)
        carol = here.dialler.party("carol")
        assert asked.told == [202, 180, 200]
        assert hears(anna, carol)
        assert hears(carol, anna)
        assert anna.stream.behind is None
        assert here.dialler.party("bob").hung_up == [Ending.TRANSFERRED]
        assert here.dialler.party("bob").closed
    assert here.outcome() == "hung_up"
    assert here.records["call-1"].error == ""


async def test_a_caller_who_transfers_leaves_the_other_two_together(autojump_clock: object) -> None:
    asked = FakeTransfer("carol")
    async with stage(
        bob=Guest(stays_s=12.0, events=pressed((11.0, "8"))),
        carol=Guest(stays_s=None, events=pressed((4.0, "5"))),
    ) as here:
        anna = here.call(caller_who(stays_s=None, wants=[(5.0, HoldChanged(True)), (6.0, asked)]))
        await trio.sleep(9)
        bob, carol = here.dialler.party("bob"), here.dialler.party("carol")
        assert asked.told == [202, 180, 200]
        assert hears(carol, bob)
        assert hears(bob, carol)
        assert bob.stream.behind is None
        await trio.sleep(4)
        assert anna.hung_up == [Ending.TRANSFERRED]
        assert bob.stream.pressed == "5", "keys of the new caller are not heard"
        assert carol.stream.pressed == "8"
    assert here.outcome() == "hung_up"


async def test_an_agent_alone_with_the_caller_greets_who_comes_instead(autojump_clock: object) -> None:
    asked = FakeTransfer("carol")
    async with stage(carol=Guest(stays_s=None, events=pressed((6.0, "9")))) as here:
        anna = here.call(Guest(answers_after_s=0.01, stays_s=None, wants=[(1.0, asked)]))
        await trio.sleep(5)
        assert asked.told == [202, 180, 200]
    assert here.said() == ["a", "a"]
    assert here.records["call-1"].ending == "agent_hung_up"
    assert anna.hung_up == [Ending.TRANSFERRED]
    assert here.dialler.party("carol").hung_up == [Ending.AGENT_HUNG_UP]


async def test_the_menu_says_all_it_says_to_who_has_come_instead_of_the_caller(
    autojump_clock: object,
) -> None:
    asked = FakeTransfer("carol")
    async with stage(bob=Guest(stays_s=12.0), carol=Guest(stays_s=None, events=pressed((20.0, "9")))) as here:
        began_s = trio.current_time()
        here.call(caller_who(stays_s=None, wants=[(6.0, asked)]))
        await trio.sleep(18)
        assert here.outcome() == "hung_up"
        again = here.noted("said")[1]
        assert again["what"] == "again"
        sent = [sent.at for sent in here.dialler.party("carol").stream.sent if sent.generation == 1]
        assert began_s + again["ms"] / 1000 >= sent[-1], "counted as said before it was sent"


@pytest.mark.parametrize("by_caller", [True, False])
@pytest.mark.parametrize(
    ("carol", "told"),
    [
        (Guest(refuses=Ending.BUSY), [202, 180, 486]),
        (Guest(refuses=Ending.NO_ANSWER), [202, 180, 480]),
        (Guest(refuses=Ending.REFUSED), [202, 180, 603]),
        (Guest(refuses=Ending.FAULT), [202, 180, 503]),
        (Guest(answers_after_s=100), [202, 180, 480]),
        (None, [603]),
    ],
)
async def test_who_is_not_reached_replaces_nobody(
    autojump_clock: object, carol: Guest | None, told: list[int], by_caller: bool
) -> None:
    asked = FakeTransfer("carol")
    wants = [(6.0, asked)]
    guests = {"bob": Guest(stays_s=None, wants=() if by_caller else wants)}
    async with stage(**guests, **({"carol": carol} if carol else {})) as here:
        anna = here.call(caller_who(stays_s=90.0, wants=wants if by_caller else ()))
        await trio.sleep(80)
        bob = here.dialler.party("bob")
        assert asked.told == told
        assert hears(anna, bob)
        assert hears(bob, anna)
        assert anna.stream.behind is bob.stream.behind is None
        assert [party.info.called for party in here.dialler.dialled] == ["bob", "carol"][: 1 + bool(carol)]
    assert here.records["call-1"].ending == "caller_hung_up"


async def test_a_house_without_room_says_so(autojump_clock: object) -> None:
    asked = FakeTransfer("carol")
    async with stage(bob=Guest(), carol=Guest()) as here:
        here.dialler.full = True
        here.call(Guest(answers_after_s=0.01, stays_s=8.0, wants=[(2.0, asked)]))
    assert asked.told == [503]


@pytest.mark.parametrize("by_caller", [True, False])
@pytest.mark.parametrize("reached", [True, False])
async def test_one_who_hangs_up_as_soon_as_the_transfer_is_accepted(
    autojump_clock: object, by_caller: bool, reached: bool
) -> None:
    asked = FakeTransfer("carol")
    carol = Guest(stays_s=8.0) if reached else Guest(refuses=Ending.BUSY)
    leaving = {"stays_s": 7.0, "wants": [(6.0, asked)]}
    bob = Guest(stays_s=None) if by_caller else Guest(**leaving)  # type: ignore[arg-type]
    async with stage(bob=bob, carol=carol) as here:
        anna = here.call(caller_who(**leaving) if by_caller else caller_who(stays_s=40.0))  # type: ignore[arg-type]
        await trio.sleep(12.5)
        if reached:
            left = here.dialler.party("bob") if by_caller else anna
            assert hears(left, here.dialler.party("carol"))
        elif by_caller:
            assert here.records["call-1"].ending == "caller_hung_up"
        else:
            assert here.outcome() == "hung_up"
    assert here.records["call-1"].error == ""
    assert asked.told[-1] == (200 if reached else 486)


@pytest.mark.parametrize("at_s", [6.005, 6.02, 7.0, 8.5, 9.0])
async def test_a_call_that_ends_in_the_middle_of_a_transfer_leaves_nothing(
    autojump_clock: object, at_s: float
) -> None:
    asked = FakeTransfer("carol")
    bob = Guest(stays_s=None, wants=[(3.0, asked)])
    async with stage(bob=bob, carol=Guest(stays_s=None, answers_after_s=3.0)) as here:
        here.call(caller_who(stays_s=at_s))
    assert here.records["call-1"].ending == "caller_hung_up"
    assert here.records["call-1"].error == ""
    assert asked.told == [] or asked.told[-1] >= 200


@pytest.mark.parametrize("how", ["raises", "stalls"])
async def test_one_who_was_replaced_and_cannot_be_hung_up_concerns_nobody_else(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    asked = FakeTransfer("carol")
    async with stage(bob=Guest(stays_s=None, wants=[(2.0, asked)]), carol=Guest(stays_s=20.0)) as here:
        anna = here.call()
        await trio.sleep(5)
        bob = here.dialler.party("bob")
        hang_up, tried_s = bob.hang_up, list[float]()

        async def misbehave(why: Ending) -> None:
            tried_s.append(trio.current_time())
            if len(tried_s) > 1:
                await hang_up(why)
            elif how == "raises":
                raise ConnectionError("gone")
            else:
                await trio.sleep_forever()

        monkeypatch.setattr(bob, "hang_up", misbehave)
        await trio.sleep(10)
        assert bob.closed, "the leg was not let go"
        assert hears(anna, here.dialler.party("carol"))
    assert len(tried_s) == 2
    assert tried_s[1] - tried_s[0] <= CallSettings().hang_up_s
    assert (here.outcome(), here.records["call-1"].error) == ("hung_up", "")


async def test_one_who_was_replaced_is_hung_up_even_when_the_engine_takes_no_orders(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = FakeTransfer("carol")
    async with stage(bob=Guest(stays_s=None, wants=[(2.0, asked)]), carol=Guest(stays_s=20.0)) as here:
        here.call()
        await trio.sleep(4)
        bob = here.dialler.party("bob")
        monkeypatch.setattr(bob.stream, "set_direction", _overburdened)
        await trio.sleep(10)
        assert bob.hung_up == [Ending.TRANSFERRED]
        assert [entry["error"] for entry in here.noted("party_fault")] == ["LocalError: no more orders"]
    assert (here.outcome(), here.records["call-1"].error) == ("hung_up", "")


def _overburdened(*, sending: bool, hearing: bool) -> None:
    raise LocalError("no more orders")


# ---- attended ----------------------------------------------------------------------------------------------------


def consulting(asked: FakeTransfer, **guest: object) -> Guest:
    """Has one call with bob and, seven seconds later, wants it joined with another."""
    return caller_who(stays_s=None, wants=[(10.0, asked)], **guest)  # type: ignore[arg-type]


async def test_the_far_ends_of_two_calls_are_joined(autojump_clock: object) -> None:
    asked = FakeTransfer("us")
    async with stage(bob=Guest(stays_s=30.0, events=pressed((16.0, "3")))) as here:
        anna = here.call(consulting(asked))
        await trio.sleep(1)
        also_anna = here.call(caller_who(stays_s=None), name="call-2")
        asked.names_leg = also_anna
        await trio.sleep(13)
        bob, carol = (party for party in here.dialler.dialled if party.info.called == "bob")
        assert asked.told == [202, 200]
        assert hears(bob, carol)
        assert hears(carol, bob)
        assert anna.hung_up == also_anna.hung_up == [Ending.TRANSFERRED]
        await trio.sleep(5)
        assert carol.stream.pressed == "3"
    endings = {here.records[name].ending for name in ("call-1", "call-2")}
    assert endings == {"caller_hung_up", "agent_hung_up"}
    assert here.noted("joined")[0]["with_call"] == "call-2"
    assert all(record.error == "" for record in here.records.values())


async def test_hold_and_hang_up_reach_over_from_one_call_to_the_other(autojump_clock: object) -> None:
    asked = FakeTransfer("us")
    wants = [(14.0, HoldChanged(True)), (16.0, HoldChanged(False))]
    async with stage(bob=Guest(stays_s=20.0, wants=wants)) as here:
        here.call(consulting(asked))
        await trio.sleep(0.5)
        asked.names_leg = here.call(caller_who(stays_s=None), name="call-2", step='take_back = "*1"')
        await trio.sleep(17.5)
        bob, carol = (party for party in here.dialler.dialled if party.info.called == "bob")
        assert not hears(bob, carol)
        await trio.sleep(2)
        assert hears(bob, carol)
        await trio.sleep(5)
        assert set(here.records) == {"call-1", "call-2"}


async def test_who_was_rung_for_another_trunk_s_call_may_join_it_with_one_of_his_own(
    autojump_clock: object,
) -> None:
    """He is known by where he is: he calls from there over his own trunk."""
    asked = FakeTransfer("us")
    async with stage(bob=Guest(stays_s=None)) as here:
        mine = here.call(consulting(asked))
        await trio.sleep(0.5)
        other = here.call(caller_who(stays_s=25.0), name="call-2", trunk="other")
        mine.host = other.host = "192.0.2.7"
        asked.names_leg = other
        await trio.sleep(14)
        assert asked.told == [202, 200]
        bob, carol = here.dialler.dialled
        assert hears(bob, carol)
        bob.leave()


@pytest.mark.parametrize("supervised", [False, True])
async def test_calls_of_two_groups_are_joined_in_one(autojump_clock: object, supervised: bool) -> None:
    asked = FakeTransfer("us")
    async with stage(bob=Guest(stays_s=None)) as here:
        anna = here.call(consulting(asked))
        await trio.sleep(0.5)
        other = here.call(caller_who(stays_s=None), name="call-2")
        asked.names_leg = other
        await trio.sleep(8)
        bob, carol = here.dialler.dialled
        listening = Supervision(FakeParty(Guest(stays_s=None), other.info))
        for stream in (other.stream, carol.stream, listening.leg.stream):
            stream.group = 2  # type: ignore[misc]
        if supervised:
            floor = next(call.floor for call in here.services.live if call.info.id == "call-2")
            floor.supervision = listening
            floor.settle()
        await trio.sleep(6)
        assert asked.told == [202, 200]
        assert hears(bob, carol)
        assert hears(carol, bob)
        assert not hears(carol, other)
        assert hears(listening.leg, carol) is supervised
        assert bob.stream.group == carol.stream.group == anna.stream.group
        bob.leave()
    assert all(record.error == "" for record in here.records.values())


async def test_a_call_that_cannot_move_goes_on_as_it_was(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = FakeTransfer("us")
    async with stage(bob=Guest(stays_s=None)) as here:
        anna = here.call(consulting(asked))
        await trio.sleep(0.5)
        other = here.call(caller_who(stays_s=None), name="call-2")
        asked.names_leg = other
        await trio.sleep(8)
        bob, carol = here.dialler.dialled
        for leg in (other, carol):
            leg.stream.group = 2
            monkeypatch.setattr(leg.stream, "move_beside", _stay)
        await trio.sleep(6)
        assert asked.told == [488]
        assert hears(anna, bob)
        assert hears(other, carol)
        other.leave()
        anna.leave()
    assert all(record.error == "" for record in here.records.values())


def _stay(other: object) -> None:
    raise LocalError("a stream cannot move to another thread of the engine")


@pytest.mark.parametrize("case", ["no_such_call", "another_trunk", "nobody_left", "unheard"])
async def test_what_cannot_be_joined_is_declined_and_stays_as_it_was(
    autojump_clock: object, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = FakeTransfer("us")
    async with stage(bob=Guest(stays_s=None)) as here:
        anna = here.call(consulting(asked))
        trunk = "other" if case == "another_trunk" else "local"
        alone = Guest(answers_after_s=0.01, stays_s=25.0)
        await trio.sleep(0.5)
        guest = alone if case == "nobody_left" else caller_who(stays_s=25.0)
        other = here.call(guest, name="call-2", trunk=trunk)
        asked.names_leg = object() if case == "no_such_call" else other
        await trio.sleep(9)
        bob = here.dialler.dialled[0]
        if case == "unheard":
            for party in here.dialler.dialled:
                monkeypatch.setattr(party.stream, "connect", _refuse)
        await trio.sleep(5)
        assert asked.told == [
            {"no_such_call": 481, "another_trunk": 403, "nobody_left": 603, "unheard": 488}[case]
        ]
        assert hears(anna, bob)
        anna.leave()
    assert all(record.error == "" for record in here.records.values())


def _refuse(source: object, what: object, gain_db: float = 0.0) -> None:
    raise LocalError("only another stream of the same group can be listened to")


# ---- the length of a call ----------------------------------------------------------------------------------------


class Shared:
    """Leads as another agent does, and knows how long that took."""

    def __init__(self, agent: Agent) -> None:
        self.name, self.needs, self._agent = agent.name, agent.needs, agent
        self.led_s: list[float] = []

    async def lead(self, call: Call) -> Ending:
        began_s = trio.current_time()
        try:
            return await self._agent.lead(call)
        finally:
            self.led_s.append(trio.current_time() - began_s)


TALK = """
greeting = "Good day."
[voice]
kind = "tone"
[ears]
otherwise = ""
"""


@pytest.mark.parametrize("kind", ["scripted", "menu", "echo", "tone"])
async def test_the_longest_call_does_not_begin_anew_with_who_has_come_instead(
    autojump_clock: object, kind: str
) -> None:
    agents: dict[str, Callable[[], Agent]] = {
        "scripted": lambda: scripted_agent(parse_script(TALK)),
        "menu": lambda: menu_agent(parse_menus(MENUS.replace("STEP", 'after = "continue"'))),
        "echo": EchoAgent,
        "tone": lambda: ToneAgent(440.0, -20.0),
    }
    agent, asked = Shared(agents[kind]()), FakeTransfer("carol")
    caller = Guest(answers_after_s=3.0, stays_s=None, wants=[(4.0, asked)])
    settings = CallSettings(max_length_s=12.0, farewell_s=30.0, patience=Patience(prompt_ms=60_000))
    async with stage(carol=Guest(stays_s=None)) as here:
        here.services = replace(here.services, settings=settings)
        anna = FakeParty(caller, CallInfo(CallId("call-1"), "100", "200", "local"))
        here.nursery.start_soon(anna.stream.run)
        record = await run_call(anna, agent, here.services)
        await anna.stream.aclose()
        assert asked.told == [202, 180, 200]
    assert record.ending == "max_length"
    assert len(agent.led_s) == 2
    assert 12.0 <= sum(agent.led_s) <= 14.0
    assert here.noted("fault") == []
