"""One call's dialog, from either side: answering INVITE and re-INVITE, waiting for ACK, hanging up.

Two things are awaited at most: our decision about an INVITE of the peer's (`_pending`), and the peer's ACK
to a 2xx of ours (`_answer`). The 2xx is repeated here and not by the transaction, because its ACK travels
end to end (RFC 3261 section 13.3.1.4); without one the call is hung up after 64*T1.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from mediasrv.sip.core import ALLOW, SUPPORTED, Core, HeaderLines, check_status, reply_address
from mediasrv.sip.dialog import Dialog
from mediasrv.sip.errors import WrongState
from mediasrv.sip.events import (
    Acknowledged,
    Cancelled,
    EndCause,
    Ended,
    Reinvite,
    ReinviteDone,
    SipCallId,
    SipEvent,
)
from mediasrv.sip.grammar.message import Request, Response
from mediasrv.sip.limits import Address
from mediasrv.sip.reoffer import Reoffer
from mediasrv.sip.transaction import Transaction

NO_ACK_REASON = 'SIP;cause=408;text="no ACK"'  # RFC 3326
LOST_REASON = 'SIP;cause=481;text="dialog lost"'
NO_WAY_BACK = "no response reaches the caller"
REASON_CHARACTERS = 200  # of a Reason header: it goes into records
RETRY_AFTER_SPREAD_BITS = 3  # section 14.2: a random wait below 10 s


class Clock(Enum):
    RESEND_ANSWER = auto()
    NO_ACK = auto()


@dataclass(frozen=True, slots=True)
class Pending:
    """An INVITE of the peer's that waits for our response."""

    request: Request
    transaction: Transaction
    source: Address


@dataclass(slots=True)
class Answer:
    """A 2xx of ours that waits for its ACK."""

    cseq: int
    wire: bytes
    destination: Address
    interval_s: float


class LateAnswer(Protocol):
    def answer_late(self, body: bytes) -> None: ...


