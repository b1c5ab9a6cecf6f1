"""Calls that the operator has made: dialled, and led by an agent like any other when somebody picks up.

Everything that is written down of such a call is also told to whoever asked for it, line by line as it happens. The
last line is the call's record, whatever became of it: also of a call that was never sent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import trio

from mediasrv.call import Agent, run_call
from mediasrv.errors import AtCapacity
from mediasrv.ids import DEFAULT_TENANT, CallId
from mediasrv.legs import CallInfo, CannotDial, Leg
from mediasrv.server.house import House
from mediasrv.server.outgoing.dialler import Dialler
from mediasrv.server.outgoing.journey import Telling
from mediasrv.server.roster import LiveCall
from mediasrv.server.tracing import Trace
from mediasrv.telemetry import RecordSink, concerning
from mediasrv.telemetry.timeline import Kind

Follow = Callable[[Kind, Mapping[str, object]], None]
"""Is told each line of a call's timeline, and its record; must not wait."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """`beside`: a leg whose streams this call's are to stand with."""

    target: str
    agent: Agent
    trunk: str
    beside: Leg | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # that who is called is told, too


@dataclass(frozen=True, slots=True)
class Followed:
    """A sink, and one who reads along."""

    sink: RecordSink
    follow: Follow

    def write(self, call: CallId, kind: Kind, record: Mapping[str, object]) -> None:
        self.sink.write(call, kind, record)
        self.follow(kind, record)


class Departures:
    def __init__(self, house: House, dialler: Dialler) -> None:
        self._house, self._dialler = house, dialler

    def name(self) -> CallId:
        return CallId(self._house.services.tokens.token())

    async def run(self, call_id: CallId, wish: Wish, follow: Follow) -> None:
        """The whole life of one call, which lets nothing out but cancellation, and leaves nothing behind."""
        house = self._house
        trunk = house.settings.trunks[wish.trunk]
        info = CallInfo(
            call_id, trunk.caller_id, wish.target, wish.trunk, headers=wish.headers, direction="out"
        )
        sink = Followed(house.services.sink, follow)
        trace = house.tracing.begin(call_id, DEFAULT_TENANT, sink=sink)
        with concerning(call=call_id, tenant=DEFAULT_TENANT), house.roster.holds(call_id):
            try:
                with house.recognition.kept(wish.agent.needs.recogniser_millicores):
                    await self._dial(info, wish, trace, sink)
            except* (CannotDial, AtCapacity) as refused:
                problem = "; ".join(map(str, refused.exceptions))
                house.counters.count("calls_refused", "not_dialled")
                _log.info("call not dialled", extra={"why": problem})
                trace.refused(info, wish.agent.name, problem)
            except* Exception as fault:
                house.counters.count("calls_ended", "fault")
                _log.error("fault in a call", exc_info=fault)
                trace.timeline.note("fault", error=repr(fault))
                trace.refused(info, wish.agent.name, "internal fault")

    async def _dial(self, info: CallInfo, wish: Wish, trace: Trace, sink: RecordSink) -> None:
        house, agent = self._house, wish.agent

        def note(event: str, fields: dict[str, Any]) -> None:
            trace.timeline.note(event, **fields)

        async with self._dialler.open(info, agent.needs, Telling(note, trace.messages), wish.beside) as leg:
            leg.each_stream(trace.packets)
            house.roster.has_leg(LiveCall(info, agent.name, trio.current_time(), leg))
            house.counters.count("calls", "dialled")
            record = await run_call(leg, agent, replace(house.services, sink=sink), trace.timeline)
        house.counters.count("calls_ended", record.ending)
        _log.info("call ended", extra={"ending": record.ending, "duration_ms": record.duration_ms})
