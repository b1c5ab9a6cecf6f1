"""Where the other side is now, when a datagram of its comes from somewhere else than the one before.

Who has the tags may write what he likes, but the source of a datagram can be forged: if we believed it, a caller could
point our re-INVITEs, NOTIFYs and BYE, each repeated eleven times, at somebody who never heard of the call.

    another port of the same host    a NAT that has moved: believed, for whoever is there has it coming either way
    another host                     asked first: one OPTIONS goes there, within what came from there (outside/trust.py)
      answered from there            believed, for only who was sent it knows its branch
      no answer                      our requests go on to where the peer was; the question is not repeated, but the
                                     next request from there asks again
    a stream                         believed: nobody forges a handshake

Whatever comes from there meanwhile is served as ever, and answered there, once for each time that it comes. An ACK
proves nothing here: all that is in it was told to the peer before it moved.
"""

from __future__ import annotations

from typing import Protocol

from mediasrv.sip.dialog import Dialog
from mediasrv.sip.events import EndCause
from mediasrv.sip.grammar.message import Response
from mediasrv.sip.hop import Address, is_reliable
from mediasrv.sip.transaction import TransactionUser


class Asks(Protocol):
    """The session, as far as it concerns this."""

    dialog: Dialog

    def ask_at(self, place: Address, user: TransactionUser, now: float) -> bool:
        """Asks there whether somebody lives; False: no more may be sent there for now."""


class Moving:
    """The last place that was asked is the one that counts."""

    __slots__ = ("_open", "_session", "_waiting")

    def __init__(self, session: Asks) -> None:
        self._session = session
        self._open: _Question | None = None
        self._waiting: Address | None = None  # to be asked when what it has asked us is answered

    def seen_from(self, source: Address, now: float, *, answers_first: bool) -> None:
        """The peer has asked something from there, or so it says.

        `answers_first`: it is an INVITE, whose answer is repeated until its ACK, and needs what may be sent there."""
        self._waiting = None
        dialog = self._session.dialog
        if not dialog.may_be_at(source):
            return
        if source[0] == dialog.peer[0] or is_reliable(source):
            dialog.peer = source
        elif answers_first:
            self._waiting = source
        else:
            self._ask(source, now)

    def answered(self, now: float) -> None:
        """An INVITE of the peer's has its answer."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._ask(waiting, now)

    def somebody_at(self, place: Address, question: _Question) -> None:
        if question is self._open:
            self._session.dialog.peer, self._open = place, None

    def _ask(self, place: Address, now: float) -> None:
        question = _Question(self, place)
        if self._session.ask_at(place, question, now):
            self._open = question


class _Question:
    """The user of one OPTIONS: what becomes of an older one says nothing about the newer."""

    __slots__ = ("_moving", "_place")

    def __init__(self, moving: Moving, place: Address) -> None:
        self._moving, self._place = moving, place

    def responded(self, response: Response, source: Address, now: float) -> None:
        if source[0] == self._place[0]:
            self._moving.somebody_at(self._place, self)

    def failed(self, cause: EndCause, now: float) -> None:
        """Our requests go on to where the peer was."""
