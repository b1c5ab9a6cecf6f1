"""Both offered at once, or the peer was busy: when to try again (RFC 3261 section 14.1), and where the peer is now."""

from __future__ import annotations

from mediasrv.sip.dialogs.inbound import Talking
from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.fields import read_retry_after_s
from mediasrv.sip.grammar.message import Response

STEP_S = 0.01
OWNERS_WAIT_S = 2.1  # 2.1 to 4 s for the owner of the Call-ID, 0 to 2 s for the other: they do not meet again
STEPS_BITS = 7  # 128 steps of 10 ms lie inside both windows


def move_target(session: Talking, response: Response) -> None:
    try:
        session.dialog.refresh_target(response.headers)
    except Malformed:
        session.core.counts["ignored.contact"] += 1


def retry_wait_s(session: Talking, response: Response) -> float | None:
    """How long to wait before offering again; None: not to be repeated as it is."""
    if response.status == 491:
        steps = session.core.tokens.number(STEPS_BITS)
        return steps * STEP_S + (OWNERS_WAIT_S if session.dialog.is_ours else 0.0)
    return read_retry_after_s(response.headers) if response.status in (500, 503) else None
