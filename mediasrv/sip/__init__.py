"""SIP without I/O: messages, transactions, dialogs, and a user agent that is told the time.

Bytes go in with `receive`, come out of `datagrams_to_send`; what happened is told by `next_event`. The four
tables of RFC 3261 are in tables.py, the limits of what a peer may cost us in limits.py.
"""

from mediasrv.sip.agent import SipStatistics, UserAgent
from mediasrv.sip.errors import Malformed, WrongState
from mediasrv.sip.events import (
    Acknowledged,
    Answered,
    Cancelled,
    EndCause,
    Ended,
    IncomingCall,
    Progress,
    Reinvite,
    ReinviteDone,
    Rejected,
    SipCallId,
    SipEvent,
)
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.message import Request, Response
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.limits import Address, Limits, Timers

__all__ = [
    "Acknowledged",
    "Address",
    "Answered",
    "Cancelled",
    "EndCause",
    "Ended",
    "Headers",
    "IncomingCall",
    "Limits",
    "Malformed",
    "Progress",
    "Reinvite",
    "ReinviteDone",
    "Rejected",
    "Request",
    "Response",
    "SipCallId",
    "SipEvent",
    "SipStatistics",
    "Timers",
    "Uri",
    "UserAgent",
    "WrongState",
]
