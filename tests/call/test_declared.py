"""Agents that files declare: over the net's fakes, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from mediasrv.call import CallServices, run_call
from mediasrv.call.declared import Cast, Chat
from mediasrv.config import ProviderSettings, Secret
from mediasrv.conversation.agents import Library
from mediasrv.conversation.history import malformed
from mediasrv.errors import ConfigError
from mediasrv.ids import DEFAULT_TENANT, CallId, SeededTokens
from mediasrv.providers.house import ProviderHouse
from mediasrv.providers.wire import Net
from mediasrv.telemetry import MemorySink, Timeline
from tests.fakes.leg import FakeLeg, TrioClock
from tests.fakes.providers import Exchange, FakeNet, HttpServer
from tests.fakes.providers.openai_chat import KEY, OpenAiChat, chunk
from tests.fakes.stream import FakeStream

CALL = CallId("chat")
DESK = """
prompt = "You take bookings."
greeting = "Good day."
level = "speed"
[[tool]]
name = "book"
description = "Books a table."
url = "https://desk.example/tables?house=1"
on_cancel = "shield"
headers = { Authorization = "Bearer abc" }
[tool.parameters]
type = "object"
required = ["people"]
properties.people = { type = "integer", minimum = 1 }
"""


def asks(arguments: str, name: str = "book") -> dict[str, Any]:
    return chunk(
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": name, "arguments": arguments}}]}
    )


@dataclass
class Desk:
    """The booking service: keeps what it was asked, and answers after a while."""

    takes_s: float = 0.0
    status: int = 200
    orders: list[tuple[str, str, Any]] = field(default_factory=list)

    async def handle(self, exchange: Exchange) -> None:
        self.orders.append((exchange.target, exchange.headers["idempotency-key"], exchange.json()))
        assert exchange.headers["authorization"] == "Bearer abc"
        await trio.sleep(self.takes_s)
        await exchange.answer(self.status, {"table": "by the window"})


@dataclass
class Room:
    chat: Chat
    model: OpenAiChat
    desk: Desk
    sink: MemorySink

    def noted(self, event: str) -> list[Any]:
        return [entry for entry in self.sink.of(CALL, "timeline") if entry["event"] == event]

    async def say(self, *asked: str) -> list[str]:
        said = []
        for text in asked:
            async with aclosing(self.chat.reply(text)) as reply:
                said.append(" ".join([line async for line in reply]))
        return said

    @property
    def turns(self) -> list[Any]:
        return [dict(turn) for turn in self.sink.of(CALL, "turn")]


@asynccontextmanager
async def talking(
    tmp_path: Path, *replies: list[dict[str, Any]], desk: Desk | None = None, file: str = DESK
) -> AsyncIterator[Room]:
    """`replies`: what the model answers, request by request."""
    (tmp_path / "desk.toml").write_text(file)
    model, desk, sink, clock = OpenAiChat(list(replies[0])), desk or Desk(), MemorySink(), TrioClock()
    waiting = list(replies)

    async def handle(exchange: Exchange) -> None:
        if exchange.method != "HEAD":  # which asks for nothing but a connection
            model.chunks = waiting.pop(0)
        await model.handle(exchange)

    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        net.stand("api.openai.com", HttpServer(handle).serve)
        net.stand("desk.example", HttpServer(desk.handle).serve)
        cast = Cast(Library(str(tmp_path)), house, net)
        agent = cast.agent("desk")
        assert agent is not None
        async with cast.open(speaking=False), trio.open_nursery() as own:
            timeline = Timeline(sink, clock, CALL, DEFAULT_TENANT)
            chat = Chat(
                CALL,
                agent.persona,
                cast.model("desk"),
                agent.tools,
                clock=clock,
                timeline=timeline,
                nursery=own,
            )
            yield Room(chat, model, desk, sink)
            assert malformed(chat.history.messages()) == []
        assert net.open == 0, "connections were left open"
        nursery.cancel_scope.cancel()


def house(net: Net) -> ProviderHouse:
    return ProviderHouse({"model": ProviderSettings(adapter="openai", key=Secret(KEY))}, net=net)


async def test_a_file_becomes_somebody_to_talk_with(autojump_clock: object, tmp_path: Path) -> None:
    async with talking(tmp_path, [chunk({"content": "That is **$5**."})]) as room:
        assert room.chat.greet() == ["Good day."]
        assert await room.say("Um, what does it cost?") == ["That is five dollars."]
        roles = [(message["role"], message["content"]) for message in room.model.bodies[0]["messages"]]
    assert roles == [
        ("system", "You take bookings."), ("assistant", "Good day."), ("user", "What does it cost?")
    ]  # fmt: skip
    (turn,) = room.turns
    assert (turn["asked"], turn["cleaned"], turn["level"]) == (
        "Um, what does it cost?",
        "What does it cost?",
        "speed",
    )
    assert turn["cleaning"]["applied"] == ["filler"]
    assert turn["tokens"] == {"input_tokens": 12, "output_tokens": 7}
    assert turn["tenant"] == "default"
    assert room.model.bodies[0]["temperature"] == 0.9


async def test_half_a_letter_from_either_side_ends_no_talk(autojump_clock: object, tmp_path: Path) -> None:
    pieces = [chunk({"content": "A \ud83d"}), chunk({"content": "\ude00 or a \ud83d, please."})]
    async with talking(tmp_path, pieces, [chunk({"content": "Yes."})]) as room:
        assert len(await room.say("what shall I write here", "is it this one \udcff here")) == 2
    assert [turn["ending"] for turn in room.turns] == ["completed"] * 2
    assert room.turns[0]["written"] == "A \U0001f600 or a \ufffd, please."
    assert room.turns[1]["asked"] == "is it this one \ufffd here"
    assert "\ufffd here" in room.model.bodies[1]["messages"][-1]["content"]


async def test_of_a_long_talk_the_model_is_told_what_its_file_says(
    autojump_clock: object, tmp_path: Path
) -> None:
    replies = [[chunk({"content": f"Answer {k}."})] for k in range(6)]
    file = DESK.replace("[[tool]]", "[history]\nturns = 4\n[[tool]]", 1)
    async with talking(tmp_path, *replies, file=file) as room:
        room.chat.greet()
        await room.say(*(f"What about number {k} of them?" for k in range(6)))
    told = [[m["content"] for m in body["messages"]] for body in room.model.bodies]
    assert [len([text for text in request if "number" in text]) for request in told] == [1, 2, 3, 4, 4, 4]
    assert all(request[0].startswith("You take bookings.") for request in told)
    assert "3 exchanges" in told[-1][0], "the greeting and two questions"
    assert told[-1][1] == "What about number 2 of them?"


async def test_thanks_cost_nothing_at_a_fast_level(autojump_clock: object, tmp_path: Path) -> None:
    async with talking(tmp_path, []) as room:
        assert await room.say("Thank you!") == ["You are welcome."]
    assert room.model.bodies == []
    assert room.turns[0]["usage"] == []
    assert room.turns[0]["decisions"][0]["because"] == "thanks"


async def test_a_tool_is_an_order_to_a_service(autojump_clock: object, tmp_path: Path) -> None:
    replies = ([asks('{"people": 4}')], [chunk({"content": "It is by the window."})])
    async with talking(tmp_path, *replies) as room:
        assert await room.say("a table for four") == ["It is by the window."]
        assert room.desk.orders == [("/tables?house=1", "chat-1:a", {"people": 4})]
        assert "by the window" in room.model.bodies[1]["messages"][-1]["content"]
    assert [(tool["name"], tool["outcome"]) for tool in room.turns[0]["tools"]] == [("book", "done")]


async def test_wrong_arguments_never_reach_the_service(autojump_clock: object, tmp_path: Path) -> None:
    replies = ([asks('{"people": "four"}')], [chunk({"content": "For how many?"})])
    async with talking(tmp_path, *replies) as room:
        assert await room.say("a table") == ["For how many?"]
        assert "people must be integer" in room.model.bodies[1]["messages"][-1]["content"]
    assert room.desk.orders == []
    assert room.turns[0]["tools"][0]["outcome"] == "refused"
    (noted,) = room.noted("tool_refused")
    assert (noted["turn"], noted["tool"], noted["id"]) == (1, "book", "a")
    assert "people must be integer" in noted["problem"]
    assert room.noted("tool") == [], "it was not run"


async def test_a_tool_that_nobody_has_is_refused_and_noted(autojump_clock: object, tmp_path: Path) -> None:
    replies = ([asks("{}", name="fly")], [chunk({"content": "I cannot do that."})])
    async with talking(tmp_path, *replies) as room:
        assert await room.say("fly me there") == ["I cannot do that."]
    assert [entry["problem"] for entry in room.noted("tool_refused")] == ["there is no tool fly"]


async def test_a_service_that_fails_is_the_models_to_explain(autojump_clock: object, tmp_path: Path) -> None:
    replies = ([asks('{"people": 4}')], [chunk({"content": "I could not do it."})])
    async with talking(tmp_path, *replies, desk=Desk(status=500)) as room:
        assert await room.say("a table for four") == ["I could not do it."]
        assert "failed" in room.model.bodies[1]["messages"][-1]["content"]
    assert room.turns[0]["tools"][0]["outcome"] == "failed"


async def test_an_interruption_leaves_what_was_read_and_lets_a_shielded_tool_finish(
    autojump_clock: object, tmp_path: Path
) -> None:
    replies = (
        [chunk({"content": "One moment, please. "}), asks('{"people": 4}')],
        [chunk({"content": "Never."})],
    )
    async with talking(tmp_path, *replies, desk=Desk(takes_s=3)) as room:
        with trio.move_on_after(1) as scope:
            await room.say("a table for four")
        assert scope.cancelled_caught
        (turn,) = room.turns
        assert (turn["ending"], turn["heard"]) == ("user_barge_in", "One moment, please.")
        await trio.sleep(5)
        results = [message.text for message in room.chat.history.messages() if message.role == "tool"]
        assert "by the window" in results[0]


async def test_the_agent_hangs_up_when_its_good_bye_was_read(autojump_clock: object, tmp_path: Path) -> None:
    replies = ([asks("{}", "hang_up")], [chunk({"content": "Good-bye, then."})])
    async with talking(tmp_path, *replies) as room:
        await room.say("that is all for today, I have to go")
        with trio.fail_after(1):
            await room.chat.ended.wait()


async def test_a_declared_agent_leads_calls(autojump_clock: object, tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(
        DESK + '[providers]\nmodel = ["mind"]\nears = ["mind"]\nvoice = ["mouth"]'
    )
    openai = ProviderSettings(adapter="openai", key=Secret(KEY))
    declared = {"mind": openai, "mouth": ProviderSettings(adapter="formant")}
    sink, stream = MemorySink(), FakeStream()
    async with trio.open_nursery() as nursery:
        cast = Cast(Library(str(tmp_path)), lambda net: ProviderHouse(declared, net=net), FakeNet(nursery))
        agent = cast.agent("desk")
        assert agent is not None
        async with cast.open():
            nursery.start_soon(stream.run)
            leg = FakeLeg(stream, hangs_up_at=6.0)
            record = await run_call(leg, agent, CallServices(TrioClock(), SeededTokens(1), sink))
            await stream.aclose()
        nursery.cancel_scope.cancel()
    assert (record.agent, record.ending, record.error) == ("desk", "caller_hung_up", "")
    (greeting,) = sink.of(leg.info.id, "turn")
    assert (greeting["heard"], greeting["ending"], greeting["level"]) == ("Good day.", "completed", "speed")


async def test_what_an_agent_names_is_looked_up_before_the_first_call(
    autojump_clock: object, tmp_path: Path
) -> None:
    (tmp_path / "desk.toml").write_text(DESK)
    cast = Cast(Library(str(tmp_path)), house)
    assert cast.agent("desk") is not None
    with pytest.raises(ConfigError, match=r"declare \[providers.ears\]"):
        async with cast.open():
            pass
    assert cast.agent("nobody") is None
