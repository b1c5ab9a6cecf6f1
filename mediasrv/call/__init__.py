"""One call: a nursery that owns it, an agent that leads it, and the pure table that says whose turn it is.

`run_call` is the whole of a call for the server. The turn table (`turn_taking`) decides, the dialogue carries its
decisions out, a turn owns everything that must vanish when the caller interrupts, and records say what happened.
"""

from mediasrv.call.agents import AgentSettings, build_agent
from mediasrv.call.call import Call, run_call
from mediasrv.call.record import CallRecord, TurnEnding, TurnRecord
from mediasrv.call.services import Agent, CallServices, LiveCalls, MediaNeeds, Rehearses
from mediasrv.call.settings import CallSettings, Failures, Interruptibility, Masking, Patience, Speculation

__all__ = [
    "Agent",
    "AgentSettings",
    "Call",
    "CallRecord",
    "CallServices",
    "CallSettings",
    "Failures",
    "Interruptibility",
    "LiveCalls",
    "Masking",
    "MediaNeeds",
    "Patience",
    "Rehearses",
    "Speculation",
    "TurnEnding",
    "TurnRecord",
    "build_agent",
    "run_call",
]
