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
from mediasrv.sip.core import USUAL_HOPS
from mediasrv.sip.errors import Malformed, WrongState
from mediasrv.sip.events import (
    Acknowledged,
    Answered,
    Cancelled,
    EndCause,
    Ended,
    IncomingCall,
    KeyPressed,
    KeySent,
    ProbeDone,
    ProbeId,
    Progress,
    ProgressConfirmed,
    Redirected,
    ReferProgress,
    ReferralId,
    Referred,
    Refreshed,
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
    UpdateDone,
    UpdateOffered,
)
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.identity import (
    Party,
    UserToUser,
    first_diverted_from,
    first_in_history,
    identity_lines,
    user_to_user_line,
)
from mediasrv.sip.grammar.keys import FLASH, Key
from mediasrv.sip.grammar.message import Request, Response
from mediasrv.sip.grammar.reasons import Q850_OF_STATUS, Reason
from mediasrv.sip.grammar.replaces import Replaces
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.hop import Address, Hop
from mediasrv.sip.limits import Limits, Timers

__all__ = [
    "FLASH",
    "Q850_OF_STATUS",
    "USUAL_HOPS",
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
    "Hop",
    "IncomingCall",
    "Key",
    "KeyPressed",
    "KeySent",
    "Limits",
    "Malformed",
    "Party",
    "Plan",
    "ProbeDone",
    "ProbeId",
    "Progress",
    "ProgressConfirmed",
    "Reason",
    "Redirected",
    "ReferProgress",
    "ReferralId",
    "Referred",
    "Refreshed",
    "Registered",
    "Registrar",
    "RegistrationEvent",
    "RegistrationFailed",
    "RegistrationId",
    "Reinvite",
    "ReinviteDone",
    "Rejected",
    "Replaces",
    "Request",
    "Response",
    "SipCallId",
    "SipEvent",
    "SipStatistics",
    "Timers",
    "Unregistered",
    "UpdateDone",
    "UpdateOffered",
    "Uri",
    "UserAgent",
    "UserToUser",
    "Users",
    "WrongState",
    "first_diverted_from",
    "first_in_history",
    "identity_lines",
    "user_to_user_line",
]
