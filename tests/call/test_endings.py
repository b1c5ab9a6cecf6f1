"""How a call ends by itself: a fault of ours is apologised for, and a budget that is spent says good-bye."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal

import trio

from mediasrv.call import Call, CallSettings
from mediasrv.call.scripted_agent import scripted_agent
from mediasrv.call.services import MediaNeeds
from mediasrv.legs import Ending
from mediasrv.media import MediaFault
from mediasrv.providers.protocols import LanguageModel, LlmDelta, LlmRequest, Usage
from mediasrv.providers.registry import Providers
from mediasrv.providers.script import parse_script
from tests.call.conversing import LONG, converse
from tests.call.test_ahead import an_agent

SPEECH = [(4.0, 5.2), (14.0, 15.2), (24.0, 25.2)]


class Faulty:
    """Converses, and has a fault of our own making after seven seconds."""

    name = "faulty"
    needs = MediaNeeds()

    async def lead(self, call: Call) -> Ending:
        call.start_soon(self._fail)
        return await scripted_agent(parse_script(f'[[reply]]\ntext = "{LONG}"\n')).lead(call)

    async def _fail(self) -> None:
        await trio.sleep(7)
        raise RuntimeError("of our own making")


async def test_a_fault_of_ours_is_apologised_for_before_the_call_ends(autojump_clock: object) -> None:
    call = await converse("", SPEECH, agent=Faulty())
    assert call.record.ending == "fault"
    assert "of our own making" in call.record.error
    assert [entry["whole"] for entry in call.noted("apologised")] == [True]
    last = max(sent.generation for sent in call.stream.sent)
    assert not [sent for sent in call.stream.sent if sent.at > 8.0 and sent.generation != last]


async def test_nobody_apologises_on_a_line_that_is_dead(autojump_clock: object) -> None:
    call = await converse("[[reply]]\ntext = 'Yes.'\n", SPEECH, events=[(7.0, MediaFault(9, 0))])
    assert call.record.ending == "fault"
    assert call.noted("apologised") == []


@dataclass
class Priced:
    """A language model, and what each of its replies costs."""

    llm: LanguageModel
    cost_usd: Decimal
    name: str = "priced"

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        async with aclosing(self.llm.stream(request)) as deltas:
            async for delta in deltas:
                yield replace(delta, cost_usd=self.cost_usd) if isinstance(delta, Usage) else delta


async def test_a_call_that_has_spent_its_budget_says_good_bye(autojump_clock: object) -> None:
    def priced(providers: Providers) -> Providers:
        return replace(providers, llm=Priced(providers.llm, Decimal("0.02")))

    agent = an_agent('[[reply]]\ntext = "Yes, that is so."\n', change=priced)
    settings = CallSettings(budget_usd=Decimal("0.03"))
    call = await converse("", SPEECH, settings=settings, agent=agent)
    assert call.record.ending == "budget"
    assert [turn["kind"] for turn in call.turns] == ["reply", "reply", "goodbye"]
    assert call.turns[1]["heard"] == "Yes, that is so."
    assert Decimal(call.record.cost_usd) == Decimal("0.04")


async def test_a_call_pays_for_the_turn_in_which_the_caller_hung_up(autojump_clock: object) -> None:
    def priced(providers: Providers) -> Providers:
        return replace(providers, llm=Priced(providers.llm, Decimal("0.02")))

    agent = an_agent(f'[[reply]]\ntext = "{LONG}"\n', change=priced)
    call = await converse("", [(1.0, 2.2)], hang_up_at=6.0, agent=agent)
    (turn,) = call.turns
    assert (turn["ending"], turn["cost_usd"]) == ("hangup", "0.02")
    assert Decimal(call.record.cost_usd) == Decimal("0.02")


class Endless:
    """Leads for ever, as somebody who is connected with a person does."""

    name = "endless"
    needs = MediaNeeds()

    async def lead(self, call: Call) -> Ending:
        await trio.sleep_forever()
        raise AssertionError("for ever is over")


async def test_no_call_is_longer_than_calls_may_be_whoever_leads_it(autojump_clock: object) -> None:
    settings = CallSettings(max_length_s=20.0, farewell_s=5.0)
    call = await converse("", [], settings=settings, agent=Endless())
    assert call.record.ending == "max_length"
    assert 20_000 <= call.record.duration_ms <= 26_000


async def test_the_last_word_has_time_to_leave_the_callers_jitter_buffer(autojump_clock: object) -> None:
    call = await converse('[[reply]]\ntext = "Yes."\n', [])
    assert call.record.ending == "silence"
    said, over = call.noted("turn_ended")[-1]["ms"], call.noted("call_ended")[-1]["ms"]
    assert over - said >= 1_000 * CallSettings().last_words_arrive_s


SHIELDED = """
[[hears]]
text = "Book a table please."
[[reply]]
hears = ["book a table"]
tools = [{ name = "book" }]
then = "Done."
[[tool]]
name = "book"
on_cancel = "shield"
takes_ms = 8000
"""


async def test_a_call_is_as_long_as_its_people_had_it_whatever_tools_finish_behind_it(
    autojump_clock: object,
) -> None:
    call = await converse(SHIELDED, [(4.0, 5.2)], hang_up_at=7)
    (tool,) = call.noted("tool_ended")
    (over,) = call.noted("call_ended")
    assert tool["outcome"] == "done"
    assert tool["ms"] > 13_000
    assert 7_000 <= call.record.duration_ms <= 7_100
    assert over["ms"] == call.record.duration_ms
    assert call.timeline[-1] == over
    assert call.sink.of(call.leg.info.id, "call")[0]["duration_ms"] == call.record.duration_ms
