"""One call: its leg, its nursery, its timeline; and the one way to run it.

Everything a call starts lives in its nursery, so when `run_call` returns nothing of the call is left: no task, no
provider connection, no unfinished hold. The leg and its stream belong to whoever opened them.

The caller's seat may be taken by somebody else (`bridge`). Then whoever leads the call leads anew: what an agent has
started for one party ends with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import trio

from mediasrv.call.bridge.floor import Floor
from mediasrv.call.bridge.handover import attend_requests
from mediasrv.call.bridge.parties import Seat
from mediasrv.call.record import CallRecord
from mediasrv.call.secure import Secrecy, Secret
from mediasrv.call.services import Agent, CallServices, MediaNeeds, picks_up_itself
from mediasrv.call.settings import CallSettings
from mediasrv.call.speech.last_words import say_last_words
from mediasrv.clock import NS_PER_MS
from mediasrv.errors import MediasrvError, leaves
from mediasrv.legs import CallInfo, Ending, Leg, LegEnded
from mediasrv.media import Dtmf, MediaEvent, MediaFault, MediaTimeout, StreamFace
from mediasrv.providers.protocols import SpeechChunk
from mediasrv.telemetry import Timeline

Leader = Callable[["Call"], Awaitable[Ending]]
# What the agent ends, often with a word of good-bye.
SPOKEN_ENDINGS = {Ending.AGENT_HUNG_UP, Ending.SILENCE, Ending.MAX_LENGTH, Ending.BUDGET, Ending.FAULT}


@dataclass(slots=True, eq=False)
class Call:
    """What an agent holds in its hands while it leads."""

    info: CallInfo
    floor: Floor
    services: CallServices
    timeline: Timeline
    record: CallRecord
    nursery: trio.Nursery
    leader: Leader
    secrecy: Secrecy
    ending: Ending | None = None
    over: trio.Event = field(default_factory=trio.Event)
    apology: Callable[[], Sequence[SpeechChunk] | None] = lambda: (
        None
    )  # ready to be said after a fault of ours
    on_secret_key: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
    length_since: float = 0.0  # from here its length is counted, whoever comes or leads
    last_turn: int = 0  # its turns are counted through, whoever comes or leads
    _owes_apology: bool = False
    _led: set[trio.CancelScope] = field(default_factory=set)  # of the leader, and of all that it started

    @property
    def leg(self) -> Leg:
        """The caller's."""
        return self.floor.caller.leg

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
        """Runs `task` as long as the call and its party; its failure ends the call, and only the call."""
        scope = trio.CancelScope()
        self._led.add(scope)
        self.nursery.start_soon(self._led_by, scope, task, arguments)

    def start_for_all(self, task: Callable[..., Awaitable[object]], *arguments: object) -> None:
        """The same, whoever the party is, and whoever leads."""
        self.nursery.start_soon(self._guarded, task, arguments)

    async def _led_by(
        self, scope: trio.CancelScope, task: Callable[..., Awaitable[object]], arguments: tuple[object, ...]
    ) -> None:
        try:
            with scope:
                await self._guarded(task, arguments)
        finally:
            self._led.discard(scope)

    async def _guarded(self, task: Callable[..., Awaitable[object]], arguments: tuple[object, ...]) -> None:
        try:
            await task(*arguments)
        except* Exception as fault:
            self.fault(fault)

    def fault(self, group: BaseExceptionGroup[Exception]) -> None:
        errors = [self.secrecy.told(error) for error in leaves(group)]
        self.record.error = self.record.error or "; ".join(errors)
        self.timeline.note("fault", errors=errors)
        self._owes_apology = self.ending is None
        self.end(Ending.FAULT)

    @asynccontextmanager
    async def secure(self) -> AsyncIterator[Secret]:
        """Inside the block nothing the caller says or presses is heard, kept or written down by anybody else."""
        await trio.lowlevel.checkpoint()
        with self.secrecy.keep() as secret:
            yield secret

    async def next_event(self) -> MediaEvent:
        """What the stream tells next, secrets apart; a caller who is no longer there ends the call."""
        event = await self.floor.caller.next_event()
        while isinstance(event, Dtmf) and self.secrecy.took_key(event.digit, event.at_ns):
            await self.on_secret_key()
            event = await self.floor.caller.next_event()
        if isinstance(event, MediaTimeout) and not self.floor.caller.held:
            self.end(Ending.MEDIA_TIMEOUT)
        elif isinstance(event, MediaFault):
            self.record.error = f"the stream's socket failed: errno {event.errno}"
            self.end(Ending.FAULT)
        return event

    # ---- before the answer -------------------------------------------------------------------------------------

    async def ring(self) -> None:
        """Who called hears that it rings, unless he talks already."""
        if not self.record.answered:
            with suppress(LegEnded):  # `pick_up` will find that out
                await self.leg.ring()

    async def speak_early(self) -> bool:
        """Who called hears us from now on, answered or not; false: he cannot, and hears that it rings."""
        if self.record.answered:
            return True
        try:
            heard = await self.leg.speak_early()
        except LegEnded:  # `pick_up` will find that out
            return False
        if heard:
            self.timeline.note("heard_before_answer")
        return heard

    async def pick_up(self) -> bool:
        """Once is enough; false: the caller has gone, and the call is over."""
        if self.record.answered:
            return True
        try:
            await self.leg.answer()
        except LegEnded as gone:
            self.end(gone.why)
            return False
        self.record.answered = True
        self.timeline.note("answered")
        return True

    async def apologise(self) -> None:
        """After a fault of ours, if there is a voice left; the caller is not left with a click."""
        sound = self.apology() if self._owes_apology and self.record.answered else None
        if sound:
            self.timeline.note("apologising")
            said = await say_last_words(self.stream, sound, self.settings.farewell_s)
            self.timeline.note("apologised", whole=said)

    # ---- how long ----------------------------------------------------------------------------------------------

    def count_length(self) -> None:
        """From the first ring on, and again from the answer: never anew after that.

        An agent says good-bye by itself when the time is up; who does not is ended a little later.
        """
        self.length_since = self.now()
        longest_s = self.settings.max_length_s + self.settings.farewell_s
        self.nursery.cancel_scope.deadline = trio.current_time() + longest_s

    @property
    def left_s(self) -> float:
        """Of the time that the call may take."""
        return max(0.0, self.length_since + self.settings.max_length_s - self.now())

    # ---- who leads ---------------------------------------------------------------------------------------------

    def lead_anew(self, leader: Leader | None = None) -> None:
        """Another party has come, or another leader: what was begun for the one before is over."""
        self.leader = leader or self.leader
        for scope in list(self._led):
            scope.cancel()

    async def be_led(self) -> Ending:
        """By whoever leads, one after the other; the last one's word is the call's end."""
        self.count_length()
        while True:
            with trio.CancelScope() as scope:
                self._led.add(scope)
                try:
                    return await self.leader(self)
                finally:
                    self._led.discard(scope)


