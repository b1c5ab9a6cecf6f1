"""What a peer may make us hold or do, and how long things take: named, so that they can be argued about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound on what comes from outside. Beyond it: an answer the RFC names, or a counted drop."""

    message_bytes: int = 16_384  # 513 above
    line_bytes: int = 4_096  # one header with its folds
    headers: int = 160
    vias: int = 70  # Max-Forwards begins at 70: no honest path is longer
    uri_bytes: int = 1_024  # 414 above
    routes: int = 20
    transactions: int = 65_536  # a call leaves two behind for 32 s: enough for 1,000 calls a second
    calls: int = 4_096  # 503 above
    forks: int = 8  # dialogs that one INVITE of ours may open
    redirects: int = 5  # other places that one call of ours may be sent on to
    queued_datagrams: int = 4_096  # drop newest: the sender will send again, or time out
    queued_events: int = (
        8_192  # new calls are refused with 503 at half of it, so that the rest can still be told
    )
    referrals: int = 4  # open REFERs of each side's in one call: 503 above
    queued_keys: int = 32  # INFOs of ours that wait for the one before
    unproven_resends: int = 3  # of a refusal, towards an address that has never acknowledged anything
    unproven_answers: int = (
        4  # of a 2xx, to there: 7.5 s of them; whoever is real has lost five by then, or their ACKs
    )
    unproven_bytes_back: int = (
        3  # for each byte from there, with all repetitions together (RFC 9000 section 8.1)
    )
    unproven_farewells: int = 1  # of the BYE to a peer who has never shown that it knows the dialog


@dataclass(frozen=True, slots=True)
class Timers:
    """RFC 3261 table 4, over UDP. All in seconds; the lettered timers are derived in tables.py."""

    t1_s: float = 0.5  # the round trip that is assumed
    t2_s: float = 4.0  # the longest pause between two retransmissions
    t4_s: float = 5.0  # how long a datagram may wander through the network
    ring_s: float = 180.0  # Timer C (section 16.6): a call that only rings is cancelled
    decide_s: float = 10.0  # for UPDATE and REFER: well inside the 32 s that their sender waits
    session_s: float = 1_800.0  # RFC 4028 section 4: the interval that is recommended; 0: none of our own
    referral_s: float = 180.0  # how long progress of a REFER is told, and waited for

    @property
    def patience_s(self) -> float:
        """64*T1: after that nobody is there."""
        return 64 * self.t1_s
