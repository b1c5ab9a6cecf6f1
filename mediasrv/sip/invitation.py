"""A call of ours until somebody has answered it: progress, refusal, giving up, and forks.

One INVITE can be answered by several phones, when a proxy on the way rings them all. The first 2xx wins the
call; every other one opens a dialog that is acknowledged and hung up at once (RFC 3261 section 13.2.2.4).
The same goes for a 2xx that crosses our CANCEL (9.1). A 2xx that comes again only gets its ACK again.

Some refusals are not the end: 422 names a longer session interval, and the INVITE is sent again with it; 3xx names
other places, which the room above may have tried (`redirect`), each once, and only so many.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum, auto

from mediasrv.sip.auth.client import Account, Answerer
from mediasrv.sip.core import ALLOW, SUPPORTED, USUAL_HOPS, Core, HeaderLines, reply_address
from mediasrv.sip.dialog import Dialog
from mediasrv.sip.dialogs.early import EarlyDialogs
from mediasrv.sip.dialogs.offers import Move, Open
from mediasrv.sip.dialogs.session_timer import MIN_INTERVAL_S, MIN_SE, client_lines
from mediasrv.sip.errors import Malformed, WrongState
from mediasrv.sip.events import Answered, EndCause, Redirected, Rejected, SipCallId
from mediasrv.sip.grammar.fields import NameAddr
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.message import Request, Response, phrase
from mediasrv.sip.grammar.redirects import redirect_targets
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.hop import Address
from mediasrv.sip.session import Session
from mediasrv.sip.tables import Event
from mediasrv.sip.transaction import Transaction

_STATUS_OF_FAILURE = {EndCause.TIMEOUT: 408, EndCause.TRANSPORT: 503}  # section 8.1.3.1
DISMISS_REASON = 'SIP;cause=200;text="call completed elsewhere"'  # RFC 3326 section 3.1


LONGEST_INTERVAL_S = 86_400  # a session interval beyond a day keeps nothing alive
Parties = tuple[NameAddr, NameAddr, str]


class Clock(Enum):
    RING = auto()
    GIVE_UP = auto()
    REDIRECT = auto()
    SILENCE = auto()


class Invitation:
    """The user of one INVITE of ours."""

    __slots__ = (
        "_acks",
        "_answerer",
        "_cancel_wanted",
        "_core",
        "_decided",
        "_early",
        "_follows",
        "_headers",
        "_heard",
        "_hops",
        "_interval_s",
        "_invite",
        "_late",
        "_least_s",
        "_redirection",
        "_silence_s",
        "_transaction",
        "_tried",
        "id",
    )

    def __init__(self, core: Core) -> None:
        self._core = core
        self.id: SipCallId = core.next_call()
        self._invite: Request
        self._transaction: Transaction
        self._early: EarlyDialogs
        self._headers: HeaderLines = ()
        self._hops = USUAL_HOPS
        self._heard = False  # a provisional response: from then on CANCEL is allowed
        self._cancel_wanted = False
        self._decided = False  # answered, refused or given up: what comes now is for nobody
        self._answerer: Answerer | None = None
        self._late: Session | None = None  # answered with an offer: its ACK waits for our answer
        self._acks: dict[str, tuple[bytes, Address]] = {}  # by the other side's tag
        self._silence_s: float | None = None
        self._interval_s, self._least_s = int(core.timers.session_s), MIN_INTERVAL_S  # RFC 4028
        self._follows = False
        self._redirection: Response | None = None  # a 3xx that waits for `redirect`
        self._tried: set[str] = set()  # Request-URIs: nobody is asked twice

    def begin(
        self,
        target: Uri,
        destination: Address,
        from_uri: Uri,
        body: bytes,
        headers: HeaderLines,
        now: float,
        *,
        follow: bool = False,
        hops: int = USUAL_HOPS,
        account: Account | None = None,
        session_s: int | None = None,
        silence_s: float | None = None,
    ) -> None:
        """`follow`: a 3xx becomes `Redirected` instead of `Rejected`. `session_s`: other than our usual interval.
        `silence_s`: whoever has not said a word by then is not there, sooner than after 64*T1."""
        if hops < 1:
            raise WrongState("this call may go no further: whoever sent it deserves 483")
        core = self._core
        if account is not None:
            self._answerer = Answerer(account, destination[0], core.tokens)
        if session_s is not None:
            self._interval_s = session_s
        local = NameAddr(from_uri).tagged(core.tokens.token())
        call_id = f"{core.tokens.token(12)}@{core.local[0]}"
        self._headers, self._follows, self._hops = headers, follow, hops
        self._silence_s = silence_s
        core.calls[self.id] = self
        core.inviting[call_id, local.tag] = self
        self._send(target, destination, 1, (local, NameAddr(target), call_id), body, now)

    @property
    def call_id(self) -> str:
        return self._invite.call_id

    def _send(
        self, target: Uri, destination: Address, cseq: int, parties: Parties, body: bytes, now: float
    ) -> None:
        core = self._core
        expires = client_lines(self._interval_s, self._least_s)
        self._invite = core.request(
            "INVITE", target, cseq, parties,
            headers=(core.contact, ALLOW, SUPPORTED, *expires, *self._headers), body=body, hops=self._hops,
        )  # fmt: skip
        self._tried.add(str(target))
        self._early = EarlyDialogs(core, self.id, self._invite)
        self._begin_transaction(destination, now)

    def _begin_transaction(self, destination: Address, now: float) -> None:
        self._heard = False
        self._transaction = self._core.transactions.request(self._invite, destination, self, now)
        if self._silence_s is not None:
            self._core.schedule.set(self, Clock.SILENCE, now + self._silence_s)

    def _send_again(self, target: Uri, destination: Address, now: float) -> None:
        """Section 8.1.3.5: the same call, with the next number."""
        invite = self._invite
        self._early.close(now)
        self._core.schedule.clear(self, Clock.RING)
        parties = invite.from_, invite.to, invite.call_id
        self._send(target, destination, invite.cseq.number + 1, parties, invite.body, now)

    # ---- what the rooms above ask for

    def cancel(self, now: float) -> None:
        if self._decided or self._cancel_wanted:
            return
        self._cancel_wanted = True
        if self._redirection is not None:
            self._refused(487, phrase(487), Headers(), now)
        elif self._heard:
            self._send_cancel(now)

    def bye(self, now: float, reason: str) -> None:
        self.cancel(now)

    def dialog_with(self, fork: str) -> Session:
        return self._early.find(fork)

    @property
    def told_host(self) -> str:
        return ""

    def has_early(self, tag: str) -> bool:
        return tag in self._early

    def confirm(self, body: bytes, fork: str, now: float) -> None:
        self._early.confirm(body, fork, now)

    def redirect(self, target: Uri, destination: Address, now: float) -> None:
        """Tries one of the places that a 3xx has named."""
        if self._redirection is None:
            raise WrongState("no redirection waits")
        if str(target) in self._tried:
            raise WrongState("that was tried already")
        self._redirection = None
        self._core.schedule.clear(self, Clock.REDIRECT)
        self._send_again(target, destination, now)

    # ---- what becomes of it

    def responded(self, response: Response, source: Address, now: float) -> None:
        self._core.schedule.clear(self, Clock.SILENCE)
        if response.kind == "provisional":
            self._progress(response, source, now)
            return
        self._core.schedule.clear(self, Clock.GIVE_UP)
        if response.kind == "success":
            self._accepted(response, source, now)
        elif not (self._decided or self._challenged(response, source, now) or self._tries_on(response, now)):
            self._refused(response.status, response.reason, response.headers, now)

    def _tries_on(self, response: Response, now: float) -> bool:
        """Whether a refusal is not the end."""
        if self._cancel_wanted:
            return False
        if response.status == 422:
            return self._lengthen(response, now)
        if not self._follows or not 300 <= response.status < 400:
            return False
        targets = [uri for uri in redirect_targets(response.headers) if str(uri) not in self._tried]
        if not targets or len(self._tried) > self._core.limits.redirects:
            return False
        self._redirection = response
        self._core.schedule.set(self, Clock.REDIRECT, now + self._core.timers.decide_s)
        self._core.emit(Redirected(self.id, response.status, tuple(targets)))
        return True

    def _lengthen(self, response: Response, now: float) -> bool:
        """RFC 4028 section 7.4: again with the interval that is long enough; each time longer, so it ends."""
        try:
            least_s = response.headers.require(MIN_SE)
        except Malformed:
            return False
        if not 0 < self._interval_s < least_s <= LONGEST_INTERVAL_S:
            return False
        self._least_s = self._interval_s = least_s
        self._send_again(self._invite.uri, self._transaction.destination, now)
        return True

    def failed(self, cause: EndCause, now: float) -> None:
        if not self._decided:
            status = _STATUS_OF_FAILURE[cause]
            self._refused(status, phrase(status), Headers(), now)

    def receive(self, request: Request, source: Address, now: float) -> None:
        """A request in an early dialog. BYE: it overtook the 2xx, or all of them were lost (RFC 5407 section 3.1)."""
        if request.method != "BYE":
            if not self._early.receive(request, source, now):
                self._core.reply(request.headers, 481, source)
            return
        transaction = self._core.transactions.serve(request, reply_address(request.headers, source), now)
        self._core.transactions.respond(transaction, self._core.response(request.headers, 200, source), now)
        self._transaction.apply(Event.ABANDON, now)
        self._refused(487, "hung up before its answer arrived", request.headers, now)

    def acknowledged(self, ack: Request, now: float) -> bool:
        return False

    def ends_with(self, request: Request) -> bool:
        return request.method == "BYE"

    def fire(self, name: Hashable, now: float) -> None:
        if name is Clock.RING:
            self._core.counts["ended.ring_time"] += 1
            self.cancel(now)
        elif name is Clock.REDIRECT:
            assert self._redirection is not None
            undecided = self._redirection
            self._refused(undecided.status, undecided.reason, undecided.headers, now)
        elif name is Clock.SILENCE:
            self._pass_over(now)
        else:
            self._transaction.apply(Event.ABANDON, now)
            if not self._decided:
                self._refused(487, "cancelled, and never answered", Headers(), now)

    def _pass_over(self, now: float) -> None:
        """Over for whoever called, and not sent again; who heard it and answers late is cancelled or hung up."""
        self._core.counts["ended.silence"] += 1
        self._cancel_wanted = True
        self._transaction.resends_left = 0
        self._refused(408, phrase(408), Headers(), now)

    def _progress(self, response: Response, source: Address, now: float) -> None:
        if not self._heard:
            self._heard = True
            if self._cancel_wanted:
                self._send_cancel(now)
            else:
                self._core.schedule.set(self, Clock.RING, now + self._core.timers.ring_s)
        if response.status == 100 or self._cancel_wanted:
            return
        progress = self._early.progressed(response, source, now)
        if progress is not None:
            self._core.emit(progress)

    def _challenged(self, response: Response, source: Address, now: float) -> bool:
        """Calls once more, with credentials, when it was our trunk that asked for them (section 22.2)."""
        if self._answerer is None or self._cancel_wanted:
            return False
        cseq, branch = self._invite.cseq.number + 1, self._core.branch()
        again = self._answerer.retry(self._invite, response, source[0], cseq, branch)
        if again is None:
            return False
        self._early.close(now)
        self._invite = again
        self._early = EarlyDialogs(self._core, self.id, again)
        self._core.schedule.clear(self, Clock.RING)
        self._begin_transaction(self._transaction.destination, now)
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
                self._refused(502, phrase(502), response.headers, now)
            return
        dialog.answerer = self._answerer
        session = self._early.take(dialog)
        session.dialog.answerer = self._answerer
        if self._decided or self._cancel_wanted:
            self._decline(session, now)
        else:
            self._win(session, response, now)

    def _win(self, session: Session, response: Response, now: float) -> None:
        self._leave(now)
        if self._answerer is not None:
            self._answerer.accepted()
        session.established = True
        session.register()
        if session.offers.state is Open.OURS:
            session.offers.move(Move.THEY_ANSWER if response.sdp else Move.DROP)
        if session.has_description:  # in our INVITE, or in a PRACK
            self._acknowledge(session, b"")
        else:
            if response.sdp and session.offers.state is Open.STABLE:
                session.offers.move(Move.THEY_OFFER)
            session.owes_answer = self
            self._late = session
        session.timer.answered(response.headers, now)
        self._core.emit(Answered(self.id, response.sdp, response.to.tag))

    def _decline(self, session: Session, now: float) -> None:
        """Nobody wants this one: acknowledged and hung up; the call it belongs to hears nothing of it."""
        session.id = self._core.next_call()
        session.established = True
        session.register()
        self._acknowledge(session, b"")
        session.dismiss(now, DISMISS_REASON)
        if not self._decided:
            self._refused(487, phrase(487), Headers(), now)

    def answer_late(self, body: bytes) -> None:
        """Our answer to the offer that came with the 2xx."""
        if self._late is None:
            raise WrongState("no offer waits for an answer")
        session, self._late = self._late, None
        self._acknowledge(session, body)

    def _acknowledge(self, session: Session, body: bytes) -> None:
        ack = session.acknowledge(self._invite, body)
        self._acks[session.dialog.remote.tag] = ack, session.dialog.next_hop()

    def _refused(self, status: int, reason: str, headers: Headers, now: float) -> None:
        self._leave(now)
        self._core.calls.pop(self.id, None)
        self._core.emit(Rejected(self.id, status, reason, headers))

    def _leave(self, now: float) -> None:
        self._decided = True
        self._redirection = None
        self._early.close(now)
        for clock in Clock:
            self._core.schedule.clear(self, clock)
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
