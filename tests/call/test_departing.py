"""A caller who is being replaced: his silence means nothing until that is decided, and what ends the call at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from mediasrv.call import Agent, Call, CallRecord, CallSettings, MediaNeeds, Patience, run_call
from mediasrv.call.menu import menu_agent, parse_menus
from mediasrv.call.scripted_agent import scripted_agent
from mediasrv.ids import CallId
from mediasrv.legs import CallInfo, Ending
from mediasrv.providers.script import parse_script
from tests.call.joining import MENUS, Stage, stage
from tests.fakes.parties import FakeParty, FakeTransfer, Guest

TALK = """
greeting = "Good day."
[voice]
kind = "tone"
[ears]
otherwise = ""
"""
FIRST_KEY_S = 6.0
PROMPT_S = 8.0
MENU = MENUS.replace("STEP", 'after = "continue"').replace("60000", str(round(FIRST_KEY_S * 1000)))
KINDS = ["scripted", "menu"]


def agent_of(kind: str) -> Agent:
    return scripted_agent(parse_script(TALK)) if kind == "scripted" else menu_agent(parse_menus(MENU))


class Taciturn:
    """Says nothing, and after a while that nobody did."""

    name, needs = "taciturn", MediaNeeds()

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self.led = 0

    async def lead(self, call: Call) -> Ending:
        self.led += 1
        await trio.sleep(self._after_s)
        return Ending.SILENCE


def leaving(asked: FakeTransfer, at_s: float = 4.0, stays_s: float | None = 6.0) -> Guest:
    """Wants to be replaced, and hangs up when he was told 202, as many telephones do."""
    return Guest(answers_after_s=0.01, stays_s=stays_s, wants=[(at_s, asked)])


async def led(here: Stage, agent: Agent, caller: Guest) -> CallRecord:
    anna = FakeParty(caller, CallInfo(CallId("call-1"), "100", "200", "local"))
    here.nursery.start_soon(anna.stream.run)
    record = await run_call(anna, agent, here.services)
    await anna.stream.aclose()
    assert record.error == ""
    return record


def turns(here: Stage) -> list[tuple[float, object]]:
    """When they were begun, and what for."""
    return [(turn["began_ms"] / 1000, turn["kind"]) for turn in here.sink.of(CallId("call-1"), "turn")]  # type: ignore[operator]


@pytest.mark.parametrize("kind", KINDS)
async def test_who_answers_late_in_place_of_a_caller_who_has_hung_up_is_talked_with(
    autojump_clock: object, kind: str
) -> None:
    asked = FakeTransfer("carol")
    async with stage(carol=Guest(answers_after_s=40.0, stays_s=5.0)) as here:
        record = await led(here, agent_of(kind), leaving(asked))
    assert asked.told == [202, 180, 200]
    assert record.ending == "caller_hung_up"
    assert 48_000 <= record.duration_ms <= 50_000
    if kind == "scripted":
        assert [what for _, what in turns(here)] == ["greeting", "greeting"]
    else:
        assert here.said() == ["a", "a"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_caller_who_has_gone_ends_the_call_when_nobody_takes_his_place(
    autojump_clock: object, kind: str
) -> None:
    asked = FakeTransfer("carol")
    async with stage(carol=Guest(answers_after_s=30.0, refuses=Ending.BUSY)) as here:
        record = await led(here, agent_of(kind), leaving(asked))
    assert asked.told == [202, 180, 486]
    assert record.ending == "caller_hung_up"
    assert 34_000 <= record.duration_ms <= 35_000
    assert here.noted("no_choice") == []
    assert [what for _, what in turns(here)] == ["greeting"] * (kind == "scripted")


@pytest.mark.parametrize("rings_s", [1.0, 30.0])
async def test_a_caller_who_stays_is_asked_no_sooner_than_if_he_had_just_come(
    autojump_clock: object, rings_s: float
) -> None:
    asked = FakeTransfer("carol")
    async with stage(carol=Guest(answers_after_s=rings_s, refuses=Ending.BUSY)) as here:
        record = await led(here, agent_of("scripted"), leaving(asked, stays_s=None))
        (failed,) = here.noted("transfer_done")
    began = turns(here)
    assert [what for _, what in began] == ["greeting", "prompt", "prompt", "goodbye"]
    assert began[1][0] == pytest.approx(failed["ms"] / 1000 + PROMPT_S, abs=0.1)
    assert record.ending == "silence"


@pytest.mark.parametrize("rings_s", [1.0, 30.0])
async def test_a_caller_who_stays_has_all_the_time_for_his_first_key_again(
    autojump_clock: object, rings_s: float
) -> None:
    asked = FakeTransfer("carol")
    async with stage(carol=Guest(answers_after_s=rings_s, refuses=Ending.BUSY)) as here:
        record = await led(here, agent_of("menu"), leaving(asked, stays_s=None))
        (failed,) = here.noted("transfer_done")
        (missed,) = here.noted("no_choice")
    assert missed["ms"] == pytest.approx(failed["ms"] + FIRST_KEY_S * 1000, abs=50)
    assert record.ending == "silence"


async def test_a_good_bye_to_silence_is_taken_back_when_the_silent_one_is_being_replaced(
    autojump_clock: object,
) -> None:
    asked = FakeTransfer("carol")
    patience = Patience(prompt_ms=2_000, prompts=0)
    async with stage() as here:
        here.services = replace(here.services, settings=CallSettings(patience=patience))
        spoken = await _goodbye_at(here)
    async with stage(carol=Guest(answers_after_s=20.0, stays_s=None)) as here:
        here.services = replace(here.services, settings=CallSettings(patience=patience))
        record = await led(here, agent_of("scripted"), leaving(asked, at_s=spoken + 0.1, stays_s=None))
    assert asked.told == [202, 180, 200]
    assert [what for _, what in turns(here)] == ["greeting", "goodbye"] * 2, "not taken back, or not led anew"
    assert record.ending == "silence"


async def _goodbye_at(here: Stage) -> float:
    await led(here, agent_of("scripted"), Guest(answers_after_s=0.01, stays_s=None))
    return next(at_s for at_s, what in turns(here) if what == "goodbye")


@pytest.mark.parametrize("reached", [True, False])
async def test_a_word_of_silence_waits_until_it_is_decided_who_is_there(
    autojump_clock: object, reached: bool
) -> None:
    asked, agent = FakeTransfer("carol"), Taciturn(after_s=5.0)
    carol = Guest(answers_after_s=10.0, stays_s=None, refuses=None if reached else Ending.BUSY)
    async with stage(carol=carol) as here:
        record = await led(here, agent, leaving(asked, stays_s=None))
    assert asked.told == [202, 180, 200 if reached else 486]
    assert agent.led == 2
    assert record.ending == "silence"
    assert 19_000 <= record.duration_ms <= 20_000


@pytest.mark.parametrize("kind", KINDS)
async def test_the_longest_call_ends_in_the_middle_of_a_hand_over(autojump_clock: object, kind: str) -> None:
    asked = FakeTransfer("carol")
    async with stage(carol=Guest(answers_after_s=40.0)) as here:
        here.services = replace(here.services, settings=CallSettings(max_length_s=12.0))
        record = await led(here, agent_of(kind), leaving(asked))
    assert asked.told == [202, 180, 487]
    assert record.ending == "max_length"
    assert 12_000 <= record.duration_ms <= 15_000


@pytest.mark.parametrize("kind", KINDS)
async def test_an_operator_ends_a_call_in_the_middle_of_a_hand_over(
    autojump_clock: object, kind: str
) -> None:
    asked = FakeTransfer("carol")
    async with stage(carol=Guest(answers_after_s=40.0)) as here:

        async def operate() -> None:
            await trio.sleep(10)
            call = here.services.live.find(CallId("call-1"))
            assert call is not None
            call.end(Ending.ADMIN)

        here.nursery.start_soon(operate)
        record = await led(here, agent_of(kind), leaving(asked))
    assert asked.told == [202, 180, 487]
    assert record.ending == "admin"
    assert record.duration_ms <= 10_100
