"""A re-INVITE of ours (RFC 3261 section 14.1): sent inside a dialog, acknowledged as often as its 2xx comes.

One that is never decided, refused because the dialog is unknown, or answered with provisional responses for ever,
takes the call down with it: nobody is there any more.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Protocol

from mediasrv.sip.core import Core
from mediasrv.sip.dialogs.glare import move_target, retry_wait_s
from mediasrv.sip.dialogs.inbound import DIALOG_LOST, Talking
from mediasrv.sip.dialogs.refresh import Refresh
from mediasrv.sip.events import EndCause, Refreshed, ReinviteDone
from mediasrv.sip.grammar.message import Request, Response
from mediasrv.sip.hop import Address
from mediasrv.sip.tables import Event
from mediasrv.sip.transaction import Transaction, TransactionUser

RING: Final = "ring"


class Offering(Talking, Protocol):
    """The session that makes the offer."""

    timer: Refresh

    def send(self, request: Request, user: TransactionUser | None, now: float) -> Transaction: ...
    def acknowledge(self, invite: Request) -> bytes: ...
    def reoffered(self, event: ReinviteDone | Refreshed | None, description: bytes = b"") -> None: ...


class Reoffer:
    """The user of the transaction."""

    __slots__ = ("_ack", "_core", "_invite", "_refreshes", "_session", "_transaction")

    def __init__(self, core: Core, session: Offering, *, refreshes: bool) -> None:
        """`refreshes`: it says again what holds, for the session timer; nobody above has asked for it."""
        self._core, self._session, self._refreshes = core, session, refreshes
        self._invite: Request
        self._transaction: Transaction
        self._ack = b""

    def begin(self, invite: Request, now: float) -> None:
        self._invite = invite
        self._transaction = self._session.send(invite, self, now)

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
        if response.kind == "success":
            self._accept(response, now)
        elif response.status in DIALOG_LOST:
            self._session.reoffered(None)
            self._session.lost(EndCause.TIMEOUT, now)
        else:
            self._refused(response, now)

    def failed(self, cause: EndCause, now: float) -> None:
        self._session.reoffered(None)
        self._session.lost(cause, now)

    def fire(self, name: Hashable, now: float) -> None:
        self._transaction.apply(Event.ABANDON, now)
        self.failed(EndCause.TIMEOUT, now)

    def _accept(self, response: Response, now: float) -> None:
        session = self._session
        move_target(session, response)
        self._ack = session.acknowledge(self._invite)
        session.timer.answered(response.headers, now)
        event = (
            Refreshed(session.id, response.sdp)
            if self._refreshes
            else ReinviteDone(session.id, response.status, response.sdp)
        )
        session.reoffered(event, self._invite.body)

    def _refused(self, response: Response, now: float) -> None:
        session = self._session
        if self._refreshes:
            session.reoffered(None)
            session.timer.refused(response.status, response.headers, now)
        else:
            wait_s = retry_wait_s(session, response)
            session.reoffered(ReinviteDone(session.id, response.status, response.sdp, wait_s))
