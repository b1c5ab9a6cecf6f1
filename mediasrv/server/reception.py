"""What becomes of one INVITE: refused with the status that says why, or a call with everything it needs.

Whatever goes wrong in a call is that call's own misfortune. `receive` is the barrier: it lets nothing out but
cancellation, and it leaves nothing behind: no stream, no port, no reservation, no dialog.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import trio

from mediasrv.call import Agent, Call, CallServices, MediaNeeds, run_call
from mediasrv.call.bridge import Seat, take_over
from mediasrv.config import Settings, TrunkSettings
from mediasrv.endpoints import SipCall
from mediasrv.errors import AtCapacity
from mediasrv.ids import DEFAULT_TENANT, CallId
from mediasrv.legs import CallInfo, LegEnded
from mediasrv.legs.security import MediaSecurity
from mediasrv.legs.sip import LegMedia, OfferUnacceptable, SipLeg
from mediasrv.media import EngineFace, StreamFace
from mediasrv.server import wiring
from mediasrv.server.admission import (
    DRAINING,
    FAULT,
    UNKNOWN_NUMBER,
    Admission,
    Refusal,
    admit,
    at_capacity,
    unacceptable,
)
from mediasrv.server.tracing import Trace, Tracing
from mediasrv.server.trunk_gates import TrunkGates
from mediasrv.server.visits import CALLS_OF_A_PARTY, Visit, replacement, supervision
from mediasrv.server.vouching import Vouching
from mediasrv.telemetry import Counters, Timeline, concerning

SESSION_ID_BITS = 62  # RFC 8866 section 5.2: a number that others can read into 64 bits
# What a trunk says of a call beside X- headers: RFC 3325, 5806, 7044, 7433. Strangers do not come this far.
TOLD = frozenset({"p-asserted-identity", "diversion", "history-info", "user-to-user"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call that has its leg."""

    info: CallInfo
    agent: str
    began: float  # trio's time
    stream: StreamFace
    group: int = 0  # of the engine's streams


@dataclass(frozen=True, slots=True)
class House:
    """What all calls share."""

    settings: Settings
    engine: EngineFace
    agents: Mapping[str, Agent]
    services: CallServices
    counters: Counters
    told_to: Callable[[str], str]  # where a peer is told to send its sound
    security: MediaSecurity
    tracing: Tracing
    vouching: Vouching | None = None  # without it nobody's signature is looked at


