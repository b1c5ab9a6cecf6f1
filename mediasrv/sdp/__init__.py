"""Session descriptions (RFC 8866), and what two of them agree on (RFC 3264), as pure functions.

`parse` and `SessionDescription.build` are each other's inverse; `offer`, `answer` and `accept` negotiate.
"""

from mediasrv.sdp.codecs import CODECS, Format
from mediasrv.sdp.description import (
    Connection,
    Direction,
    MediaDescription,
    Origin,
    SessionDescription,
)
from mediasrv.sdp.errors import AnswerRejected, MalformedDescription, NotAcceptable, OfferRejected
from mediasrv.sdp.offer_answer import LocalMedia, Negotiated, accept, answer, next_version, offer
from mediasrv.sdp.parse import parse

__all__ = [
    "CODECS",
    "AnswerRejected",
    "Connection",
    "Direction",
    "Format",
    "LocalMedia",
    "MalformedDescription",
    "MediaDescription",
    "Negotiated",
    "NotAcceptable",
    "OfferRejected",
    "Origin",
    "SessionDescription",
    "accept",
    "answer",
    "next_version",
    "offer",
    "parse",
]
