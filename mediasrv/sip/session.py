"""One call's dialog, from either side: answering INVITE and re-INVITE, waiting for ACK, hanging up.

Two things are awaited at most: our decision about an INVITE of the peer's (`_pending`), and the peer's ACK
to a 2xx of ours (`_answer`). The 2xx is repeated here and not by the transaction, because its ACK travels
end to end (RFC 3261 section 13.3.1.4); without one the call is hung up after 64*T1.

Whatever else a dialog can do stands in dialogs/, a part for each extension; they share `offers`, so that INVITE,
PRACK and UPDATE together keep the one rule that only one offer is open.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from mediasrv.sip.core import ALLOW, SUPPORTED, Core, HeaderLines, check_status, reply_address
from mediasrv.sip.dialog import Dialog
from mediasrv.sip.dialogs.inbound import Inbound
from mediasrv.sip.dialogs.infos import Infos
from mediasrv.sip.dialogs.moving import Moving
from mediasrv.sip.dialogs.offers import Move, Offers, Open
from mediasrv.sip.dialogs.provisional import RACK, ReliableProgress, Sent
from mediasrv.sip.dialogs.provisional import SUPPORTS as RELIABLY
from mediasrv.sip.dialogs.referrals import Referrals
from mediasrv.sip.dialogs.refresh import Refresh
from mediasrv.sip.dialogs.session_timer import supports
from mediasrv.sip.dialogs.subscriptions import Subscriptions
from mediasrv.sip.dialogs.updates import Updates
from mediasrv.sip.errors import Malformed, WrongState
from mediasrv.sip.events import (
    Acknowledged,
    Cancelled,
    EndCause,
    Ended,
    ProgressConfirmed,
    Refreshed,
    Reinvite,
    ReinviteDone,
    SipCallId,
    SipEvent,
)
from mediasrv.sip.grammar.fields import tokens
from mediasrv.sip.grammar.message import Request, Response
from mediasrv.sip.hop import Address, is_reliable
from mediasrv.sip.reoffer import Reoffer
from mediasrv.sip.transaction import Transaction, TransactionUser

NO_ACK_REASON = 'SIP;cause=408;text="no ACK"'  # RFC 3326
LOST_REASON = 'SIP;cause=481;text="dialog lost"'
NO_WAY_BACK = "no response reaches the caller"
REASON_CHARACTERS = 200  # of a Reason header: it goes into records


EXPIRED_REASON = 'SIP;cause=408;text="session expired"'
REPLACED_REASON = 'SIP;cause=200;text="replaced"'
NO_PRACK = "no PRACK"


class Clock(Enum):
    RESEND_ANSWER = auto()
    NO_ACK = auto()


@dataclass(slots=True)
class Pending:
    """An INVITE of the peer's that waits for our response."""

    request: Request
    transaction: Transaction
    source: Address
    described: bool = False  # its offer and answer began in a reliable provisional response already


@dataclass(frozen=True, slots=True)
class Said:
    """What we respond to an INVITE."""

    status: int
    reason: str | None
    headers: HeaderLines
    body: bytes
    content_type: str


@dataclass(slots=True)
class Answer:
    """A 2xx of ours that waits for its ACK."""

    cseq: int
    wire: bytes
    destination: Address
    interval_s: float
    repeated: int = 0


class LateAnswer(Protocol):
    def answer_late(self, body: bytes) -> None: ...


