"""One call: its leg, its nursery, its timeline; and the one way to run it.

Everything a call starts lives in its nursery, so when `run_call` returns nothing of the call is left: no task, no
provider connection, no unfinished hold. The leg and its stream belong to whoever opened them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from mediasrv.call.record import CallRecord
from mediasrv.call.services import Agent, CallServices
from mediasrv.call.settings import CallSettings
from mediasrv.clock import NS_PER_MS
from mediasrv.errors import MediasrvError
from mediasrv.legs import CallInfo, Ending, Leg, LegEnded
from mediasrv.media import MediaEvent, MediaFault, MediaTimeout, StreamFace
from mediasrv.telemetry import Timeline


@dataclass(slots=True, eq=False)
class Call:
    """What an agent holds in its hands while it leads."""

    leg: Leg
    services: CallServices
    timeline: Timeline
    record: CallRecord
    nursery: trio.Nursery
    ending: Ending | None = None

    @property
    def info(self) -> CallInfo:
        return self.leg.info

    @property
    def stream(self) -> StreamFace:
        return self.leg.stream

    @property
    def settings(self) -> CallSettings:
        return self.services.settings

    def now(self) -> float:
        return self.services.clock.now()

    def end(self, why: Ending) -> None:
        """Ends the call; the first reason given is the one that stays."""
        if self.ending is None:
            self.ending = why
        self.nursery.cancel_scope.cancel()

    def start_soon(self, task: Callable[..., Awaitable[object]], *arguments: object) -> None:
        """Runs `task` as long as the call; its failure ends the call, and only the call."""
        self.nursery.start_soon(self._guarded, task, arguments)

    async def _guarded(self, task: Callable[..., Awaitable[object]], arguments: tuple[object, ...]) -> None:
        try:
            await task(*arguments)
        except* Exception as fault:
            self.fault(fault)

    def fault(self, group: BaseExceptionGroup[Exception]) -> None:
        errors = [f"{type(error).__name__}: {error}" for error in leaves(group)]
        self.record.error = self.record.error or "; ".join(errors)
        self.timeline.note("fault", errors=errors)
        self.end(Ending.FAULT)

    async def next_event(self) -> MediaEvent:
        """What the stream tells next; a caller who is no longer there ends the call."""
        event = await self.stream.next_event()
        if isinstance(event, MediaTimeout):
            self.end(Ending.MEDIA_TIMEOUT)
        elif isinstance(event, MediaFault):
            self.record.error = f"the stream's socket failed: errno {event.errno}"
            self.end(Ending.FAULT)
        return event


async def run_call(
    leg: Leg,
    agent: Agent,
    services: CallServices,
    timeline: Timeline | None = None,
    ended: Callable[[CallRecord], None] = lambda record: None,
) -> CallRecord:
    """Answers, lets the agent lead, hangs up; a fault of this call ends this call, and is in its record.

    `timeline`: that was begun before there was a leg. `ended`: hears of the end even when that came from outside.

    Cancelled from outside (the server drains) it still says good-bye and writes its record.
    """
    clock, info = services.clock, leg.info
    began_ns = clock.now_ns()
    timeline = timeline or Timeline(services.sink, clock, info.id, info.tenant)
    record = CallRecord(
        id=info.id, tenant=info.tenant, agent=agent.name, caller=info.caller, called=info.called,
        trunk=info.trunk, began=clock.wall().isoformat(),
    )  # fmt: skip
    timeline.note(
        "call_began", at_ns=timeline.began_ns, monotonic_ns=timeline.began_ns,
        agent=agent.name, caller=info.caller, called=info.called,
    )  # fmt: skip
    try:
        async with trio.open_nursery() as nursery:
            await _live(Call(leg, services, timeline, record, nursery), agent)
    finally:
        record.duration_ms = round((clock.now_ns() - began_ns) / NS_PER_MS, 3)
        timeline.note("call_ended", why=record.ending)
        timeline.record("call", record.as_json())
        ended(record)
    return record


async def _live(call: Call, agent: Agent) -> None:
    """From the answer to the good-bye; shielded tools may still be finishing behind it."""
    call.start_soon(_watch, call)
    try:
        if await _answer(call):
            call.end(await agent.lead(call))
    except* Exception as fault:
        call.fault(fault)
    finally:
        # when nobody here has ended the call, somebody outside has
        call.end(Ending.DRAIN)
        await _hang_up(call)


async def _answer(call: Call) -> bool:
    try:
        await call.leg.answer()
    except LegEnded as gone:
        call.end(gone.why)
        return False
    call.record.answered = True
    call.timeline.note("answered")
    return True


async def _watch(call: Call) -> None:
    call.end(await call.leg.wait_ended())


async def _hang_up(call: Call) -> None:
    """Says good-bye in the leg's protocol; what goes wrong there cannot keep the call from ending."""
    why, within_s, record = call.ending or Ending.FAULT, call.settings.hang_up_s, call.record
    record.ending = why.value
    try:
        record.media = call.stream.statistics().as_dict()
    except MediasrvError:
        record.media = {}
    with trio.CancelScope(shield=True), trio.move_on_after(within_s) as bound:
        try:
            await call.leg.hang_up(why)
        except Exception as error:
            record.error = record.error or f"hang-up: {type(error).__name__}: {error}"
    if bound.cancelled_caught:
        record.error = record.error or f"hang-up took over {within_s:g} s"


def leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The errors themselves, without the groups that nurseries put around them."""
    found: list[BaseException] = []
    for error in group.exceptions:
        found.extend(leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found
