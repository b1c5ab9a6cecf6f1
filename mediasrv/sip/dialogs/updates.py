"""UPDATE (RFC 3311): a change of the session, or a sign of life, without an INVITE.

It may be used before the call is answered, and it is answered at once by a machine, not by a person: so one that
carries an offer waits here for a decision only as long as its sender would wait, and is then refused (504). One
without an offer is answered here. An offer inside PRACK (RFC 3262 section 5) is the same thing in another message.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum, auto

from mediasrv.sip.core import ALLOW, SUPPORTED, HeaderLines, check_status
from mediasrv.sip.dialogs.glare import move_target, retry_wait_s
from mediasrv.sip.dialogs.inbound import DIALOG_LOST, Inbound, Talking
from mediasrv.sip.dialogs.offers import Move, Open
from mediasrv.sip.dialogs.refresh import Refresh
from mediasrv.sip.errors import WrongState
from mediasrv.sip.events import EndCause, Refreshed, UpdateDone, UpdateOffered
from mediasrv.sip.grammar.message import Response
from mediasrv.sip.hop import Address


class Clock(Enum):
    DECIDE = auto()


class Updates:
    """At most one of each side's is under way."""

    __slots__ = ("_asked", "_refresh", "_refreshes", "_session", "_under_way")

    def __init__(self, session: Talking, refresh: Refresh) -> None:
        self._session, self._refresh = session, refresh
        self._asked: Inbound | None = None  # with an offer: waits for our answer
        self._under_way = False
        self._refreshes = False  # the one under way is the session timer's

    @property
    def busy(self) -> bool:
        return self._under_way or self._asked is not None

    # ---- ours

    def begin(self, body: bytes, now: float, *, refreshes: bool = False) -> None:
        session = self._session
        if session.closing or self._under_way:
            raise WrongState("an UPDATE is under way, or the call is over")
        if not session.dialog.allows("UPDATE"):
            raise WrongState("the other side does not take UPDATE")
        if body:
            session.offers.move(Move.WE_OFFER)
        self._under_way, self._refreshes = True, refreshes
        lines = (session.core.contact, ALLOW, SUPPORTED, *self._refresh.request_lines())
        session.ask("UPDATE", self, now, headers=lines, body=body)

    def responded(self, response: Response, source: Address, now: float) -> None:
        session = self._session
        if response.status < 200 or not self._under_way:
            return
        self._under_way = False
        if session.closing:
            return
        success = response.kind == "success"
        if session.offers.state is Open.OURS:
            session.offers.move(Move.THEY_ANSWER if success else Move.DROP)
        if success:
            move_target(session, response)
            self._refresh.answered(response.headers, now)
        if not self._refreshes:
            wait_s = retry_wait_s(session, response)
            session.core.emit(UpdateDone(session.id, response.status, response.sdp, wait_s))
        elif success:
            session.core.emit(Refreshed(session.id, b""))
        else:
            self._refresh.refused(response.status, response.headers, now)
        if response.status in DIALOG_LOST:
            session.lost(EndCause.TIMEOUT, now)
        session.settled(now)

    def failed(self, cause: EndCause, now: float) -> None:
        if self._under_way:
            self._under_way = False
            self._session.lost(cause, now)

    # ---- theirs

    def receive(self, inbound: Inbound, now: float) -> None:
        session, request = self._session, inbound.request
        glare = 500 if self._asked is not None else session.offers.refusal() if request.body else None
        if session.closing:
            inbound.reply(481, now)
        elif glare is not None:
            inbound.reply(glare, now)
        elif request.body:
            self.offered(inbound, now)
        else:
            session.dialog.refresh_target(request.headers)
            inbound.reply(200, now, (session.core.contact, *self._refresh.agree(request.headers, now)))

    def offered(self, inbound: Inbound, now: float) -> None:
        """An offer waits for `answer`; whoever calls has seen that none is open."""
        session = self._session
        session.offers.move(Move.THEY_OFFER)
        self._asked = inbound
        session.core.schedule.set(self, Clock.DECIDE, now + session.core.timers.decide_s)
        session.core.emit(UpdateOffered(session.id, inbound.request.body, session.dialog.remote.tag))

    def answer(self, status: int, body: bytes, now: float) -> None:
        check_status(status, 200)
        if self._asked is None:
            raise WrongState("no UPDATE waits for an answer")
        if (status < 300) != bool(body):
            raise WrongState("an accepted offer is answered with a description, a refused one without")
        session, asked = self._session, self._asked
        self._take_back()
        session.offers.move(Move.WE_ANSWER if status < 300 else Move.DROP)
        lines: HeaderLines = ()
        if status < 300 and asked.request.method == "UPDATE":
            session.dialog.refresh_target(asked.request.headers)
            lines = (session.core.contact, *self._refresh.agree(asked.request.headers, now))
        asked.reply(status, now, lines, body=body)
        session.settled(now)

    def fire(self, name: Hashable, now: float) -> None:
        self.answer(504, b"", now)

    def close(self, now: float) -> None:
        """The call is over: what still waits is answered as section 15.1.2 says."""
        if self._asked is not None:
            self.answer(487, b"", now)

    def _take_back(self) -> None:
        self._asked = None
        self._session.core.schedule.clear(self, Clock.DECIDE)