class Reception:
    """Takes calls from the endpoint, and knows which are live."""

    def __init__(self, house: House, *, draining: bool = False) -> None:
        self._house = house
        self._gates = TrunkGates(house.settings.trunks)
        self.draining = draining
        self._live: dict[CallId, SipCall] = {}
        self._with_leg: dict[CallId, LiveCall] = {}
        self._left = trio.Event()
        self._groups = 0

    @property
    def live_calls(self) -> int:
        return len(self._live)

    def calls(self) -> Sequence[LiveCall]:
        """Those that have sound, oldest first."""
        return tuple(self._with_leg.values())

    async def wait_empty(self) -> None:
        while self._live:
            self._left = trio.Event()
            await self._left.wait()

    async def receive(self, call: SipCall) -> None:
        """The whole life of one incoming call."""
        call_id = CallId(self._house.services.tokens.token())
        with concerning(call=call_id, tenant=DEFAULT_TENANT):
            self._live[call_id] = call
            try:
                await self._serve(call, self._house.tracing.begin(call_id, DEFAULT_TENANT, call))
            except* Exception as fault:
                self._give_up(call_id, fault)
            finally:
                await self._take_leave(call)
                del self._live[call_id]
                self._with_leg.pop(call_id, None)
                self._left.set()

    async def _serve(self, call: SipCall, trace: Trace) -> None:
        settings = self._house.settings
        number = called_number(call)
        visits = call.replaces is not None or number.startswith(settings.supervision.code)
        decision = admit(call.remote[0], number, settings, draining=self.draining, visits=visits)
        if isinstance(decision, Admission):
            refusal = self._gates.why_not(decision.trunk, self._house.services.clock.now())
            if refusal is None:
                with self._gates.inside(decision.trunk):
                    await self._take(call, trace, decision)
                return
            decision = refusal
        await self._refuse(call, decision)

    async def _take(self, call: SipCall, trace: Trace, decision: Admission) -> None:
        """Reserves what the call needs before it accepts it."""
        trunk = self._house.settings.trunks[decision.trunk]
        info = describe(call, trace.call, decision, trunk, await self._attestation(call))
        visit = self._visit(call, info) or (None if decision.agent else UNKNOWN_NUMBER)
        if isinstance(visit, Refusal):
            await self._refuse(call, visit)
            return
        agent = visit.agent if visit else self._house.agents[decision.agent]
        needs = visit.needs if visit else agent.needs
        try:
            leg, group = await self._lodge(call, info, needs, visit)
            leg.may_refer = trunk.transfer == "refer"
        except AtCapacity as full:
            await self._refuse(call, at_capacity(full.retry_after_s))
        except OfferUnacceptable as error:
            await self._refuse(call, unacceptable(error.status))
            trace.messages(call)
            trace.refused(info, agent.name, str(error))
        else:
            trace.messages(call)
            trace.packets(leg.stream)
            began = trio.current_time()
            self._with_leg[info.id] = LiveCall(info, agent.name, began, leg.stream, group)
            if visit is not None and visit.seat is not None:
                await self._seat(leg, visit.visited, visit.seat)
            else:
                await self._run(leg, agent, trace)

    async def _attestation(self, call: SipCall) -> str:
        vouching = self._house.vouching
        if vouching is None or call.request is None:
            return ""
        return (await vouching.judge(call.request)).attestation

    def _visit(self, call: SipCall, info: CallInfo) -> Visit | Refusal | None:
        """None: a call of its own."""
        house = self._house
        if call.replaces is not None:
            return replacement(call, info, house.services.live, house.agents)
        return supervision(info, house.settings, house.services.live)

    async def _lodge(
        self, call: SipCall, info: CallInfo, needs: MediaNeeds, visit: Visit | None
    ) -> tuple[SipLeg, int]:
        """In the group of the call it visits, or of its party's others; or alone, where those have no more room."""
        group = self._with_leg[visit.visited.info.id].group if visit else self._group(info, needs)
        try:
            return await self._open_leg(call, info, needs, group), group
        except AtCapacity:
            if visit is not None or group == self._groups:
                raise
        group = self._new_group()
        return await self._open_leg(call, info, needs, group), group

    def _group(self, info: CallInfo, needs: MediaNeeds) -> int:
        """A new one, or that of the same party's calls, where people are joined."""
        same = [each.group for each in self._with_leg.values() if _party(each.info) == _party(info)]
        if needs.bridge and same and same.count(same[-1]) < CALLS_OF_A_PARTY:
            return same[-1]
        return self._new_group()

    def _new_group(self) -> int:
        self._groups += 1
        return self._groups

    async def _open_leg(self, call: SipCall, info: CallInfo, needs: MediaNeeds, group: int) -> SipLeg:
        house, media = self._house, self._house.settings.media
        wishes = LegMedia(
            host=house.told_to(call.remote[0]),
            aec=media.aec and needs.aec,
            ns=media.ns and needs.ns,
            vad=needs.vad,
            bridge=needs.bridge or bool(house.settings.supervision.trunks),
            media_timeout_ms=media.media_timeout_ms,
            codecs=tuple(
                codec for codec in media.codecs if codec in house.settings.trunks[info.trunk].codecs
            ),
            opus_complexity=media.opus_complexity,
            comfort_noise=media.comfort_noise,
            rtcp=media.rtcp,
            security=house.security,
        )
        session_id = house.services.tokens.number(SESSION_ID_BITS)
        return await SipLeg.open(
            call, info, house.engine, wiring.cost, wishes, group=group, session_id=session_id
        )

    async def _run(self, leg: SipLeg, agent: Agent, trace: Trace) -> None:
        self._house.counters.count("calls", "taken")
        try:
            async with trio.open_nursery() as beside:
                beside.start_soon(leg.attend)
                record = await run_call(leg, agent, self._house.services, trace.timeline)
                beside.cancel_scope.cancel()
        finally:
            await leg.aclose()
        self._house.counters.count("calls_ended", record.ending)
        _log.info("call ended", extra={"ending": record.ending, "duration_ms": record.duration_ms})

    async def _seat(self, leg: SipLeg, call: Call, seat: Seat) -> None:
        """In another's place in a call that goes on, whose record tells of it."""
        self._house.counters.count("calls", "seated")
        try:
            async with trio.open_nursery() as beside:
                beside.start_soon(leg.attend)
                with suppress(LegEnded):
                    await take_over(call, seat, leg)
                beside.cancel_scope.cancel()
        finally:
            await leg.aclose()

    async def _refuse(self, call: SipCall, refusal: Refusal) -> None:
        self._house.counters.count("calls_refused", refusal.why)
        _log.info(
            "call refused", extra={"why": refusal.why, "status": refusal.status, "remote": call.remote[0]}
        )
        await call.reject(refusal.status, headers=refusal.headers)

    def _give_up(self, call_id: CallId, fault: BaseException) -> None:
        """The call is over by our own fault, and its timeline says so."""
        house = self._house
        house.counters.count("calls_ended", "fault")
        _log.error("fault in a call", exc_info=fault)
        Timeline(house.services.sink, house.services.clock, call_id, DEFAULT_TENANT).note(
            "fault", error=repr(fault)
        )

    async def _take_leave(self, call: SipCall) -> None:
        """No dialog outlives its call: one that is still there was met by a fault, or by the end of the server."""
        if call.end is not None:
            return
        try:
            if call.answered:
                await call.bye("internal fault")
            else:
                await call.reject((DRAINING if self.draining else FAULT).status)
        except Exception:
            _log.exception("a call would not end")


def called_number(call: SipCall) -> str:
    return call.request.uri.user_text if call.request else ""


def describe(
    call: SipCall, call_id: CallId, admission: Admission, trunk: TrunkSettings, attestation: str = ""
) -> CallInfo:
    assert call.request is not None
    return CallInfo(
        id=call_id,
        caller=trunk.number(call.request.from_.uri.user_text),
        called=admission.called,
        trunk=admission.trunk,
        tenant=DEFAULT_TENANT,
        remote=f"{call.remote[0]}:{call.remote[1]}",
        headers={name: value for name, value in call.request.headers if is_told(name.lower())},
        attestation=attestation,
    )


def is_told(header: str) -> bool:
    """Whether it may matter to whoever takes the call."""
    return header.startswith("x-") or header in TOLD


def _party(info: CallInfo) -> tuple[str, str, str]:
    """Who is the same caller, as far as can be told: a number, a trunk, a host."""
    return info.trunk, info.caller, info.remote.rpartition(":")[0]
