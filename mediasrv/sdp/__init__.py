"""Session descriptions (RFC 8866), and what two of them agree on (RFC 3264), as pure functions.

`parse` and `SessionDescription.build` are each other's inverse; `offer`, `answer` and `accept` negotiate.
"""

from mediasrv.sdp.codecs import CODECS, Format, formats_of
from mediasrv.sdp.crypto import SUITES, Crypto
from mediasrv.sdp.description import (
    Connection,
    Direction,
    MediaDescription,
    Origin,
    SessionDescription,
)
from mediasrv.sdp.errors import AnswerRejected, MalformedDescription, NotAcceptable, OfferRejected
from mediasrv.sdp.fingerprint import Fingerprint, Setup
from mediasrv.sdp.offer_answer import LocalMedia, Negotiated, accept, answer, at_port, next_version, offer
from mediasrv.sdp.parse import parse
from mediasrv.sdp.security import Dtls, LocalSecurity, Policy, Sdes, Security

__all__ = [
    "CODECS",
    "SUITES",
    "AnswerRejected",
    "Connection",
    "Crypto",
    "Direction",
    "Dtls",
    "Fingerprint",
    "Format",
    "LocalMedia",
    "LocalSecurity",
    "MalformedDescription",
    "MediaDescription",
    "Negotiated",
    "NotAcceptable",
    "OfferRejected",
    "Origin",
    "Policy",
    "Sdes",
    "Security",
    "SessionDescription",
    "Setup",
    "accept",
    "answer",
    "at_port",
    "formats_of",
    "next_version",
    "offer",
    "parse",
]
