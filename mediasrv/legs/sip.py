"""A leg over SIP: its session is negotiated with SDP, its sound is one RTP stream of the engine's.

The offer decides the codec before the stream exists, and the stream's port must stand in the answer: so the offer
is answered twice, purely, first to learn what the stream must be, then with the port it got. An INVITE without an
offer gets one of ours that names a single codec, because the stream is open before the ACK says what was chosen;
and for the same reason a re-INVITE keeps the codec that the call began with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import trio

from mediasrv.endpoints import CallEnd, CallGone, SipCall
from mediasrv.errors import RemoteError
from mediasrv.legs.leg import CallInfo, Ending, LegEnded
from mediasrv.media import EngineFace, ReservationFace, StreamFace, StreamSpec
from mediasrv.sdp import LocalMedia, Negotiated, OfferRejected, SessionDescription, accept, answer, offer
from mediasrv.sip.events import Cancelled, EndCause, Ended

FAREWELL_S = 2.0
LATE_OFFER_CODECS = ("PCMU",)

_ENDINGS = {
    EndCause.BYE: Ending.CALLER_HUNG_UP,
    EndCause.NO_ACK: Ending.NO_ACK,
    EndCause.LOCAL: Ending.AGENT_HUNG_UP,
    EndCause.TIMEOUT: Ending.FAULT,
    EndCause.TRANSPORT: Ending.FAULT,
}

# RFC 3326, with the Q.850 causes a telephone network understands: what the other side reads of why we ended it.
REASONS = {
    Ending.AGENT_HUNG_UP: 'Q.850;cause=16;text="agent hung up"',
    Ending.SILENCE: 'Q.850;cause=16;text="caller was silent"',
    Ending.MAX_LENGTH: 'Q.850;cause=31;text="longest call reached"',
    Ending.MEDIA_TIMEOUT: 'Q.850;cause=102;text="no media received"',
    Ending.DRAIN: 'Q.850;cause=41;text="server is shutting down"',
    Ending.ADMIN: 'Q.850;cause=31;text="ended by operator"',
    Ending.FAULT: 'Q.850;cause=41;text="internal fault"',
}
