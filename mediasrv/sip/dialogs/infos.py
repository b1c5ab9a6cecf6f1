"""INFO in a dialog: keys in the bodies that gateways use; any other body is not understood (415).

RFC 6086: no info package is wanted here, and an INFO without a body is a sign of life. Keys of ours leave one by one,
because a later INFO that overtakes an earlier one would be refused as out of order, and the digits would be wrong.
"""

from __future__ import annotations

from collections import deque

from mediasrv.sip.dialogs.inbound import DIALOG_LOST, Inbound, Talking
from mediasrv.sip.errors import Malformed, WrongState
from mediasrv.sip.events import EndCause, KeyPressed, KeySent
from mediasrv.sip.grammar.keys import BARE, RELAY, Key, check_key, print_key, read_key
from mediasrv.sip.grammar.message import Response
from mediasrv.sip.hop import Address

ACCEPTED = ("Accept", f"{RELAY}, {BARE}")

TRIES = 3  # of one key, beyond the first, when it arrived out of order


class Infos:
    """Of one call, both ways. The first of `_waiting` is on its way."""

    __slots__ = ("_session", "_tries_left", "_waiting")

    def __init__(self, session: Talking) -> None:
        self._session = session
        self._waiting: deque[Key] = deque()
        self._tries_left = TRIES

    def receive(self, inbound: Inbound, now: float) -> None:
        request = inbound.request
        if self._session.closing:  # a 200 would say that somebody heard it
            inbound.reply(481, now)
        elif "Info-Package" in request.headers:
            inbound.reply(469, now, (("Recv-Info", ""),))
        elif not request.body:
            inbound.reply(200, now)
        elif request.content_type not in (RELAY, BARE):
            inbound.reply(415, now, (ACCEPTED,))
        else:
            self._read(inbound, now)

    def send(self, key: Key, now: float) -> None:
        if not check_key(key):
            raise WrongState("no such key, or it is pressed too long")
        if self._session.closing or len(self._waiting) >= self._session.core.limits.queued_keys:
            raise WrongState("the call is over, or too many keys wait")
        self._waiting.append(key)
        if len(self._waiting) == 1:
            self._send_next(now)

    def responded(self, response: Response, source: Address, now: float) -> None:
        if response.status < 200 or not self._waiting:
            return
        if self._session.closing:
            self._waiting.clear()
            return
        if response.status == 500 and self._tries_left:  # out of order: an UPDATE of ours has overtaken it
            self._tries_left -= 1
            self._send(now)
            return
        key = self._waiting.popleft()
        self._session.core.emit(KeySent(self._session.id, key, response.status))
        if response.status in DIALOG_LOST:
            self._session.lost(EndCause.TIMEOUT, now)
        elif self._waiting:
            self._send_next(now)

    def failed(self, cause: EndCause, now: float) -> None:
        self._waiting.clear()
        self._session.lost(cause, now)

    def close(self) -> None:
        self._waiting.clear()

    def _read(self, inbound: Inbound, now: float) -> None:
        try:
            key = read_key(inbound.request.content_type, inbound.request.body)
        except Malformed as error:
            inbound.reply(error.status, now)
            return
        inbound.reply(200, now)
        self._session.core.emit(KeyPressed(self._session.id, key))

    def _send_next(self, now: float) -> None:
        self._tries_left = TRIES
        self._send(now)

    def _send(self, now: float) -> None:
        self._session.ask("INFO", self, now, body=print_key(self._waiting[0]), content_type=RELAY)
