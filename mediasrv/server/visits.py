"""Calls that come into another one: a supervisor's, and one that takes a party's place (RFC 3891).

Neither is let in for its own sake. A supervisor must be named by a setting, and whoever is not learns nothing: to him
the feature is a number that nobody has. Who replaces a party must come over the same trunk as the one who leaves,
because only that trunk's accounts can say that they belong together.

Streams hear each other within one group of the engine only, so a visitor's stands in the group of the call it visits.
For the same reason calls of one party are put into one group, a few at a time: a telephone that consults somebody on a
second call may then have the two joined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from mediasrv.call import Agent, Call, LiveCalls
from mediasrv.call.bridge import PEOPLE, Seat, SupervisorAgent
from mediasrv.call.services import MediaNeeds
from mediasrv.config import Settings
from mediasrv.endpoints import SipCall
from mediasrv.legs import CallInfo
from mediasrv.legs.sip import SipLeg
from mediasrv.server.admission import NOT_THEIRS, REPLACED_IS_GONE, UNKNOWN_NUMBER, Refusal

CALLS_OF_A_PARTY = 4  # that share a group; more would crowd one slot of one thread


@dataclass(frozen=True, slots=True)
class Visit:
    """The call that is visited; `seat`: the place that is taken, None for who only listens in."""

    visited: Call
    agent: Agent
    needs: MediaNeeds
    seat: Seat | None = None


def replacement(
    call: SipCall, info: CallInfo, live: LiveCalls, agent_named: Callable[[str], Agent]
) -> Visit | Refusal:
    """Of the seat whose call the INVITE names."""
    for visited in live:
        for seat in visited.floor.seats():
            if isinstance(seat.leg, SipLeg) and seat.leg.sip_call == call.replaces:
                if seat.leg.info.trunk != info.trunk:
                    return NOT_THEIRS
                agent = agent_named(visited.record.agent)
                needs = replace(agent.needs, bridge=True) if seat is visited.floor.caller else PEOPLE
                return Visit(visited, agent, needs, seat)
    return REPLACED_IS_GONE


def supervision(info: CallInfo, settings: Settings, live: LiveCalls) -> Visit | Refusal | None:
    """None: the number has nothing to do with it."""
    if not settings.supervision.is_asked(info.trunk, info.caller, info.called):
        return None
    wanted = info.called.removeprefix(settings.supervision.code)
    watched = _meant(wanted, live)
    if watched is None:
        return UNKNOWN_NUMBER
    return Visit(watched, SupervisorAgent(watched.info.id), PEOPLE)


def _meant(wanted: str, live: Iterable[Call]) -> Call | None:
    """By its name, or the oldest in which somebody has that number."""
    led = [call for call in live if call.record.agent != SupervisorAgent.name]
    for call in led:
        if wanted in (call.info.id, call.info.caller, call.info.called):
            return call
    return None
