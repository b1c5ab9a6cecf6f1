"""A call of ours until somebody has answered it: progress, refusal, giving up, and forks.

One INVITE can be answered by several phones, when a proxy on the way rings them all. The first 2xx wins the
call; every other one opens a dialog that is acknowledged and hung up at once (RFC 3261 section 13.2.2.4).
The same goes for a 2xx that crosses our CANCEL (9.1). A 2xx that comes again only gets its ACK again.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum, auto

from mediasrv.sip.auth.client import Account, Answerer
from mediasrv.sip.core import ALLOW, Core, HeaderLines, reply_address
from mediasrv.sip.dialog import Dialog
from mediasrv.sip.errors import Malformed, WrongState
from mediasrv.sip.events import Answered, EndCause, Progress, Rejected, SipCallId
from mediasrv.sip.grammar.fields import NameAddr
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.message import Request, Response, phrase
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.limits import Address
from mediasrv.sip.session import Session
from mediasrv.sip.tables import Event
from mediasrv.sip.transaction import Transaction

_STATUS_OF_FAILURE = {EndCause.TIMEOUT: 408, EndCause.TRANSPORT: 503}  # section 8.1.3.1
DISMISS_REASON = 'SIP;cause=200;text="call completed elsewhere"'  # RFC 3326 section 3.1


class Clock(Enum):
    RING = auto()
    GIVE_UP = auto()


class Invitation:
    """The user of one INVITE of ours."""

    __slots__ = (
        "_acks",
        "_answerer",
        "_cancel_wanted",
        "_core",
        "_decided",
        "_heard",
        "_invite",
        "_late",
        "_transaction",
        "id",
    )

    def __init__(self, core: Core) -> None:
        self._core = core
        self.id: SipCallId = core.next_call()
        self._invite: Request
        self._transaction: Transaction
        self._heard = False  # a provisional response: from then on CANCEL is allowed
        self._cancel_wanted = False
        self._decided = False  # answered, refused or given up: what comes now is for nobody
        self._answerer: Answerer | None = None
        self._late: Session | None = None  # answered with an offer: its ACK waits for our answer
        self._acks: dict[str, tuple[bytes, Address]] = {}  # by the other side's tag

    def begin(
        self,
        target: Uri,
        destination: Address,
        from_uri: Uri,
        body: bytes,
        headers: HeaderLines,
        now: float,
        account: Account | None = None,
    ) -> None:
        core = self._core
        if account is not None:
            self._answerer = Answerer(account, destination[0], core.tokens)
        local = NameAddr(from_uri).tagged(core.tokens.token())
        call_id = f"{core.tokens.token(12)}@{core.local[0]}"
        self._invite = core.request(
            "INVITE", target, 1, (local, NameAddr(target), call_id),
            headers=(core.contact, ALLOW, *headers), body=body,
        )  # fmt: skip
        core.calls[self.id] = self
        core.inviting[call_id, local.tag] = self
        self._transaction = core.transactions.request(self._invite, destination, self, now)

    # ---- what the rooms above ask for

    def cancel(self, now: float) -> None:
        if self._decided or self._cancel_wanted:
            return
        self._cancel_wanted = True
        if self._heard:
            self._send_cancel(now)

    def bye(self, now: float, reason: str) -> None:
        self.cancel(now)

    # ---- what becomes of it

    def responded(self, response: Response, source: Address, now: float) -> None:
        if response.kind == "provisional":
            self._progress(response, now)
        elif response.kind == "success":
            self._accepted(response, source, now)
        elif not self._decided and not self._challenged(response, source, now):
            self._refused(response.status, response.reason, response.headers)

    def failed(self, cause: EndCause, now: float) -> None:
        if not self._decided:
            status = _STATUS_OF_FAILURE[cause]
            self._refused(status, phrase(status), Headers())

    def receive(self, request: Request, source: Address, now: float) -> None:
        """RFC 5407 section 3.1: a BYE overtook the 2xx, or all of them were lost. It is over all the same."""
        if request.method != "BYE":
            self._core.reply(request.headers, 481, source)
            return
        transaction = self._core.transactions.serve(request, reply_address(request.headers, source), now)
        self._core.transactions.respond(transaction, self._core.response(request.headers, 200, source), now)
        self._transaction.apply(Event.ABANDON, now)
        self._refused(487, "hung up before its answer arrived", request.headers)

    def acknowledged(self, ack: Request, now: float) -> bool:
        return False

    def ends_with(self, request: Request) -> bool:
        return request.method == "BYE"

    def fire(self, name: Hashable, now: float) -> None:
        if name is Clock.RING:
            self._core.counts["ended.ring_time"] += 1
            self.cancel(now)
        else:
            self._transaction.apply(Event.ABANDON, now)
            if not self._decided:
                self._refused(487, "cancelled, and never answered", Headers())

    def _progress(self, response: Response, now: float) -> None:
        if not self._heard:
            self._heard = True
            self._core.schedule.set(self, Clock.RING, now + self._core.timers.ring_s)
            if self._cancel_wanted:
                self._send_cancel(now)
        if response.status > 100 and not self._cancel_wanted:
            self._core.emit(Progress(self.id, response.status, response.sdp))

    def _challenged(self, response: Response, source: Address, now: float) -> bool:
        """Calls once more, with credentials, when it was our trunk that asked for them (section 22.2)."""
        if self._answerer is None or self._cancel_wanted:
            return False
        cseq, branch = self._invite.cseq.number + 1, self._core.branch()
        again = self._answerer.retry(self._invite, response, source[0], cseq, branch)
        if again is None:
            return False
        self._invite, self._heard = again, False
        self._core.schedule.clear(self, Clock.RING)
        self._transaction = self._core.transactions.request(again, self._transaction.destination, self, now)
        return True

    def _accepted(self, response: Response, source: Address, now: float) -> None:
        tag = response.to.tag
        known = self._acks.get(tag)
        if known:
            self._core.send(*known)
            return
        if self._late is not None and self._late.dialog.remote.tag == tag:
            return  # its ACK waits for `acknowledge`
        if len(self._acks) >= self._core.limits.forks:
            self._core.counts["dropped.forks"] += 1
            return
        try:
            dialog = Dialog.of_client(self._invite, response, source)
        except Malformed:  # nobody could be acknowledged there, so there is no call either
            self._core.counts["dropped.malformed"] += 1
            if not self._decided:
                self._refused(502, phrase(502), response.headers)
            return
        dialog.answerer = self._answerer
        if self._decided or self._cancel_wanted:
            self._decline(dialog, now)
        else:
            self._win(dialog, response.sdp, now)

    def _win(self, dialog: Dialog, body: bytes, now: float) -> None:
        self._leave()
        if self._answerer is not None:
            self._answerer.accepted()
        session = Session(self._core, self.id, dialog)
        session.established = True
        if self._invite.body:
            self._acknowledge(session, b"")
        else:
            session.owes_answer = self
            self._late = session
        self._core.emit(Answered(self.id, body))

    def _decline(self, dialog: Dialog, now: float) -> None:
        """Nobody wants this one: acknowledged and hung up; the call it belongs to hears nothing of it."""
        session = Session(self._core, self._core.next_call(), dialog)
        session.established = True
        self._acknowledge(session, b"")
        session.dismiss(now, DISMISS_REASON)
        if not self._decided:
            self._refused(487, phrase(487), Headers())

    def answer_late(self, body: bytes) -> None:
        """Our answer to the offer that came with the 2xx."""
        if self._late is None:
            raise WrongState("no offer waits for an answer")
        session, self._late = self._late, None
        self._acknowledge(session, body)

    def _acknowledge(self, session: Session, body: bytes) -> None:
        ack = session.acknowledge(self._invite, body)
        self._acks[session.dialog.remote.tag] = ack, session.dialog.next_hop()

    def _refused(self, status: int, reason: str, headers: Headers) -> None:
        self._leave()
        self._core.calls.pop(self.id, None)
        self._core.emit(Rejected(self.id, status, reason, headers))

    def _leave(self) -> None:
        self._decided = True
        self._core.schedule.clear(self, Clock.RING)
        self._core.schedule.clear(self, Clock.GIVE_UP)
        self._core.inviting.pop((self._invite.call_id, self._invite.from_.tag), None)

    def _send_cancel(self, now: float) -> None:
        """Section 9.1: the INVITE's own branch and number; after 64*T1 we stop waiting."""
        invite = self._invite
        parties = invite.from_, invite.to, invite.call_id
        cancel = self._core.request(
            "CANCEL", invite.uri, invite.cseq.number, parties, branch=invite.via.branch
        )
        self._core.transactions.request(cancel, self._transaction.destination, None, now)
        self._core.schedule.set(self, Clock.GIVE_UP, now + self._core.timers.patience_s)
