"""A conversation in writing: the same persona, stages, history, tools and records as on the telephone, without a sound.

A line counts as heard when whoever consumes the reply has come back for the next one: it was on the screen by then.
Cancelling the consumer is the interruption, and does what it does in a call: the stages end, the history keeps what was
read, tools do as they declared.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import trio

from mediasrv.call.dialogue import Persona
from mediasrv.call.record import TurnEnding, TurnRecord, turn_id
from mediasrv.call.settings import CallSettings
from mediasrv.call.tool_host import ToolHost, ToolOwner
from mediasrv.clock import Clock
from mediasrv.conversation.history import History
from mediasrv.conversation.pipeline import Exchange, lines
from mediasrv.conversation.surrogates import mended
from mediasrv.conversation.tools import Tool, ToolResult
from mediasrv.ids import CallId
from mediasrv.providers.protocols import LanguageModel, ProviderError, ToolCall
from mediasrv.telemetry import Timeline


@dataclass(slots=True)
class _Reading:
    """One turn: what of it is on the screen."""

    record: TurnRecord
    exchange: Exchange
    read: list[str] = field(default_factory=list)
    why: TurnEnding = TurnEnding.USER_BARGE_IN  # whatever has not ended otherwise was interrupted


class Chat:
    """`nursery`: the chat's own; a shielded tool may live in it a while longer than its turn."""

    def __init__(
        self,
        name: CallId,
        persona: Persona,
        llm: LanguageModel,
        tools: Callable[[Callable[[], None]], Sequence[Tool]],
        *,
        clock: Clock,
        timeline: Timeline,
        nursery: trio.Nursery,
        settings: CallSettings | None = None,
    ) -> None:
        self._name, self._persona, self._clock, self._timeline = name, persona, clock, timeline
        self._settings = settings or CallSettings()
        self._nursery = nursery
        self.history = History(persona.system, persona.window)
        self.ended = trio.Event()  # the agent has taken leave
        owner = ToolOwner(name, clock.now_ns, timeline.note, self._start_soon)
        self._host = ToolHost(owner, tools(self.ended.set), self.history)
        self._mind = persona.mind(llm, self.history, self._host, self._settings)
        self._turns = 0

    def greet(self) -> list[str]:
        """What the agent says first."""
        opening = [passage.text for passage in self._persona.opening()]
        if opening:
            self._turns += 1
            self.history.open(self._turns, "")
            self.history.settle(self._turns, " ".join(opening), interrupted=False)
        return opening

    async def reply(self, asked: str) -> AsyncGenerator[str, None]:
        """A line at a time. Close it with `aclosing`."""
        asked = mended(asked)  # a terminal gives bytes that are no letter as halves of one
        reading = self._begin(asked)
        try:
            async with aclosing(lines(reading.exchange, asked)) as reply:
                async for line in reply:
                    reading.read.append(line)
                    yield line
            reading.why = TurnEnding.COMPLETED
        except ProviderError as error:
            reading.why, reading.record.error = TurnEnding.ERROR, str(error)
            reading.read.append(self._settings.failures.apology)
            yield self._settings.failures.apology
        finally:
            self._settle(reading)

    def _begin(self, asked: str) -> _Reading:
        self._turns += 1
        turn = self._turns
        began_ms, level = self._timeline.ms(), self._persona.level.name
        record = TurnRecord(turn_id(self._name, turn), turn, "reply", asked, began_ms, level=level)
        self._timeline.note("turn_started", turn=turn, kind="reply", asked=asked)
        self.history.open(turn, asked)

        async def invoke(call: ToolCall) -> ToolResult:
            return await self._host.invoke(turn, call, record.tools)

        now_ns = self._clock.now_ns
        exchange = Exchange(
            turn, self._mind, invoke, now_ns, self._timeline.note, now_ns(), may_be_silent=record.will_act
        )
        exchange.promote()
        return _Reading(record, exchange)

    def _settle(self, reading: _Reading) -> None:
        record, exchange = reading.record, reading.exchange
        record.ending, record.said = reading.why.value, " ".join(reading.read)
        record.heard, record.interrupted = record.said, reading.why is TurnEnding.USER_BARGE_IN
        record.ended_ms = exchange.ms()
        record.write_down(exchange, exchange.bill)
        self.history.settle(exchange.turn, record.heard, interrupted=record.interrupted)
        whole = reading.why is TurnEnding.COMPLETED
        (self._host.heard if whole else self._host.unheard)(exchange.turn)
        self._timeline.note("turn_ended", turn=exchange.turn, ending=record.ending, heard=record.heard)
        self._timeline.record("turn", record.as_json())

    def _start_soon(self, task: Callable[..., Awaitable[object]], *arguments: object) -> None:
        self._nursery.start_soon(task, *arguments)
