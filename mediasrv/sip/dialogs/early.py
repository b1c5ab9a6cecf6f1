"""The early dialogs of one INVITE of ours: every telephone that rings may have one (RFC 3261 section 12.1.2).

A reliable provisional response opens one, since its PRACK already travels inside it; an unreliable one is only told.
Each has its own offer and answer, its own numbers, and takes requests. One of them may become the call, with
everything that it knows; the others come to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mediasrv.sip.core import Core
from mediasrv.sip.dialog import Dialog
from mediasrv.sip.dialogs.offers import Move, Open
from mediasrv.sip.dialogs.provisional import Arrival, RAck, ReliableArrivals, reliable_number
from mediasrv.sip.errors import Malformed, WrongState
from mediasrv.sip.events import Progress, SipCallId
from mediasrv.sip.grammar.message import Request, Response
from mediasrv.sip.hop import Address
from mediasrv.sip.session import Session


@dataclass(slots=True)
class Early:
    session: Session
    arrivals: ReliableArrivals = field(default_factory=ReliableArrivals)
    answer_due: int | None = None  # the RSeq whose PRACK waits for our answer


class EarlyDialogs:
    """By the other side's tag."""

    __slots__ = ("_core", "_dialogs", "_id", "_invite")

    def __init__(self, core: Core, call: SipCallId, invite: Request) -> None:
        self._core, self._id, self._invite = core, call, invite
        self._dialogs: dict[str, Early] = {}

    def __contains__(self, tag: str) -> bool:
        return tag in self._dialogs

    def progressed(self, response: Response, source: Address, now: float) -> Progress | None:
        """What a provisional response tells, its PRACK sent where one is wanted; None: nothing new."""
        tag = response.to.tag
        try:
            rseq = reliable_number(response.headers)
            if rseq is None:
                return Progress(self._id, response.status, response.sdp, tag)
            early = self._open(tag, response, source)
        except Malformed:
            self._core.counts["dropped.malformed"] += 1
            return None
        if early is None or early.arrivals.take(rseq) is not Arrival.NEXT:
            return None
        answer_due = self._describe(early, response)
        if answer_due:
            early.answer_due = rseq
        else:
            self._acknowledge(early, rseq, b"", now)
        return Progress(self._id, response.status, response.sdp, tag, reliable=True, answer_due=answer_due)

    def confirm(self, body: bytes, fork: str, now: float) -> None:
        """Our answer to the offer of a reliable response; `fork` says whose, when there are several."""
        due = [e for tag, e in self._dialogs.items() if e.answer_due is not None and fork in ("", tag)]
        if len(due) != 1 or due[0].answer_due is None:
            raise WrongState("not exactly one offer waits for an answer")
        if not body:
            raise WrongState("an offer is answered with a description")
        rseq, due[0].answer_due = due[0].answer_due, None
        due[0].session.described(body)
        self._acknowledge(due[0], rseq, body, now)

    def receive(self, request: Request, source: Address, now: float) -> bool:
        """Hands a request to its early dialog; False when there is none."""
        early = self._dialogs.get(request.from_.tag)
        if early is not None:
            early.session.receive(request, source, now)
        return early is not None

    def find(self, fork: str) -> Session:
        """The dialog that a request of ours, or an answer, can be meant for; `fork` may be empty when there is one."""
        if fork in self._dialogs:
            return self._dialogs[fork].session
        if len(self._dialogs) != 1:
            raise WrongState("not exactly one early dialog")
        return next(iter(self._dialogs.values())).session

    def take(self, dialog: Dialog) -> Session:
        """The session for a 2xx: the early one if there is one, else a new one. It is not ours any more."""
        early = self._dialogs.pop(dialog.remote.tag, None)
        if early is None:
            return self._session(dialog)
        before, early.session.dialog = early.session.dialog, dialog
        # Section 13.2.2.4: the route set is the 2xx's; the numbers go on.
        dialog.local_cseq, dialog.remote_cseq = before.local_cseq, before.remote_cseq
        dialog.methods = dialog.methods or before.methods
        return early.session

    def close(self, now: float) -> None:
        """They come to nothing, but are remembered: a 2xx may be on its way, and then a BYE needs the numbers."""
        for early in self._dialogs.values():
            early.session.abandon(now)

    def _open(self, tag: str, response: Response, source: Address) -> Early | None:
        early = self._dialogs.get(tag)
        if early is not None:
            return early
        if not tag or len(self._dialogs) >= self._core.limits.forks:
            self._core.counts["dropped.forks"] += 1
            return None
        dialog = Dialog.of_client(self._invite, response, source)
        early = self._dialogs[tag] = Early(self._session(dialog))
        return early

    def _session(self, dialog: Dialog) -> Session:
        session = Session(self._core, self._id, dialog)
        if self._invite.body:
            session.described(self._invite.body)
        return session

    def _describe(self, early: Early, response: Response) -> bool:
        """Whether the description in it is an offer; one that is repeated changes nothing (section 13.2.1)."""
        offers = early.session.offers
        if not response.sdp:
            return False
        if offers.state is Open.OURS:
            offers.move(Move.THEY_ANSWER)
            return False
        if self._invite.body or early.session.has_description or offers.state is not Open.STABLE:
            return False
        offers.move(Move.THEY_OFFER)
        return True

    def _acknowledge(self, early: Early, rseq: int, body: bytes, now: float) -> None:
        """RFC 3262 section 4. Its answer tells nothing: a PRACK that fails is the other side's to notice."""
        ack = RAck(rseq, self._invite.cseq.number, "INVITE")
        early.session.ask("PRACK", None, now, headers=(("RAck", str(ack)),), body=body)
