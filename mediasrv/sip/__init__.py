"""SIP without I/O: messages, transactions, dialogs, and a user agent that is told the time.

Bytes go in with `receive`, come out of `datagrams_to_send`; what happened is told by `next_event`. The four
tables of RFC 3261 are in tables.py, the limits of what a peer may cost us in limits.py.
"""

from mediasrv.sip.agent import SipStatistics, UserAgent
from mediasrv.sip.auth.authenticator import Authenticator, Users
from mediasrv.sip.auth.bindings import Binding
from mediasrv.sip.auth.client import Account
from mediasrv.sip.auth.digest import Algorithm
from mediasrv.sip.auth.guard import Admission, Guard
from mediasrv.sip.auth.registrar import Registrar
from mediasrv.sip.auth.registration import Plan
from mediasrv.sip.errors import Malformed, WrongState
from mediasrv.sip.events import (
    Acknowledged,
    Answered,
    Cancelled,
    EndCause,
    Ended,
    IncomingCall,
    Progress,
    Registered,
    RegistrationEvent,
    RegistrationFailed,
    RegistrationId,
    Reinvite,
    ReinviteDone,
    Rejected,
    SipCallId,
    SipEvent,
    Unregistered,
)
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.message import Request, Response
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.limits import Address, Limits, Timers

__all__ = [
    "Account",
    "Acknowledged",
    "Address",
    "Admission",
    "Algorithm",
    "Answered",
    "Authenticator",
    "Binding",
    "Cancelled",
    "EndCause",
    "Ended",
    "Guard",
    "Headers",
    "IncomingCall",
    "Limits",
    "Malformed",
    "Plan",
    "Progress",
    "Registered",
    "Registrar",
    "RegistrationEvent",
    "RegistrationFailed",
    "RegistrationId",
    "Reinvite",
    "ReinviteDone",
    "Rejected",
    "Request",
    "Response",
    "SipCallId",
    "SipEvent",
    "SipStatistics",
    "Timers",
    "Unregistered",
    "Uri",
    "UserAgent",
    "Users",
    "WrongState",
]
