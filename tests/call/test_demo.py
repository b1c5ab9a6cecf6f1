"""The demonstration's agent over fakes, in virtual time: what the caller says is scripted, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio

from mediasrv.call import CallServices, run_call
from mediasrv.call.demo import HOTEL, demo_agent
from mediasrv.conversation.speakable.cardinals import cardinal
from mediasrv.ids import SeededTokens
from mediasrv.providers.knowledge import read_book
from mediasrv.providers.protocols import UNCLEAR
from mediasrv.providers.registry import NoRecogniser
from mediasrv.providers.script import parse_script
from mediasrv.providers.scripted import ScriptedStt
from mediasrv.telemetry import MemorySink
from tests.fakes.leg import FakeLeg, TrioClock
from tests.fakes.stream import FakeStream

BOOK = read_book(HOTEL)
EACH_S = 20.0  # the tones of a long answer take so long


async def conversation(
    monkeypatch: pytest.MonkeyPatch, said: Sequence[str], hang_up_at: float = 200.0
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The call's record and its turns, when the caller says these things one after the other."""
    script = parse_script("".join(f'[[hears]]\ntext = "{text}"\n' for text in said))
    monkeypatch.setattr("mediasrv.call.demo.agent._ears", lambda book, spared: ScriptedStt(script))
    monkeypatch.setattr("mediasrv.call.demo.agent.VOICE", "tone")
    stream = FakeStream([(5 + EACH_S * k, 6.2 + EACH_S * k) for k in range(len(said))])
    leg, sink = FakeLeg(stream, hangs_up_at=hang_up_at), MemorySink()
    services = CallServices(TrioClock(), SeededTokens(1), sink)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.run)
        record = await run_call(leg, demo_agent(), services)
        await stream.aclose()
    return record.as_json(), [dict(turn) for turn in sink.of(leg.info.id, "turn")]


def replies(turns: list[dict[str, Any]]) -> list[str]:
    return [turn["said"] for turn in turns if turn["kind"] == "reply"]


async def test_a_question_is_answered_one_not_understood_is_asked_again(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, turns = await conversation(monkeypatch, ["can i bring my dog", UNCLEAR, "who won the war"], 70)
    assert turns[0]["said"] == BOOK.greeting
    assert replies(turns)[0].startswith("Dogs are welcome")
    assert replies(turns)[1:3] == [BOOK.unclear, BOOK.unknown]


async def test_a_table_is_booked_once_and_goodbye_ends_the_call(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["i need a table for two on friday at seven", "yes please", "thank you goodbye"]
    record, turns = await conversation(monkeypatch, said)
    assert record["ending"] == "agent_hung_up"
    tools = [tool for turn in turns for tool in turn["tools"]]
    assert [tool["name"] for tool in tools] == ["book_table", "hang_up"]
    assert tools[0]["outcome"] == "done"
    assert f"Your number is {cardinal(int(tools[0]['result']))}." in replies(turns)[1]


async def test_without_a_recogniser_the_agent_takes_its_leave(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.call.test_demo.ScriptedStt", lambda script: NoRecogniser())
    record, turns = await conversation(monkeypatch, ["hello"])
    assert record["ending"] == "fault"
    assert turns[-1]["kind"] == "goodbye"