async def run_call(
    leg: Leg,
    agent: Agent,
    services: CallServices,
    timeline: Timeline | None = None,
    ended: Callable[[CallRecord], None] = lambda record: None,
    attend: Callable[[], Awaitable[None]] | None = None,
) -> CallRecord:
    """Answers, lets the agent lead, hangs up; a fault of this call ends this call, and is in its record.

    `timeline`: that was begun before there was a leg. `ended`: hears of the end even when that came from outside.
    `attend`: what the leg needs to have running as long as the call, unless whoever opened it sees to that.

    Cancelled from outside (the server drains) it still says good-bye and writes its record.
    """
    clock, info = services.clock, leg.info
    began_ns = clock.now_ns()
    timeline = timeline or Timeline(services.sink, clock, info.id, info.tenant)
    record = CallRecord(
        id=info.id, tenant=info.tenant, agent=agent.name, caller=info.caller, called=info.called,
        trunk=info.trunk, began=clock.wall().isoformat(), direction=info.direction,
        attestation=info.attestation,
    )  # fmt: skip
    timeline.note(
        "call_began", at_ns=timeline.began_ns, monotonic_ns=timeline.began_ns,
        agent=agent.name, caller=info.caller, called=info.called, attestation=info.attestation,
    )  # fmt: skip
    try:
        async with trio.open_nursery() as nursery:
            secrecy = Secrecy(clock, timeline, record.secure)
            call = Call(info, Floor(Seat(leg)), services, timeline, record, nursery, agent.lead, secrecy)
            call.count_length()
            if attend is not None:
                call.start_for_all(attend)
            with services.live.knows(call):
                later = info.direction == "in" and picks_up_itself(agent)
                await _live(call, replace(agent.needs, bridge=True), pick_up=not later)
    finally:
        record.duration_ms = round((clock.now_ns() - began_ns) / NS_PER_MS, 3)
        timeline.note("call_ended", why=record.ending)
        timeline.record("call", record.as_json())
        ended(record)
    return record


async def _live(call: Call, needs: MediaNeeds, *, pick_up: bool) -> None:
    """From the first ring to the good-bye; shielded tools may still be finishing behind it."""
    call.start_for_all(_watch, call)
    call.start_for_all(attend_requests, call, call.floor.caller, needs)
    try:
        if not pick_up or await _answer(call):
            call.end(await call.be_led())
    except* Exception as fault:
        call.fault(fault)
    finally:
        # when nobody here has ended the call, its time is up, or somebody outside has
        is_time_up = trio.current_time() >= call.nursery.cancel_scope.deadline
        call.end(Ending.MAX_LENGTH if is_time_up else Ending.DRAIN)
        await call.apologise()
        await _let_last_words_arrive(call)
        await _hang_up(call)


async def _answer(call: Call) -> bool:
    """At once, or after having rung for a while."""
    if call.settings.answer_after_s and call.info.direction == "in":
        await call.ring()
        await trio.sleep(call.settings.answer_after_s)
    return await call.pick_up()


async def _watch(call: Call) -> None:
    call.end(await call.floor.caller.wait_empty())


async def _let_last_words_arrive(call: Call) -> None:
    """What was sent last still lies in the other side's jitter buffer, which a BYE empties unheard."""
    if call.record.answered and call.ending in SPOKEN_ENDINGS:
        with trio.CancelScope(shield=True):
            await trio.sleep(call.settings.last_words_arrive_s)


async def _hang_up(call: Call) -> None:
    """Says good-bye in the leg's protocol; what goes wrong there cannot keep the call from ending."""
    why, within_s, record = call.ending or Ending.FAULT, call.settings.hang_up_s, call.record
    record.ending = why.value
    try:
        record.media = call.stream.statistics().as_dict()
    except MediasrvError:
        record.media = {}
    with trio.move_on_after(within_s, shield=True) as bound:
        try:
            await call.leg.hang_up(why)
        except Exception as error:
            record.error = record.error or f"hang-up: {type(error).__name__}: {error}"
    if bound.cancelled_caught:
        record.error = record.error or f"hang-up took over {within_s:g} s"
