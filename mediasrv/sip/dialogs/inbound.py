"""What the parts of a session share: a request that waits for its answer, and what they may ask of the session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mediasrv.sip.core import Core, HeaderLines
from mediasrv.sip.dialog import Dialog
from mediasrv.sip.dialogs.offers import Offers
from mediasrv.sip.events import EndCause, SipCallId
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.hop import Address
from mediasrv.sip.transaction import Transaction, TransactionUser

DIALOG_LOST = (408, 481)  # RFC 3261 section 12.2.1.2: the call is over when a request in it gets these
RETRY_AFTER_BITS = 3  # RFC 3261 section 14.2: a random wait below 10 s


@dataclass(frozen=True, slots=True)
class Inbound:
    """A request of the peer's inside a dialog; `reply` at once or later, once with a final status."""

    core: Core
    request: Request
    transaction: Transaction
    source: Address

    def reply(
        self,
        status: int,
        now: float,
        headers: HeaderLines = (),
        *,
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> None:
        if status == 500:
            wait_s = self.core.tokens.number(RETRY_AFTER_BITS)
            headers = (*headers, ("Retry-After", str(wait_s)))
        response = self.core.response(
            self.request.headers, status, self.source, headers=headers, body=body, content_type=content_type
        )
        self.core.transactions.respond(self.transaction, response, now)


class Talking(Protocol):
    """The session, as its parts see it."""

    core: Core
    id: SipCallId
    dialog: Dialog
    offers: Offers
    established: bool

    @property
    def busy(self) -> bool:
        """An INVITE of either side is under way: no other may begin."""

    @property
    def closing(self) -> bool:
        """A BYE is under way: nothing new is begun, and nothing is told."""

    def ask(
        self, method: str, user: TransactionUser | None, now: float, *, headers: HeaderLines = (), body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> Request: ...  # fmt: skip
    def lost(self, cause: EndCause, now: float) -> None: ...
    def settled(self, now: float) -> None: ...
