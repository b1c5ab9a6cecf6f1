"""What the user agent tells the rooms above: one small frozen fact an event, in the order things happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NewType

from mediasrv.sip.grammar.fields import read_retry_after_s
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.identity import Party
from mediasrv.sip.grammar.keys import Key
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.grammar.reasons import q850_cause
from mediasrv.sip.grammar.replaces import Replaces
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.hop import Address

SipCallId = NewType("SipCallId", int)
"""Names one call inside one UserAgent; never used twice. (Not the Call-ID header: forks share that one.)"""

ReferralId = NewType("ReferralId", int)
"""Names one REFER inside one call, whoever sent it: its CSeq, which is also the `id` of its events."""


RegistrationId = NewType("RegistrationId", int)
ProbeId = NewType("ProbeId", int)
"""Names one registration of ours inside one UserAgent; never used twice."""


class EndCause(Enum):
    BYE = "bye"  # the other side hung up
    NO_ACK = "no_ack"  # we answered, nobody acknowledged within 64*T1; we have sent BYE
    TIMEOUT = "timeout"  # a request of ours was never answered
    TRANSPORT = "transport"  # the way to the other side is gone
    LOCAL = "local"  # we hung up
    EXPIRED = "expired"  # nobody refreshed the session in its interval (RFC 4028); we have sent BYE


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A new INVITE; 100 has been sent. `request.body` is its offer; empty: the offer is to be ours."""

    call: SipCallId
    request: Request
    source: Address
    replaces: SipCallId | None = (
        None  # accepted, this one takes that call's place, which is hung up (RFC 3891)
    )
    username: str = ""  # who it is, when he had to say so

    @property
    def party(self) -> Party:
        return Party.of(self.request.headers)


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
    """A provisional response other than 100 to our INVITE, from one of perhaps several early dialogs (`fork`).

    `answer_due`: its body is an offer, and `confirm` carries our answer (RFC 3262 section 5)."""

    call: SipCallId
    status: int
    body: bytes
    fork: str = ""
    reliable: bool = False
    answer_due: bool = False


@dataclass(frozen=True, slots=True)
class ProgressConfirmed:
    """Our reliable provisional response has arrived; `body` is the answer when it had our offer."""

    call: SipCallId
    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """Our INVITE was accepted. The ACK is sent, unless we made no offer: then `acknowledge` is due.

    `fork`: whose answer it is, as `Progress` names them; without a body, the description came in that one's."""

    call: SipCallId
    body: bytes
    fork: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Our INVITE was refused (or timed out: 408); the call is over."""

    call: SipCallId
    status: int
    reason: str
    headers: Headers

    @property
    def retry_after_s(self) -> float | None:
        """How long the peer wants to be left alone (503, 480, 600)."""
        return read_retry_after_s(self.headers)

    @property
    def q850_cause(self) -> int | None:
        """What the telephone network behind the peer has said (RFC 6432)."""
        return q850_cause(self.headers.texts("Reason"))


@dataclass(frozen=True, slots=True)
class Redirected:
    """Our INVITE is sent elsewhere (3xx): `redirect` to one of `targets`, best first and none of them tried
    before, or `cancel`, within `Timers.decide_s`. Whether they may be called is the room above's to say."""

    call: SipCallId
    status: int
    targets: tuple[Uri, ...]


@dataclass(frozen=True, slots=True)
class ReinviteDone:
    """Our own re-INVITE got its final response; the call goes on as it was when that is not a 2xx.

    `retry_after_s`: both offered at once, or the peer was busy; after that long it may be tried again."""

    call: SipCallId
    status: int
    body: bytes
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class UpdateOffered:
    """An UPDATE (or PRACK) with an offer waits for `answer_update`; after `Timers.decide_s` it is refused.

    `fork`: whose it is, as `Progress` names them."""

    call: SipCallId
    body: bytes
    fork: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class UpdateDone:
    """Our own UPDATE got its final response; see ReinviteDone."""

    call: SipCallId
    status: int
    body: bytes
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A refresh of ours was accepted; `body` is the peer's description when it took a re-INVITE."""

    call: SipCallId
    body: bytes


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key came in INFO (`application/dtmf-relay` or `application/dtmf`)."""

    call: SipCallId
    key: Key


@dataclass(frozen=True, slots=True)
class KeySent:
    """Our INFO with a key got its final response."""

    call: SipCallId
    key: Key
    status: int


@dataclass(frozen=True, slots=True)
class Referred:
    """The peer asks us to call somebody: `accept_referral` or `decline_referral` is due within `Timers.decide_s`.

    Nothing is called before that, and `referred_by` is only what the peer says."""

    call: SipCallId
    referral: ReferralId
    target: Uri
    replaces: Replaces | None
    referred_by: str
    subscribed: bool  # progress is wanted (RFC 4488)


@dataclass(frozen=True, slots=True)
class ReferProgress:
    """What became of a REFER of ours: its own refusal, or the status of the call that the peer made for it.

    `final`: no more will be told about it. 202 is not told: it only says that the REFER was understood."""

    call: SipCallId
    referral: ReferralId
    status: int
    reason: str
    final: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """An established call is over."""

    call: SipCallId
    cause: EndCause
    reason_text: str = ""

    @property
    def q850_cause(self) -> int | None:
        """The number by which the telephone network knows why, when the peer said it."""
        return q850_cause([self.reason_text])


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


@dataclass(frozen=True, slots=True)
class ProbeDone:
    """What an OPTIONS of ours was answered; 408 and 503 may be our own, when nobody did."""

    probe: ProbeId
    status: int


CallEvent = (
    IncomingCall | Acknowledged | Cancelled | Reinvite | Progress | ProgressConfirmed | Answered | Rejected | Redirected
    | ReinviteDone | UpdateOffered | UpdateDone | Refreshed | KeyPressed | KeySent | Referred | ReferProgress
    | Ended
)  # fmt: skip
RegistrationEvent = Registered | RegistrationFailed | Unregistered
SipEvent = CallEvent | RegistrationEvent | ProbeDone
