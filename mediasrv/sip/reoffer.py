"""A re-INVITE of ours (RFC 3261 section 14.1): sent inside a dialog, acknowledged as often as its 2xx comes.

One that is never decided, refused because the dialog is unknown, or answered with provisional responses for ever,
takes the call down with it: nobody is there any more.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Protocol

from mediasrv.sip.core import Core
from mediasrv.sip.dialog import Dialog
from mediasrv.sip.errors import Malformed
from mediasrv.sip.events import EndCause, ReinviteDone, SipCallId
from mediasrv.sip.grammar.message import Request, Response
from mediasrv.sip.limits import Address
from mediasrv.sip.tables import Event
from mediasrv.sip.transaction import Transaction

RING: Final = "ring"
DIALOG_LOST = (408, 481)  # section 12.2.1.2


class Offering(Protocol):
    """The session that makes the offer."""

    @property
    def id(self) -> SipCallId: ...
    @property
    def dialog(self) -> Dialog: ...
    def acknowledge(self, invite: Request) -> bytes: ...
    def reoffered(self, event: ReinviteDone | None) -> None: ...
    def lost(self, cause: EndCause, now: float) -> None: ...


class Reoffer:
    """The user of the transaction."""

    __slots__ = ("_ack", "_core", "_invite", "_session", "_transaction")

    def __init__(self, core: Core, session: Offering) -> None:
        self._core, self._session = core, session
        self._invite: Request
        self._transaction: Transaction
        self._ack = b""

    def begin(self, invite: Request, now: float) -> None:
        self._invite = invite
        destination = self._session.dialog.next_hop()
        self._transaction = self._core.transactions.request(invite, destination, self, now)

    def responded(self, response: Response, source: Address, now: float) -> None:
        if response.status < 200:
            if not self._core.schedule.is_set(self, RING):
                self._core.schedule.set(self, RING, now + self._core.timers.ring_s)
            return
        self._core.schedule.clear(self, RING)
        again = self._session.dialog.retry(self._invite, response, source, self._core.branch())
        if again is not None:
            self.begin(again, now)
            return
        if self._ack:  # the 2xx again: its ACK was lost
            self._core.send(self._ack, self._session.dialog.next_hop())
            return
        done = ReinviteDone(self._session.id, response.status, response.sdp)
        if response.kind == "success":
            self._accept(response)
            self._session.reoffered(done)
        elif response.status in DIALOG_LOST:
            self._session.reoffered(None)
            self._session.lost(EndCause.TIMEOUT, now)
        else:
            self._session.reoffered(done)

    def failed(self, cause: EndCause, now: float) -> None:
        self._session.reoffered(None)
        self._session.lost(cause, now)

    def fire(self, name: Hashable, now: float) -> None:
        self._transaction.apply(Event.ABANDON, now)
        self.failed(EndCause.TIMEOUT, now)

    def _accept(self, response: Response) -> None:
        try:
            self._session.dialog.refresh_target(response.headers)
        except Malformed:
            self._core.counts["ignored.contact"] += 1
        self._ack = self._session.acknowledge(self._invite)
