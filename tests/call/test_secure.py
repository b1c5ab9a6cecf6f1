"""A secure scope: what the caller says and presses in it is nowhere but with whoever opened it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from mediasrv.call import Call
from mediasrv.call.scripted_agent import scripted_agent
from mediasrv.call.services import MediaNeeds
from mediasrv.conversation.tools import OnCancel, Prepared, ToolResult, ToolSpec
from mediasrv.legs import Ending
from mediasrv.media import Dtmf
from mediasrv.providers.protocols import ToolCall
from mediasrv.providers.script import parse_script
from tests.call.conversing import Outcome, converse
from tests.call.test_ahead import an_agent

SCRIPT = """
[[hears]]
text = "What time is dinner?"
[[hears]]
text = "four one one one"
[[hears]]
text = "Thank you."
[[reply]]
hears = ["dinner"]
text = "At eight."
[[reply]]
text = "You are welcome."
"""
DIGITS = "4829"
CARD = ToolSpec("card")
NUMBERED = ToolSpec(
    "card", "", {"type": "object", "properties": {"card": {"type": "string"}}}, OnCancel.COMMIT_IF_HEARD
)
SECURE_FROM_S, SECURE_TO_S = 6.0, 10.0


class Securing:
    """Converses, and asks for four digits after six seconds."""

    name = "securing"
    needs = MediaNeeds()

    def __init__(self, *, fails: bool = False) -> None:
        self.got = ""
        self.fails = fails
        self.masked: list[tuple[bool, bool]] = []

    async def lead(self, call: Call) -> Ending:
        call.start_soon(self._record, call)
        call.start_soon(self._secure, call)
        return await scripted_agent(parse_script(SCRIPT)).lead(call)

    async def _record(self, call: Call) -> None:
        async with call.stream.record(Path("of-this-test.wav")) as recording:
            with call.secrecy.masks(recording):
                await trio.sleep_forever()

    async def _secure(self, call: Call) -> None:
        await trio.sleep(SECURE_FROM_S)
        try:
            async with call.secure() as secret:
                self.masked.append(call.stream.recordings[0].masked)  # type: ignore[attr-defined]
                self.got = await secret.keys(len(DIGITS))
                await trio.sleep(SECURE_TO_S - call.timeline.ms() / 1000)
                if self.fails:
                    raise TimeoutError("the bank does not answer")
        except TimeoutError:
            pass
        self.masked.append(call.stream.recordings[0].masked)  # type: ignore[attr-defined]


async def a_call(agent: Securing, hang_up_at: float = 20) -> Outcome:
    keys = [(7.0 + k / 5, Dtmf(digit, 100, round((7.0 + k / 5) * 1e9))) for k, digit in enumerate(DIGITS)]
    later = [(12.0, Dtmf("7", 100, round(1e18)))]
    speech = [(1.0, 2.2), (8.0, 9.2), (14.0, 15.2)]
    return await converse("", speech, hang_up_at=hang_up_at, events=[*keys, *later], agent=agent)


async def test_keys_reach_whoever_asked_for_them_and_nobody_else(autojump_clock: object) -> None:
    agent = Securing()
    call = await a_call(agent)
    assert agent.got == DIGITS
    assert [entry["digit"] for entry in call.noted("key")] == ["7"]


async def test_what_was_said_is_neither_recognised_nor_asked(autojump_clock: object) -> None:
    call = await a_call(Securing())
    words = " ".join(str(entry["text"]) for entry in call.noted("words"))
    assert "dinner" in words
    assert call.turns[0]["asked"] == "What time is dinner?"
    within = [e for e in call.noted("words") if SECURE_FROM_S * 1000 <= e["ms"] <= SECURE_TO_S * 1000]
    assert within == []


async def test_the_timeline_and_the_records_hold_no_secret(autojump_clock: object) -> None:
    call = await a_call(Securing())
    within = [e for e in call.timeline if SECURE_FROM_S * 1000 <= e["ms"] < SECURE_TO_S * 1000]
    assert within
    written = json.dumps([dict(entry) for entry in within])
    assert not any(word in written for word in ("four", "one one", *(f'"{digit}"' for digit in DIGITS)))


async def test_the_recording_is_silent_for_as_long_and_no_longer(autojump_clock: object) -> None:
    for agent in (Securing(), Securing(fails=True)):
        await a_call(agent)
        assert agent.masked == [(True, True), (False, False)]


async def test_the_record_says_when_it_was(autojump_clock: object) -> None:
    call = await a_call(Securing())
    (secure,) = call.record.secure
    assert abs(secure.from_ms - SECURE_FROM_S * 1000) < 50
    assert abs((secure.to_ms or 0) - SECURE_TO_S * 1000) < 50
    assert secure.keys == len(DIGITS)


async def test_it_ends_with_the_call(autojump_clock: object) -> None:
    call = await a_call(Securing(), hang_up_at=7.5)
    (secure,) = call.record.secure
    assert secure.to_ms is not None
    assert call.noted("secure_ended")


async def test_afterwards_the_caller_is_heard_again(autojump_clock: object) -> None:
    call = await a_call(Securing())
    assert call.turns[-1]["heard"] == "You are welcome."


class Refusing(Securing):
    """Fails within the block, with what was pressed in its error."""

    async def _secure(self, call: Call) -> None:
        await trio.sleep(SECURE_FROM_S)
        try:
            async with call.secure() as secret:
                raise ValueError(f"no such card: {await secret.keys(len(DIGITS))}")
        except ValueError as error:
            raise RuntimeError(f"{error}, says the bank") from error


async def test_an_error_that_leaves_the_block_tells_nothing_of_what_was_pressed(
    autojump_clock: object,
) -> None:
    call = await a_call(Refusing())
    assert (call.record.ending, call.record.error) == ("fault", "RuntimeError")
    assert DIGITS not in json.dumps([dict(entry) for entry in call.timeline])


@dataclass
class Card:
    """A tool that takes a card's number, and fails on it."""

    call: Call | None = None
    spec: ToolSpec = CARD

    async def prepare(self, call: ToolCall) -> Prepared:
        await trio.lowlevel.checkpoint()
        return Prepared(call)

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        assert self.call is not None
        async with self.call.secure() as secret, trio.open_nursery():
            raise ValueError(f"no such card: {await secret.keys(len(DIGITS))}")


