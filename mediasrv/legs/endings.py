"""How SIP says that a call is over, and what it means for us."""

from __future__ import annotations

from mediasrv.endpoints import CallEnd
from mediasrv.legs.leg import Direction, Ending
from mediasrv.sip import EndCause, Ended, Rejected

WORDS = {  # what the other side can read of why we ended it
    Ending.AGENT_HUNG_UP: "agent hung up",
    Ending.TRANSFERRED: "transferred",
    Ending.SILENCE: "caller was silent",
    Ending.MAX_LENGTH: "longest call reached",
    Ending.BUDGET: "budget spent",
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
_BUSY = (486, 600)
_UNANSWERED = (408, 480, 487)


def ending(end: CallEnd, direction: Direction) -> Ending:
    """Of a call that came to us, or of one that was picked up."""
    if not isinstance(end, Ended):
        return Ending.CALLER_CANCELLED
    if end.cause is EndCause.BYE:
        return Ending.CALLER_HUNG_UP if direction == "in" else Ending.CALLEE_HUNG_UP
    return _ENDINGS[end.cause]


def ending_of_refusal(refused: Rejected) -> Ending:
    """Of a call of ours that nobody picked up."""
    if refused.status in _BUSY:
        return Ending.BUSY
    return Ending.NO_ANSWER if refused.status in _UNANSWERED else Ending.REFUSED
