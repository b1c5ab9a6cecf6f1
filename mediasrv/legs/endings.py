"""How SIP says that a call is over, and what it means for us."""

from __future__ import annotations

from mediasrv.endpoints import CallEnd
from mediasrv.legs.leg import Direction, Ending
from mediasrv.sip import EndCause, Ended, Rejected
from mediasrv.sip.grammar.reasons import NORMAL_CLEARING, TEMPORARY_FAILURE

WORDS = {  # what the other side can read of why we ended it
    Ending.AGENT_HUNG_UP: "agent hung up",
    Ending.TRANSFERRED: "transferred",
    Ending.SILENCE: "caller was silent",
    Ending.MAX_LENGTH: "longest call reached",
    Ending.BUDGET: "budget spent",
    Ending.ALLOWANCE: "allowance of the day spent",
    Ending.MEDIA_TIMEOUT: "no media received",
    Ending.DRAIN: "server is shutting down",
    Ending.ADMIN: "ended by operator",
    Ending.FAULT: "internal fault",
}
# When there is nothing to hang up yet.
REFUSALS = {Ending.DRAIN: 503, Ending.FAULT: 500, Ending.BUSY: 486, Ending.REFUSED: 603}
DECLINED = 480

_ENDINGS = {
    EndCause.NO_ACK: Ending.NO_ACK,
    EndCause.LOCAL: Ending.AGENT_HUNG_UP,
    EndCause.TIMEOUT: Ending.FAULT,
    EndCause.TRANSPORT: Ending.FAULT,
    EndCause.EXPIRED: Ending.FAULT,
}
# Q.850: user busy; no user responding, no answer, subscriber absent; call rejected, unallocated number.
_OF_CAUSE = {
    17: Ending.BUSY, 18: Ending.NO_ANSWER, 19: Ending.NO_ANSWER, 20: Ending.NO_ANSWER, 21: Ending.REFUSED,
    1: Ending.REFUSED,
}  # fmt: skip
_FAILURES = (Ending.FAULT, Ending.MEDIA_TIMEOUT, Ending.DRAIN)
_BUSY = (486, 600)
_UNANSWERED = (408, 480, 487)


def ending(end: CallEnd, direction: Direction) -> Ending:
    """Of a call that came to us, or of one that was picked up."""
    if not isinstance(end, Ended):
        return Ending.CALLER_CANCELLED
    if end.cause is EndCause.BYE:
        return Ending.CALLER_HUNG_UP if direction == "in" else Ending.CALLEE_HUNG_UP
    return _ENDINGS[end.cause]


def cause_of(why: Ending) -> int:
    """What the telephone network is told of why we hang up."""
    return TEMPORARY_FAILURE if why in _FAILURES else NORMAL_CLEARING


def ending_of_refusal(refused: Rejected) -> Ending:
    """Of a call of ours that nobody picked up. A gateway knows better than its status says what the telephone network
    behind it has answered."""
    told = _OF_CAUSE.get(refused.q850_cause or 0)
    if told is not None:
        return told
    if refused.status in _BUSY:
        return Ending.BUSY
    return Ending.NO_ANSWER if refused.status in _UNANSWERED else Ending.REFUSED
