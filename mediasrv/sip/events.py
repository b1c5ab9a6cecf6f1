"""What the user agent tells the rooms above: one small frozen fact an event, in the order things happened."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NewType

from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.limits import Address

SipCallId = NewType("SipCallId", int)
"""Names one call inside one UserAgent; never used twice. (Not the Call-ID header: forks share that one.)"""


RegistrationId = NewType("RegistrationId", int)
"""Names one registration of ours inside one UserAgent; never used twice."""


class EndCause(Enum):
    BYE = "bye"  # the other side hung up
    NO_ACK = "no_ack"  # we answered, nobody acknowledged within 64*T1; we have sent BYE
    TIMEOUT = "timeout"  # a request of ours was never answered
    TRANSPORT = "transport"  # the way to the other side is gone
    LOCAL = "local"  # we hung up


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A new INVITE; 100 has been sent. `request.body` is its offer; empty: the offer is to be ours."""

    call: SipCallId
    request: Request
    source: Address
    username: str = ""  # who it is, when he had to say so


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Our 2xx to the INVITE or a re-INVITE was acknowledged; `body` is the answer to a late offer."""

    call: SipCallId
    body: bytes


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller gave up before we answered. 487 has been sent; the call is over."""

    call: SipCallId


@dataclass(frozen=True, slots=True)
class Reinvite:
    """A re-INVITE waits for `respond`; an empty body asks us for the offer. The peer may still cancel
    it: then `respond` raises WrongState, and nothing has changed."""

    call: SipCallId
    body: bytes


@dataclass(frozen=True, slots=True)
class Progress:
    """A provisional response other than 100 to our INVITE."""

    call: SipCallId
    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """Our INVITE was accepted. The ACK is sent, unless we made no offer: then `acknowledge` is due."""

    call: SipCallId
    body: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    """Our INVITE was refused (or timed out: 408); the call is over."""

    call: SipCallId
    status: int
    reason: str
    headers: Headers


@dataclass(frozen=True, slots=True)
class ReinviteDone:
    """Our own re-INVITE got its final response; the call goes on as it was when that is not a 2xx."""

    call: SipCallId
    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """An established call is over."""

    call: SipCallId
    cause: EndCause
    reason_text: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """The trunk has taken our registration, or its refreshment; calls can come for `expires_s`."""

    registration: RegistrationId
    expires_s: int


@dataclass(frozen=True, slots=True)
class RegistrationFailed:
    """No address of the trunk took it; it is tried again by itself. `bound`: an earlier one is still good."""

    registration: RegistrationId
    status: int
    reason: str
    retry_in_s: float
    bound: bool


@dataclass(frozen=True, slots=True)
class Unregistered:
    """We have left, or tried to; the registration is over."""

    registration: RegistrationId


CallEvent = (
    IncomingCall | Acknowledged | Cancelled | Reinvite
    | Progress | Answered | Rejected | ReinviteDone | Ended
)  # fmt: skip
RegistrationEvent = Registered | RegistrationFailed | Unregistered
SipEvent = CallEvent | RegistrationEvent
