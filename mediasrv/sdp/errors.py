"""What can be wrong with a session description, or with what it asks for."""

from __future__ import annotations

from mediasrv.errors import RemoteError


class MalformedDescription(RemoteError):
    """Text that is not SDP, or more of it than anybody needs."""


class NotAcceptable(RemoteError):
    """Well-formed, but there is nothing in it that we can do."""


class OfferRejected(NotAcceptable):
    """Answered with 488 (RFC 3261 section 13.3.1.3)."""


class AnswerRejected(NotAcceptable):
    """The answer does not fit what was offered: the call cannot go on."""