class Paying:
    """Converses, and has the tool."""

    name = "paying"
    needs = MediaNeeds()

    async def lead(self, call: Call) -> Ending:
        script = '[[reply]]\ntools = [{ name = "card" }]\nthen = "That is done."\n[[tool]]\nname = "card"\n'
        return await an_agent(script, [Card(call)]).lead(call)


async def test_nor_does_the_error_of_a_tool(autojump_clock: object) -> None:
    keys = [(7.0 + k / 5, Dtmf(digit, 100, round((7.0 + k / 5) * 1e9))) for k, digit in enumerate(DIGITS)]
    call = await converse("", [(1.0, 2.2)], hang_up_at=20, events=[*keys], agent=Paying())
    (ended,) = call.noted("tool_ended")
    assert (ended["outcome"], ended["error"]) == ("failed", "ExceptionGroup")
    assert DIGITS not in json.dumps([dict(turn) for turn in call.turns])


class Charge(Card):
    """Takes the number, and says it again when nothing is secret any more."""

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        assert self.call is not None
        async with self.call.secure() as secret:
            number = await secret.keys(len(DIGITS))
        return ToolResult(prepared.call.id, f"charged {number}")


class Charging(Paying):
    async def lead(self, call: Call) -> Ending:
        pays = '{ name = "card", arguments = { card = "4829" } }'
        script = f'[[reply]]\ntools = [{pays}]\nthen = "Done."\n[[tool]]\nname = "card"\n'
        return await an_agent(script, [Charge(call)]).lead(call)


async def test_a_result_that_says_again_what_was_pressed_is_not_in_the_record(autojump_clock: object) -> None:
    keys = [(7.0 + k / 5, Dtmf(digit, 100, round((7.0 + k / 5) * 1e9))) for k, digit in enumerate(DIGITS)]
    call = await converse("", [(1.0, 2.2)], hang_up_at=20, events=[*keys], agent=Charging())
    (tool,) = [tool for turn in call.turns for tool in turn["tools"]]
    assert (tool["outcome"], tool["result"]) == ("done", "[secure]")
    assert DIGITS not in json.dumps([dict(record) for _, _, record in call.sink.records])


@dataclass
class Reserve(Card):
    """Is done when the reply was heard; the number is in its arguments."""

    spec: ToolSpec = NUMBERED

    async def prepare(self, call: ToolCall) -> Prepared:
        assert self.call is not None
        async with self.call.secure():
            await trio.sleep(0.1)
        return Prepared(call, f"will charge {call.arguments}")

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        await trio.lowlevel.checkpoint()
        return ToolResult(prepared.call.id, "charged")


class Reserving(Paying):
    def __init__(self, card: str) -> None:
        self._card = card

    async def lead(self, call: Call) -> Ending:
        call.start_soon(self._is_secure, call)
        pays = f'{{ name = "card", arguments = {{ card = {self._card} }} }}'
        script = f'[[reply]]\ntools = [{pays}]\nthen = "Done."\n[[tool]]\nname = "card"\n'
        return await an_agent(script, [Reserve(call)]).lead(call)

    async def _is_secure(self, call: Call) -> None:
        """While the reply is thought of."""
        await trio.sleep(2.1)
        async with call.secure():
            await trio.sleep(3)


@pytest.mark.parametrize(("card", "outcome"), [('"4829"', "prepared"), ("4829", "refused")])
async def test_nor_are_the_arguments_of_a_tool_that_waits_or_is_not_run(
    autojump_clock: object, card: str, outcome: str
) -> None:
    call = await converse("", [(1.0, 2.2)], hang_up_at=20, agent=Reserving(card))
    (tool,) = [tool for turn in call.turns for tool in turn["tools"]]
    assert (tool["outcome"], tool["arguments"]) == (outcome, {"card": "[secure]"})
    assert DIGITS not in json.dumps([dict(record) for _, _, record in call.sink.records])
