"""What becomes of one INVITE: refused with the status that says why, or a call with everything it needs.

Whatever goes wrong in a call is that call's own misfortune. `receive` is the barrier: it lets nothing out but
cancellation, and it leaves nothing behind: no stream, no port, no reservation, no dialog.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import trio

from mediasrv.call import Agent, Call, CallRecord, MediaNeeds, run_call
from mediasrv.call.bridge import Seat, take_over
from mediasrv.config import USER_TARGET, TrunkSettings
from mediasrv.endpoints import CallGone, SipCall
from mediasrv.errors import AtCapacity
from mediasrv.ids import DEFAULT_TENANT, CallId
from mediasrv.legs import CallInfo, Ending, LegEnded
from mediasrv.legs.incoming import OfferUnacceptable, open_incoming
from mediasrv.legs.sip import SipLeg
from mediasrv.legs.transfers import target_uri
from mediasrv.replay.edges import note_leg
from mediasrv.replay.recorder import Recorder
from mediasrv.server.access.identity import called_number, caller_number
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
from mediasrv.server.house import House
from mediasrv.server.roster import LiveCall
from mediasrv.server.tracing import Trace
from mediasrv.server.visits import CALLS_OF_A_PARTY, Visit, replacement, supervision
from mediasrv.sip.grammar.reasons import TEMPORARY_FAILURE
from mediasrv.telemetry import concerning

# What a trunk says of a call beside X- headers: RFC 3325, 5806, 7044, 7433. Strangers do not come this far.
TOLD = frozenset({"p-asserted-identity", "diversion", "history-info", "user-to-user"})

_log = logging.getLogger(__name__)


class Reception:
    """Takes calls from the endpoint."""

    def __init__(self, house: House, *, draining: bool = False) -> None:
        self._house, self._roster = house, house.roster
        self.draining = draining

    async def receive(self, call: SipCall) -> None:
        """The whole life of one incoming call."""
        call_id = CallId(self._house.services.tokens.token())
        with concerning(call=call_id, tenant=DEFAULT_TENANT), self._roster.holds(call_id):
            trace = self._house.tracing.begin(call_id, DEFAULT_TENANT, call.traffic.began_ns)
            try:
                await self._serve(call, trace)
            except* Exception as fault:
                self._give_up(trace, fault)
            finally:
                await self._take_leave(call)

    async def _serve(self, call: SipCall, trace: Trace) -> None:
        settings, gates = self._house.settings, self._house.gates
        trunk = self._house.door.trunk_of(call.remote, call.username)
        number = called_number(call.request, settings.trunks[trunk]) if trunk and call.request else ""
        visits = call.replaces is not None or number.startswith(settings.supervision.code)
        decision = admit(
            trunk, number, settings,
            draining=self.draining, visits=visits, of_user=self._house.door.is_user(number),
        )  # fmt: skip
        if isinstance(decision, Admission):
            refusal = gates.why_not(decision.trunk, self._house.services.clock.now())
            if refusal is None:
                with gates.inside(decision.trunk), ExitStack() as kept:
                    await self._take(call, trace, decision, kept)
                return
            decision = refusal
        await self._refuse(call, decision)

    async def _take(self, call: SipCall, trace: Trace, decision: Admission, kept: ExitStack) -> None:
        """Reserves what the call needs before it accepts it; `kept` is given back when the call is over."""
        trunk = self._house.settings.trunks[decision.trunk]
        info = describe(call, trace.call, decision, trunk, await self._attestation(call))
        visit = self._visit(call, info) or (None if decision.agent else UNKNOWN_NUMBER)
        if isinstance(visit, Refusal):
            await self._refuse(call, visit)
            return
        agent = visit.agent if visit else self._house.agent(decision.agent)
        needs = visit.needs if visit else agent.needs
        seat = None if visit is None else visit.seat
        recorder = None if seat is not None else self._keep(trace, info, agent)
        try:
            kept.enter_context(self._house.recognition.kept(needs.recogniser_millicores))
            call.talk.ask_session(trunk.session_timer_s)
            leg = await self._lodge(call, info, needs, visit)
            leg.may_refer = trunk.transfer == "refer"
        except CallGone:  # its caller was quicker than we
            self._house.counters.count("calls_ended", Ending.CALLER_CANCELLED.value)
        except AtCapacity as full:
            await self._refuse(call, at_capacity(full.retry_after_s))
        except OfferUnacceptable as error:
            await self._refuse(call, unacceptable(error.status))
            trace.messages(call)
            trace.refused(info, agent.name, str(error))
        else:
            if (
                visit is not None and seat is not None
            ):  # one more leg of that call: its secrets are secret here
                trace = self._house.tracing.of(visit.visited.info.id) or trace
            trace.messages(call)
            leg.each_stream(trace.packets)
            self._roster.has_leg(LiveCall(info, agent.name, trio.current_time(), leg))
            if visit is not None and seat is not None:
                await self._seat(leg, visit.visited, seat)
            else:
                await self._run(leg, agent, trace, recorder)

    async def _attestation(self, call: SipCall) -> str:
        vouching = self._house.vouching
        if vouching is None or call.request is None:
            return ""
        return (await vouching.judge(call.request)).attestation

    def _visit(self, call: SipCall, info: CallInfo) -> Visit | Refusal | None:
        """None: a call of its own."""
        house = self._house
        if call.replaces is not None:
            return replacement(call, info, house.services.live, house.agent)
        return supervision(info, house.settings, house.services.live)

    async def _lodge(self, call: SipCall, info: CallInfo, needs: MediaNeeds, visit: Visit | None) -> SipLeg:
        """In the group of the call it visits, or of its party's others; or alone, where those have no more room."""
        group = self._roster.group_of(visit.visited.info.id) if visit else self._group(info, needs)
        try:
            return await self._open_leg(call, info, needs, group)
        except AtCapacity:
            if visit is not None or group == self._roster.newest_group:
                raise
        return await self._open_leg(call, info, needs, self._roster.new_group())

    def _group(self, info: CallInfo, needs: MediaNeeds) -> int:
        """A new one, or that of the same party's calls, where people are joined."""
        if not needs.bridge:
            return self._roster.new_group()
        party = _party(info)
        same = [each.group for each in self._roster.calls() if _party(each.info) == party]
        same += [leg.stream.group for leg in self._dialled() if self._is_with(leg, info)]
        if same and same.count(same[-1]) < CALLS_OF_A_PARTY:
            return same[-1]
        return self._roster.new_group()

    def _dialled(self) -> Iterator[SipLeg]:
        """Those whom somebody's call has rung."""
        for call in self._house.services.live:
            for seat in call.floor.seats():
                if isinstance(seat.leg, SipLeg) and seat.leg.info.direction == "out":
                    yield seat.leg

    def _is_with(self, leg: SipLeg, info: CallInfo) -> bool:
        """Whether he who calls is the one that we have rung there: he may want to consult somebody."""
        if leg.host != _host(info):
            return False
        rung = target_uri(leg.info.called.removeprefix(USER_TARGET), leg.host).user_text
        return self._house.settings.trunks[info.trunk].number(rung) == info.caller

    async def _open_leg(self, call: SipCall, info: CallInfo, needs: MediaNeeds, group: int) -> SipLeg:
        house = self._house
        trunk = house.settings.trunks[info.trunk]
        media = house.leg_media(trunk, needs, call.remote[0])
        return await open_incoming(call, info, house.place(group), media, house.session_id())

    def _keep(self, trace: Trace, info: CallInfo, agent: Agent) -> Recorder | None:
        """From here on what enters the call is written down, if calls are kept."""
        house = self._house
        if house.keeping is None:
            return None
        return house.keeping.begin(info, agent, house.settings, trace.timeline, house.services.sink)

    async def _run(self, leg: SipLeg, agent: Agent, trace: Trace, recorder: Recorder | None) -> None:
        self._house.counters.count("calls", "taken")
        try:
            services = self._house.services
            if recorder is None:
                await run_call(leg, agent, services, trace.timeline, self._note_end, leg.attend)
                return
            note_leg(leg)
            async with trio.open_nursery() as beside:  # signalling is no part of what is run again
                beside.start_soon(leg.attend)
                recorder.leads()
                await run_call(leg, agent, services, trace.timeline, self._note_end)
                beside.cancel_scope.cancel()
        finally:
            await leg.aclose()
            if recorder is not None:
                recorder.end()

    def _note_end(self, record: CallRecord) -> None:
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

    def _give_up(self, trace: Trace, fault: BaseException) -> None:
        """The call is over by our own fault, and its timeline says so."""
        self._house.counters.count("calls_ended", "fault")
        _log.error("fault in a call", exc_info=fault)
        trace.timeline.note("fault", error=repr(fault))

    async def _take_leave(self, call: SipCall) -> None:
        """No dialog outlives its call: one that is still there was met by a fault, or by the end of the server."""
        if call.end is not None:
            return
        try:
            if call.answered:
                await call.bye("internal fault", q850=TEMPORARY_FAILURE)
            else:
                await call.reject((DRAINING if self.draining else FAULT).status)
        except Exception:
            _log.exception("a call would not end")


def describe(
    call: SipCall, call_id: CallId, admission: Admission, trunk: TrunkSettings, attestation: str = ""
) -> CallInfo:
    assert call.request is not None
    return CallInfo(
        id=call_id,
        caller=caller_number(call.request, trunk, name=admission.trunk, username=call.username),
        called=admission.called,
        trunk=admission.trunk,
        tenant=DEFAULT_TENANT,
        remote=f"{call.remote[0]}:{call.remote[1]}",
        headers={name: value for name, value in call.request.headers if is_told(name.lower())},
        hops_left=call.party.hops_left,
        attestation=attestation,
    )


def is_told(header: str) -> bool:
    """Whether it may matter to whoever takes the call."""
    return header.startswith("x-") or header in TOLD


def _party(info: CallInfo) -> tuple[str, str, str]:
    """Who is the same caller, as far as can be told: a number, a trunk, a host."""
    return info.trunk, info.caller, _host(info)


def _host(info: CallInfo) -> str:
    return info.remote.rpartition(":")[0]