class Session:
    """A call as its dialog sees it. `established` from the first 2xx on, `_closing` once BYE is under way."""

    __slots__ = (
        "_answer", "_bye_reason", "_closing", "_core", "_pending", "_reoffer", "dialog", "established", "id",
        "owes_answer",
    )  # fmt: skip

    def __init__(self, core: Core, call: SipCallId, dialog: Dialog) -> None:
        self._core, self.id, self.dialog = core, call, dialog
        self.established = False
        self._pending: Pending | None = None
        self._answer: Answer | None = None
        self._reoffer: Reoffer | None = None
        self._bye_reason: str | None = None  # wanted as soon as our 2xx is acknowledged (section 15)
        self._closing = False
        self.owes_answer: LateAnswer | None = (
            None  # the 2xx to our INVITE had the offer: its ACK has the answer
        )
        core.calls[call] = self
        core.dialogs[dialog.key] = self

    # ---- what the rooms above ask for

    def respond(
        self,
        status: int,
        now: float,
        *,
        reason: str | None = None,
        headers: HeaderLines = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> None:
        pending = self._pending
        if pending is None:
            raise WrongState("no INVITE waits for a response")
        check_status(status, 101)
        if status < 300:
            records = [("Record-Route", value) for value in pending.request.headers.values("Record-Route")]
            headers = (*records, self._core.contact, ALLOW, *headers)
        response = self._core.response(
            pending.request.headers, status, pending.source, tag=self.dialog.local.tag,
            reason=reason, headers=headers, body=body, content_type=content_type,
        )  # fmt: skip
        wire = self._core.transactions.respond(pending.transaction, response, now)
        if status >= 200:
            self._pending = None
            pending.transaction.user = None
            self._decided(status, pending, wire, now)

    def _decided(self, status: int, pending: Pending, wire: bytes, now: float) -> None:
        if status < 300:
            self.established = True
            self.dialog.refresh_target(pending.request.headers)
            t1_s = self._core.timers.t1_s
            cseq, destination = pending.request.cseq.number, pending.transaction.destination
            self._answer = Answer(cseq, wire, destination, t1_s)
            self._core.schedule.set(self, Clock.RESEND_ANSWER, now + t1_s)
            self._core.schedule.set(self, Clock.NO_ACK, now + self._core.timers.patience_s)
        elif not self.established:
            self._forget()

    def reinvite(self, body: bytes, now: float) -> None:
        if not self.established or self._closing or self._busy:
            raise WrongState("another INVITE is under way, or the call is not up")
        if not body:
            raise WrongState("a re-INVITE of ours carries an offer")
        request = self._request("INVITE", (self._core.contact, ALLOW), body)
        self._reoffer = Reoffer(self._core, self)
        self._reoffer.begin(request, now)

    def answer_late(self, body: bytes) -> None:
        if self.owes_answer is None or self._closing:
            raise WrongState("no offer waits for an answer")
        owed, self.owes_answer = self.owes_answer, None
        owed.answer_late(body)

    def cancel(self, now: float) -> None:
        """Nothing of ours to cancel: it was the other side that called, or the call is up."""

    def bye(self, now: float, reason: str) -> None:
        if self._closing or self._bye_reason is not None:
            return
        if not self.established:
            self.respond(480, now)
            self._core.emit(Ended(self.id, EndCause.LOCAL, reason))
        elif self._answer is not None:
            self._bye_reason = reason  # section 15: not before the ACK
        else:
            self._hang_up(now, reason, EndCause.LOCAL)

    # ---- what the peer asks for

    def receive(self, request: Request, source: Address, now: float) -> None:
        """A new request inside the dialog (12.2.2); it has been screened."""
        transaction = self._core.transactions.serve(request, reply_address(request.headers, source), now)
        transaction.resends_left = self._core.resends_towards(source[0])
        if self._out_of_order(request):
            self._reply(request, transaction, source, now, 500)
            return
        self.dialog.remote_cseq = request.cseq.number
        _REQUESTS[request.method](self, request, transaction, source, now)

    def _out_of_order(self, request: Request) -> bool:
        return self.dialog.remote_cseq is not None and request.cseq.number <= self.dialog.remote_cseq

    def open(self, request: Request, transaction: Transaction, source: Address) -> None:
        """The INVITE that began it all waits for our response."""
        transaction.tag = self.dialog.local.tag
        self._await_decision(request, transaction, source)

    def ends_with(self, request: Request) -> bool:
        return request.method == "BYE" and not self._closing and not self._out_of_order(request)

    def cancelled(self, transaction: Transaction, now: float) -> None:
        """The peer has withdrawn the INVITE of that transaction (9.2); one that was answered already is not touched."""
        if self._pending is None or self._pending.transaction is not transaction:
            return
        self.respond(487, now)
        if not self.established:
            self._core.emit(Cancelled(self.id))

    def acknowledged(self, ack: Request, now: float) -> bool:
        """Takes an ACK to a 2xx of ours; False when it acknowledges nothing (any more)."""
        if self._answer is None or self._answer.cseq != ack.cseq.number:
            return False
        self._stop_answering()
        self._core.emit(Acknowledged(self.id, ack.sdp))
        if self._bye_reason is not None:
            self._hang_up(now, self._bye_reason, EndCause.LOCAL)
        return True

    def _on_invite(self, request: Request, transaction: Transaction, source: Address, now: float) -> None:
        if self._pending is not None:  # section 14.2: the one before is not answered yet
            self._reply(request, transaction, source, now, 500)
        elif self._busy or self._closing:  # glare (14.2), or our 2xx is not acknowledged yet (RFC 5407 3.1.4)
            self._reply(request, transaction, source, now, 491)
        else:
            self._reply(request, transaction, source, now, 100)
            self._await_decision(request, transaction, source)
            self._core.emit(Reinvite(self.id, request.body))

    def _on_bye(self, request: Request, transaction: Transaction, source: Address, now: float) -> None:
        self._reply(request, transaction, source, now, 200)
        if self._closing:  # both hung up at once: ours is on its way, its answer will tidy up
            return
        answered = self.established
        if self._pending is not None:
            self.respond(487, now)  # section 15.1.2; forgets a call that was never up
        if answered:
            reason = (request.headers.text("Reason") or "")[:REASON_CHARACTERS]
            self._finish(Ended(self.id, EndCause.BYE, reason))
        else:
            self._core.emit(Cancelled(self.id))

    def _on_info(self, request: Request, transaction: Transaction, source: Address, now: float) -> None:
        """RFC 6086: no package is wanted here; INFO of the old kind is accepted and means nothing yet."""
        package = "Info-Package" in request.headers
        self._reply(
            request,
            transaction,
            source,
            now,
            469 if package else 200,
            (("Recv-Info", ""),) if package else (),
        )

    def _on_update(self, request: Request, transaction: Transaction, source: Address, now: float) -> None:
        """RFC 3311: it may move the other end; offers are for re-INVITEs only, so it is not in Allow."""
        if request.body:
            self._reply(request, transaction, source, now, 488)
            return
        self.dialog.refresh_target(request.headers)
        self._reply(request, transaction, source, now, 200, (self._core.contact,))

    def _on_options(self, request: Request, transaction: Transaction, source: Address, now: float) -> None:
        self._reply(request, transaction, source, now, 200, (ALLOW, SUPPORTED))

    def _await_decision(self, request: Request, transaction: Transaction, source: Address) -> None:
        self._pending = Pending(request, transaction, source)
        transaction.user = Asking(self)

    # ---- deadlines

    def fire(self, name: Hashable, now: float) -> None:
        if self._answer is None:
            return
        if name is Clock.RESEND_ANSWER:
            self._core.send(self._answer.wire, self._answer.destination)
            self._answer.interval_s = min(self._answer.interval_s * 2, self._core.timers.t2_s)
            self._core.schedule.set(self, Clock.RESEND_ANSWER, now + self._answer.interval_s)
        else:
            self._stop_answering()
            self._hang_up(now, NO_ACK_REASON, EndCause.NO_ACK)

    # ---- ends

    def lost(self, cause: EndCause, now: float) -> None:
        """The peer does not know the dialog any more, or does not answer in it (12.2.1.2)."""
        if not self._closing:
            self._hang_up(now, LOST_REASON, cause)

    def unreachable(self, cause: EndCause) -> None:
        """No response of ours gets back to the peer: its INVITE is as good as withdrawn (17.2.4)."""
        self._pending = None
        if not self.established:
            self._finish(Ended(self.id, cause, NO_WAY_BACK))

    def reoffered(self, event: ReinviteDone | None) -> None:
        """Our re-INVITE is decided; None when the call goes down with it."""
        self._reoffer = None
        if event is not None and not self._closing:
            self._core.emit(event)

    def dismiss(self, now: float, reason: str) -> None:
        """Hangs up a dialog that no call above knows of."""
        self._send_bye(now, reason)

    def _hang_up(self, now: float, reason: str, cause: EndCause) -> None:
        self._send_bye(now, reason)
        self._core.emit(Ended(self.id, cause, reason))

    def _send_bye(self, now: float, reason: str) -> None:
        if self.owes_answer is not None:
            self.answer_late(b"")  # no answer will come: the ACK is owed all the same
        self._closing = True
        if self._pending is not None:
            self.respond(487, now)
        headers = (("Reason", reason),) if reason else ()
        request = self._request("BYE", headers)
        self._core.transactions.request(request, self.dialog.next_hop(), Farewell(self, request), now)

    def _finish(self, event: SipEvent) -> None:
        self._forget()
        self._core.emit(event)

    def _forget(self) -> None:
        self._closing = True
        self._stop_answering()
        self._core.calls.pop(self.id, None)
        self._core.dialogs.pop(self.dialog.key, None)

    def challenged(self, bye: Request, response: Response, source: Address, now: float) -> bool:
        """Says goodbye once more, with credentials, when it was a trunk of ours that asked for them."""
        again = self.dialog.retry(bye, response, source, self._core.branch())
        if again is not None:
            self._core.transactions.request(again, self.dialog.next_hop(), Farewell(self, again), now)
        return again is not None

    def farewell(self) -> None:
        """Our BYE was answered, or never will be."""
        self._forget()

    def _stop_answering(self) -> None:
        self._answer = None
        self._core.schedule.clear(self, Clock.RESEND_ANSWER)
        self._core.schedule.clear(self, Clock.NO_ACK)

    # ---- messages

    @property
    def _busy(self) -> bool:
        return self._pending is not None or self._answer is not None or self._reoffer is not None

    def acknowledge(self, invite: Request, body: bytes = b"") -> bytes:
        """Sends the ACK to a 2xx (13.2.2.4): the INVITE's number, a branch of its own; returns it."""
        ack = self._request("ACK", (), body, cseq=invite.cseq.number).build()
        self._core.send(ack, self.dialog.next_hop())
        return ack

    def _request(
        self, method: str, headers: HeaderLines = (), body: bytes = b"", cseq: int | None = None
    ) -> Request:
        dialog = self.dialog
        uri, routes = dialog.request_line()
        number = dialog.next_cseq() if cseq is None else cseq
        parties = dialog.local, dialog.remote, dialog.call_id
        return self._core.request(method, uri, number, parties, routes=routes, headers=headers, body=body)

    def _reply(
        self,
        request: Request,
        transaction: Transaction,
        source: Address,
        now: float,
        status: int,
        headers: HeaderLines = (),
    ) -> None:
        if status == 500:
            wait_s = self._core.tokens.number(RETRY_AFTER_SPREAD_BITS)
            headers = (("Retry-After", str(wait_s)),)
        response = self._core.response(request.headers, status, source, headers=headers)
        self._core.transactions.respond(transaction, response, now)


class Farewell:
    """The user of a BYE: whatever comes of it, the dialog is over (15.1.1)."""

    __slots__ = ("_request", "_session")

    def __init__(self, session: Session, request: Request) -> None:
        self._session, self._request = session, request

    def responded(self, response: Response, source: Address, now: float) -> None:
        if response.status >= 200 and not self._session.challenged(self._request, response, source, now):
            self._session.farewell()

    def failed(self, cause: EndCause, now: float) -> None:
        self._session.farewell()


class Asking:
    """The user of an INVITE of the peer's, while it waits for our decision."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def responded(self, response: Response, source: Address, now: float) -> None:
        """Never: to the peer's request the responses are ours."""

    def failed(self, cause: EndCause, now: float) -> None:
        self._session.unreachable(cause)


_REQUESTS: dict[str, Callable[[Session, Request, Transaction, Address, float], None]] = {
    "INVITE": Session._on_invite,
    "BYE": Session._on_bye,
    "INFO": Session._on_info,
    "UPDATE": Session._on_update,
    "OPTIONS": Session._on_options,
}