class Session:
    """A call as its dialog sees it. `established` from the first 2xx on, `_closing` once BYE is under way."""

    __slots__ = (
        "_answer", "_bye_reason", "_closing", "_description", "_held", "_known", "_moving", "_pending", "_reliable",
        "_reoffer", "core", "dialog", "established", "id", "infos", "offers", "owes_answer", "referrals", "replaces",
        "subscriptions", "timer", "updates",
    )  # fmt: skip

    def __init__(self, core: Core, call: SipCallId, dialog: Dialog) -> None:
        self.core, self.id, self.dialog = core, call, dialog
        self.established = False
        self.offers = Offers()
        self.timer = Refresh(self)
        self.updates = Updates(self, self.timer)
        self.infos = Infos(self)
        self._moving = Moving(self)
        self.referrals, self.subscriptions = Referrals(self), Subscriptions(self)
        self.replaces: SipCallId | None = None  # the call that is hung up when this one is accepted
        self._reliable: ReliableProgress | None = None
        self._held: Said | None = None  # a 2xx that waits for the PRACK of a description before it
        self._description = b""  # the last of ours that was accepted: a refresh says it again
        self._pending: Pending | None = None
        self._answer: Answer | None = None
        self._reoffer: Reoffer | None = None
        self._bye_reason: str | None = None  # wanted as soon as our 2xx is acknowledged (section 15)
        self._closing = False
        self._known = dialog.is_ours  # the peer has shown that it knows the dialog
        self.owes_answer: LateAnswer | None = (
            None  # the 2xx to our INVITE had the offer: its ACK has the answer
        )

    @property
    def has_description(self) -> bool:
        """Ours was given to the peer, or is on its way."""
        return bool(self._description)

    def described(self, body: bytes) -> None:
        """A description of ours goes to the peer in a message that is not sent from here."""
        self.offers.we_describe()
        self._description = body

    def register(self) -> None:
        """From now on it is the call of its id, and hears the requests of its dialog."""
        self.core.calls[self.id] = self
        self.core.dialogs[self.dialog.key] = self

    def dialog_with(self, fork: str) -> Session:
        """For requests of ours, in the one dialog there is. Before an ACK or PRACK the peer may not know it: our 2xx
        or 18x may be lost or overtaken, and a request would be answered 481, which ends the call."""
        if not self._known:
            raise WrongState("the other side may not know the dialog yet")
        return self

    @property
    def closing(self) -> bool:
        return self._closing

    @property
    def told_host(self) -> str:
        return self.dialog.told_host

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
        reliable: bool | None = None,
    ) -> None:
        """`reliable`: a provisional response is repeated until its PRACK; None: when the peer requires it."""
        pending = self._pending
        if pending is None:
            raise WrongState("no INVITE waits for a response")
        check_status(status, 101)
        said = Said(status, reason, headers, body, content_type)
        if status < 200:
            self._respond_provisional(said, pending, reliable, now)
        elif status < 300 and self._held is not None:
            raise WrongState("it is accepted already, as soon as the PRACK is there")
        elif status < 300 and self._is_unsettled(pending):
            self._held = said
        else:
            self._respond_finally(said, pending, now)

    def _is_unsettled(self, pending: Pending) -> bool:
        """A 2xx overtakes neither a description (RFC 3262 section 3) nor the answer to an offer that was made after
        it: else whoever gets the 2xx would not know with what the call was accepted."""
        overtakes = self._reliable is not None and self._reliable.holds_success
        return overtakes or (pending.described and self.offers.state is not Open.STABLE)

    def _respond_provisional(self, said: Said, pending: Pending, reliable: bool | None, now: float) -> None:
        if self._held is not None:
            raise WrongState("it is accepted already, as soon as the PRACK is there")
        if reliable is None:
            reliable = RELIABLY in tokens(pending.request.headers, "Require")
        if not reliable:
            self._send_response(said, pending, (), now)
            return
        if not supports(pending.request.headers, RELIABLY):
            raise WrongState("the other side does not take reliable provisional responses")
        describes = bool(said.body) and not pending.described

        def send(rseq: int, at: float) -> bytes:
            return self._send_response(said, pending, (("Require", RELIABLY), ("RSeq", str(rseq))), at)

        if describes:
            self.offers.we_describe()
            pending.described, self._description = True, said.body
        if self._reliable is None:
            cseq, destination = pending.request.cseq.number, pending.transaction.destination
            self._reliable = ReliableProgress(self.core, cseq, destination, self._unconfirmed)
        self._reliable.send(said.status, send, describes, now)

    def _respond_finally(self, said: Said, pending: Pending, now: float) -> None:
        more: HeaderLines = ()
        if said.status < 300:
            if said.body and not pending.described:
                self.offers.we_describe()
                pending.described, self._description = True, said.body
            more = self.timer.agree(pending.request.headers, now)
        if not pending.described:
            self.offers.move(Move.DROP)
        if self._reliable is not None:
            self._reliable.close()
        wire = self._send_response(said, pending, more, now)
        self._pending = self._held = None
        pending.transaction.user = None
        self._decided(said.status, pending, wire, now)

    def _send_response(self, said: Said, pending: Pending, more: HeaderLines, now: float) -> bytes:
        headers = said.headers
        if said.status < 300:
            records = [("Record-Route", value) for value in pending.request.headers.values("Record-Route")]
            headers = (*records, self.core.contact, ALLOW, SUPPORTED, *more, *headers)
        response = self.core.response(
            pending.request.headers, said.status, pending.source, tag=self.dialog.local.tag,
            reason=said.reason, headers=headers, body=said.body, content_type=said.content_type,
        )  # fmt: skip
        return self.core.transactions.respond(pending.transaction, response, now)

    def _decided(self, status: int, pending: Pending, wire: bytes, now: float) -> None:
        if status < 300:
            self.established = True
            self.dialog.refresh_target(pending.request.headers)
            t1_s = self.core.timers.t1_s
            cseq, destination = pending.request.cseq.number, pending.transaction.destination
            self._answer = Answer(cseq, wire, destination, t1_s)
            self.core.schedule.set(self, Clock.RESEND_ANSWER, now + t1_s)
            self.core.schedule.set(self, Clock.NO_ACK, now + self.core.timers.patience_s)
            self._replace(now)
        elif not self.established:
            self._forget(now)

    def _replace(self, now: float) -> None:
        """RFC 3891 section 3: accepted, this call takes the other's place."""
        replaced = None if self.replaces is None else self.core.calls.get(self.replaces)
        self.replaces = None
        if replaced is not None:
            replaced.bye(now, REPLACED_REASON)

    def _unconfirmed(self, now: float) -> None:
        """RFC 3262 section 3: no PRACK for 64*T1."""
        if self._pending is None:
            return
        established = self.established
        self.respond(504, now)
        if established:
            self.lost(EndCause.TIMEOUT, now)
        else:
            self.core.emit(Ended(self.id, EndCause.TIMEOUT, NO_PRACK))

    def reinvite(self, body: bytes, now: float) -> None:
        if not self.established or self._closing or self.busy:
            raise WrongState("another INVITE is under way, or the call is not up")
        if not body:
            raise WrongState("a re-INVITE of ours carries an offer")
        self._begin_reoffer(body, now, refreshes=False)

    def _begin_reoffer(self, body: bytes, now: float, *, refreshes: bool) -> None:
        self.offers.move(Move.WE_OFFER)
        lines = (self.core.contact, ALLOW, SUPPORTED, *self.timer.request_lines())
        self._reoffer = Reoffer(self.core, self, refreshes=refreshes)
        self._reoffer.begin(self._request("INVITE", lines, body), now)

    def refresh(self, now: float) -> bool:
        if self._closing or self.busy or self.updates.busy or self.offers.refusal() is not None:
            return False
        if self.dialog.allows("UPDATE"):
            self.updates.begin(b"", now, refreshes=True)
        elif self._description:
            self._begin_reoffer(self._description, now, refreshes=True)
        else:
            return False
        return True

    def expire(self, now: float) -> None:
        if not self._closing:
            self._hang_up(now, EXPIRED_REASON, EndCause.EXPIRED)

    def answer_late(self, body: bytes) -> None:
        if self.owes_answer is None or self._closing:
            raise WrongState("no offer waits for an answer")
        owed, self.owes_answer = self.owes_answer, None
        if self.offers.state is Open.THEIRS:
            self.offers.move(Move.WE_ANSWER if body else Move.DROP)
        self._description = body or self._description
        owed.answer_late(body)

    def cancel(self, now: float) -> None:
        """Nothing of ours to cancel: it was the other side that called, or the call is up."""

    def bye(self, now: float, reason: str) -> None:
        if self._closing or self._bye_reason is not None:
            return
        if not self.established:
            self.respond(480, now)
            self.core.emit(Ended(self.id, EndCause.LOCAL, reason))
        elif self._answer is not None:
            self._bye_reason = reason  # section 15: not before the ACK
        else:
            self._hang_up(now, reason, EndCause.LOCAL)

    # ---- what the peer asks for

    def receive(self, request: Request, source: Address, now: float) -> None:
        """A new request inside the dialog (12.2.2); it has been screened."""
        transaction = self.core.transactions.serve(request, reply_address(request.headers, source), now)
        transaction.resends_left = self.core.resends_towards(source[0])
        inbound = Inbound(self.core, request, transaction, source)
        if self._out_of_order(request):
            inbound.reply(500, now)
            return
        self.dialog.remote_cseq = request.cseq.number
        if request.method != "BYE":
            self._moving.seen_from(source, now, answers_first=request.method == "INVITE")
        _REQUESTS[request.method](self, inbound, now)

    def _out_of_order(self, request: Request) -> bool:
        return self.dialog.remote_cseq is not None and request.cseq.number <= self.dialog.remote_cseq

    def open(self, request: Request, transaction: Transaction, source: Address) -> None:
        """The INVITE that began it all waits for our response."""
        transaction.tag = self.dialog.local.tag
        self._await_decision(request, transaction, source)

    def abandon(self, now: float) -> None:
        """An early dialog of our INVITE that comes to nothing."""
        self._closing = True
        self._close_parts(now)

    def ends_with(self, request: Request) -> bool:
        return request.method == "BYE" and not self._closing and not self._out_of_order(request)

    def cancelled(self, transaction: Transaction, now: float) -> None:
        """The peer has withdrawn the INVITE of that transaction (9.2); one that was answered already is not touched."""
        if self._pending is None or self._pending.transaction is not transaction:
            return
        self.respond(487, now)
        if not self.established:
            self.core.emit(Cancelled(self.id))

    def acknowledged(self, ack: Request, now: float) -> bool:
        """Takes an ACK to a 2xx of ours; False when it acknowledges nothing (any more)."""
        if self._answer is None or self._answer.cseq != ack.cseq.number:
            return False
        self._stop_answering()
        self._known = True
        self._moving.answered(now)
        if self.offers.state is Open.OURS:
            self.offers.move(Move.THEY_ANSWER)
        self.core.emit(Acknowledged(self.id, ack.sdp))
        if self._bye_reason is not None:
            self._hang_up(now, self._bye_reason, EndCause.LOCAL)
        return True

    def _on_invite(self, inbound: Inbound, now: float) -> None:
        if self._closing:  # our BYE is under way, and the dialog is over (RFC 5407 section 2)
            inbound.reply(481, now)
        elif self._pending is not None:  # section 14.2: the one before is not answered yet
            inbound.reply(500, now)
        elif self.busy:  # glare (14.2), or our 2xx is not acknowledged yet (RFC 5407 3.1.4)
            inbound.reply(491, now)
        elif (glare := self.offers.refusal()) is not None:  # an UPDATE is under way (RFC 3311 section 5.2)
            inbound.reply(glare, now)
        else:
            inbound.reply(100, now)
            self._await_decision(inbound.request, inbound.transaction, inbound.source)
            self.core.emit(Reinvite(self.id, inbound.request.body))

    def _on_bye(self, inbound: Inbound, now: float) -> None:
        inbound.reply(200, now)
        if self._closing:  # both hung up at once: ours is on its way, its answer will tidy up
            return
        answered = self.established
        if self._pending is not None:
            self.respond(487, now)  # section 15.1.2; forgets a call that was never up
        if answered:
            reason = (inbound.request.headers.text("Reason") or "")[:REASON_CHARACTERS]
            self._finish(Ended(self.id, EndCause.BYE, reason), now)
        else:
            self.core.emit(Cancelled(self.id))

    def _on_prack(self, inbound: Inbound, now: float) -> None:
        try:
            ack = inbound.request.headers.require(RACK)
        except Malformed as error:
            inbound.reply(error.status, now)
            return
        sent = None if self._reliable is None else self._reliable.confirmed(ack, now)
        if sent is None:
            inbound.reply(481, now)
            return
        self._known = True
        self._confirmed(sent, inbound, now)
        self.settled(now)
        if self._reliable is not None:  # a 2xx that still waits may wait for a ring that has yet to be sent
            self._reliable.proceed(now)

    def _confirmed(self, sent: Sent, inbound: Inbound, now: float) -> None:
        """RFC 3262 section 5: a PRACK may offer something new; refused, it confirms all the same."""
        body, refusal = inbound.request.sdp, self.offers.refusal()
        if sent.describes and self.offers.state is Open.OURS:
            self.offers.move(Move.THEY_ANSWER)
        elif body:
            self.core.emit(ProgressConfirmed(self.id, sent.status, b""))
            if refusal is None:
                self.updates.offered(inbound, now)
            else:
                inbound.reply(refusal, now)
            return
        inbound.reply(200, now)
        self.core.emit(ProgressConfirmed(self.id, sent.status, body))

    def settled(self, now: float) -> None:
        """No offer is open any more: the 2xx that waited for that may go."""
        held, pending = self._held, self._pending
        if held is None or pending is None or self._closing or self._is_unsettled(pending):
            return
        self._held = None
        self.respond(held.status, now, reason=held.reason, headers=held.headers, body=held.body,
                     content_type=held.content_type)  # fmt: skip

    def _on_options(self, inbound: Inbound, now: float) -> None:
        inbound.reply(200, now, (ALLOW, SUPPORTED))

    def _await_decision(self, request: Request, transaction: Transaction, source: Address) -> None:
        if request.body:
            self.offers.move(Move.THEY_OFFER)
        self._reliable = None
        self._pending = Pending(request, transaction, source)
        transaction.user = Asking(self)

    # ---- deadlines

    def fire(self, name: Hashable, now: float) -> None:
        if self._answer is None:
            return
        if name is Clock.RESEND_ANSWER:
            if not self.core.may_answer_again(self._answer.destination[0], self._answer.repeated):
                return
            self._answer.repeated += 1
            self.core.repeat(self._answer.wire, self._answer.destination)
            self._answer.interval_s = min(self._answer.interval_s * 2, self.core.timers.t2_s)
            self.core.schedule.set(self, Clock.RESEND_ANSWER, now + self._answer.interval_s)
        else:
            self._stop_answering()
            self._hang_up(now, NO_ACK_REASON, EndCause.NO_ACK)

    # ---- ends

    def lost(self, cause: EndCause, now: float) -> None:
        """The peer does not know the dialog any more, or does not answer in it (12.2.1.2)."""
        if not self._closing:
            self._hang_up(now, LOST_REASON, cause)

    def unreachable(self, cause: EndCause, now: float) -> None:
        """No response of ours gets back to the peer: its INVITE is as good as withdrawn (17.2.4)."""
        if self._reliable is not None:
            self._reliable.close()
        if self._pending is not None and not self._pending.described:
            self.offers.move(Move.DROP)
        self._pending = self._held = None
        if not self.established:
            self._finish(Ended(self.id, cause, NO_WAY_BACK), now)

    def reoffered(self, event: ReinviteDone | Refreshed | None, description: bytes = b"") -> None:
        """Our re-INVITE is decided, and `description` holds if it was accepted; no event: nothing is told."""
        self._reoffer = None
        if self.offers.state is Open.OURS:
            self.offers.move(Move.THEY_ANSWER if description else Move.DROP)
        self._description = description or self._description
        if event is not None and not self._closing:
            self.core.emit(event)

    def dismiss(self, now: float, reason: str) -> None:
        """Hangs up a dialog that no call above knows of."""
        self._send_bye(now, reason)

    def _hang_up(self, now: float, reason: str, cause: EndCause) -> None:
        self._send_bye(now, reason)
        self.core.emit(Ended(self.id, cause, reason))

    def _send_bye(self, now: float, reason: str) -> None:
        if self.owes_answer is not None:
            self.answer_late(b"")  # no answer will come: the ACK is owed all the same
        self._closing = True
        self._stop_answering()  # when the dialog was lost before its ACK
        if self._pending is not None:
            self.respond(487, now)
        self._close_parts(now)
        headers = (("Reason", reason),) if reason else ()
        request, hop = self._request("BYE", headers), self.dialog.next_hop()
        if not self._known and not self.core.trust.affords(hop, len(request.build())):
            self._forget(now)  # whoever wrote that address on his INVITE has had his share
            return
        transaction = self.send(request, Farewell(self, request), now)
        if not self._known and not self.core.trust.has_proven(hop[0]):
            transaction.resends_left = self.core.limits.unproven_farewells

    def _finish(self, event: SipEvent, now: float) -> None:
        self._forget(now)
        self.core.emit(event)

    def _forget(self, now: float) -> None:
        self._closing = True
        self._stop_answering()
        self._close_parts(now)
        self.core.calls.pop(self.id, None)
        self.core.dialogs.pop(self.dialog.key, None)

    def challenged(self, bye: Request, response: Response, source: Address, now: float) -> bool:
        """Says goodbye once more, with credentials, when it was a trunk of ours that asked for them."""
        again = self.dialog.retry(bye, response, source, self.core.branch())
        if again is not None:
            self.send(again, Farewell(self, again), now)
        return again is not None

    def farewell(self, now: float) -> None:
        """Our BYE was answered, or never will be."""
        self._forget(now)

    def _close_parts(self, now: float) -> None:
        """Nothing is begun any more, no deadline is left, and what the peer still waits for is answered."""
        if self._reliable is not None:
            self._reliable.close()
        self.timer.close()
        self.updates.close(now)
        self.referrals.close(now)
        self.subscriptions.close()
        self.infos.close()

    def _stop_answering(self) -> None:
        self._answer = None
        self.core.schedule.clear(self, Clock.RESEND_ANSWER)
        self.core.schedule.clear(self, Clock.NO_ACK)

    # ---- messages

    @property
    def busy(self) -> bool:
        inviting = self.dialog.is_ours and not self.established
        return inviting or self._pending is not None or self._answer is not None or self._reoffer is not None

    def acknowledge(self, invite: Request, body: bytes = b"") -> bytes:
        """Sends the ACK to a 2xx (13.2.2.4): the INVITE's number, a branch of its own; returns it."""
        hop = self.dialog.next_hop()
        request = self._request("ACK", (), body, cseq=invite.cseq.number)
        ack = self.core.locals.addressed(request, hop).build()
        self.core.send(ack, hop)
        return ack

    def ask(
        self, method: str, user: TransactionUser | None, now: float, *, headers: HeaderLines = (), body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> Request:  # fmt: skip
        """Sends a request of a part's inside the dialog; `user` hears what comes of it."""
        request = self._request(method, headers, body, content_type=content_type)
        self.send(request, user, now)
        return request

    def send(self, request: Request, user: TransactionUser | None, now: float) -> Transaction:
        """To where the peer is. A Contact or a route may name anybody: where the peer was never seen, and nobody has
        answered, a request goes three times and not eleven."""
        core, hop = self.core, self.dialog.next_hop()
        only_named = (
            hop[0] != self.dialog.peer[0] and not is_reliable(hop) and not core.trust.has_proven(hop[0])
        )
        if only_named:
            core.trust.heard(hop, len(request.build()))
        transaction = core.transactions.request(request, hop, user, now)
        if only_named:
            transaction.resends_left = core.limits.unproven_resends
        return transaction

    def ask_at(self, place: Address, user: TransactionUser, now: float) -> bool:
        """One OPTIONS to where the peer may be; False: that would be more than what came from there pays for."""
        if not self._known or self._closing:
            return False
        request = self._request("OPTIONS")
        if not self.core.trust.affords(place, len(request.build())):
            return False
        transaction = self.core.transactions.request(request, place, user, now)
        transaction.resends_left = 0
        return True

    def _request(
        self,
        method: str,
        headers: HeaderLines = (),
        body: bytes = b"",
        *,
        cseq: int | None = None,
        content_type: str = "application/sdp",
    ) -> Request:
        dialog = self.dialog
        uri, routes = dialog.request_line()
        number = dialog.next_cseq() if cseq is None else cseq
        parties = dialog.local, dialog.remote, dialog.call_id
        return self.core.request(
            method, uri, number, parties, routes=routes, headers=headers, body=body, content_type=content_type
        )


class Farewell:
    """The user of a BYE: whatever comes of it, the dialog is over (15.1.1)."""

    __slots__ = ("_request", "_session")

    def __init__(self, session: Session, request: Request) -> None:
        self._session, self._request = session, request

    def responded(self, response: Response, source: Address, now: float) -> None:
        if response.status >= 200 and not self._session.challenged(self._request, response, source, now):
            self._session.farewell(now)

    def failed(self, cause: EndCause, now: float) -> None:
        self._session.farewell(now)


class Asking:
    """The user of an INVITE of the peer's, while it waits for our decision."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def responded(self, response: Response, source: Address, now: float) -> None:
        """Never: to the peer's request the responses are ours."""

    def failed(self, cause: EndCause, now: float) -> None:
        self._session.unreachable(cause, now)


_REQUESTS: dict[str, Callable[[Session, Inbound, float], None]] = {
    "INVITE": Session._on_invite,
    "BYE": Session._on_bye,
    "PRACK": Session._on_prack,
    "OPTIONS": Session._on_options,
    "UPDATE": lambda session, inbound, now: session.updates.receive(inbound, now),
    "INFO": lambda session, inbound, now: session.infos.receive(inbound, now),
    "REFER": lambda session, inbound, now: session.referrals.receive(inbound, now),
    "NOTIFY": lambda session, inbound, now: session.subscriptions.receive(inbound, now),
}
