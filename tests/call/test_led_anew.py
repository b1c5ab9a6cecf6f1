"""One call, two parties one after the other: its turns are counted through, and each has orders of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace

import trio

from mediasrv.call import run_call
from mediasrv.call.dialogue import ConversationAgent, Persona
from mediasrv.cli.shown.talk import talk
from mediasrv.conversation.tools import OnCancel, Prepared, ToolResult, ToolSpec
from mediasrv.ids import CallId
from mediasrv.legs import CallInfo
from mediasrv.providers.protocols import LlmDelta, LlmRequest, TextDelta, ToolCall, ToolRequest
from mediasrv.providers.registry import Providers, scripted
from mediasrv.providers.script import parse_script
from tests.call.joining import Stage, pressed, stage
from tests.fakes.parties import FakeParty, FakeTransfer, Guest

CALL = CallId("call-1")
BOOK = ToolSpec("book", on_cancel=OnCancel.SHIELD)
ORDERS = 2  # that the model gives for one question, one after the other
VOICE = """
[ears]
otherwise = ""
"""


@dataclass
class Unnumbered:
    """A model that books whatever is asked, so many times, and gives its tool calls no ids."""

    name: str = "unnumbered"

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        await trio.sleep(0.1)
        asked = max(k for k, message in enumerate(request.messages) if message.role == "user")
        if sum(message.role == "tool" for message in request.messages[asked:]) < ORDERS:
            yield ToolRequest(ToolCall("", "book", {}))
        else:
            yield TextDelta("It is booked.")


@dataclass
class Booking:
    """A service that takes an order under a key, and the same key again for a repetition."""

    keys: list[str] = field(default_factory=list)
    spec: ToolSpec = BOOK

    async def prepare(self, call: ToolCall) -> Prepared:
        await trio.lowlevel.checkpoint()
        return Prepared(call)

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        await trio.sleep(0.2)
        self.keys.append(key)
        return ToolResult(prepared.call.id, "booked")


def an_agent(booking: Booking) -> ConversationAgent:
    script = parse_script(VOICE)

    def providers() -> Providers:
        return replace(scripted(script), llm=Unnumbered())

    persona = Persona("test", greeting="Good day.", voice=script.voice.name, speculates=False)
    return ConversationAgent(persona, providers, lambda end: [booking])


async def led_for_two(here: Stage, booking: Booking) -> Sequence[dict[str, object]]:
    """Anna orders and has Carol put in her place, who orders as well; the call's turns."""
    caller = Guest(
        answers_after_s=0.01, stays_s=None, wants=[(9.0, FakeTransfer("carol"))], events=pressed((4.0, "1"))
    )
    anna = FakeParty(caller, CallInfo(CALL, "100", "200", "local"))
    here.nursery.start_soon(anna.stream.run)
    await run_call(anna, an_agent(booking), here.services)
    await anna.stream.aclose()
    return [dict(turn) for turn in here.sink.of(CALL, "turn")]


async def test_the_turns_of_a_call_are_counted_through_whoever_has_come(autojump_clock: object) -> None:
    async with stage(carol=Guest(stays_s=10.0, events=pressed((5.0, "2")))) as here:
        turns = await led_for_two(here, Booking())
        assert [turn["kind"] for turn in turns] == ["greeting", "reply"] * 2
        assert [turn["number"] for turn in turns] == [1, 2, 3, 4]
        assert [turn["turn"] for turn in turns] == [f"{CALL}-{number}" for number in (1, 2, 3, 4)]
        started = [entry["turn"] for entry in here.noted("turn_started")]
        assert started == [1, 2, 3, 4]
        said = [
            float(line.split()[0])
            for line in talk(turns, here.sink.of(CALL, "timeline"))
            if " s  agent" in line
        ]
        assert len(said) == 4
        assert said == sorted(said), "the second party's turns are shown at the times of the first's"


async def test_every_order_has_its_own_key_whatever_the_model_calls_it(autojump_clock: object) -> None:
    booking = Booking()
    async with stage(carol=Guest(stays_s=10.0, events=pressed((5.0, "2")))) as here:
        turns = await led_for_two(here, booking)
    assert len(booking.keys) == 2 * ORDERS
    assert len(set(booking.keys)) == len(booking.keys), booking.keys
    replies = [str(turn["turn"]) for turn in turns if turn["kind"] == "reply"]
    assert [key.partition(":")[0] for key in booking.keys] == [
        turn for turn in replies for _ in range(ORDERS)
    ]
