"""REFERs of ours: the peer is asked to call somebody, and its NOTIFYs tell what came of it.

A NOTIFY may overtake the 202, so the subscription lives from the REFER on. It ends with the first final status, with
a refusal of the REFER, or when nothing has been told for `Timers.referral_s`; each REFER has exactly one final event
unless the call ends first.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum, auto

from mediasrv.sip.core import HeaderLines
from mediasrv.sip.dialogs.inbound import DIALOG_LOST, Inbound, Talking
from mediasrv.sip.dialogs.referrals import NO_SUBSCRIPTION
from mediasrv.sip.errors import Malformed, WrongState
from mediasrv.sip.events import EndCause, ReferProgress, ReferralId
from mediasrv.sip.grammar.fields import NameAddr
from mediasrv.sip.grammar.message import Response, phrase
from mediasrv.sip.grammar.replaces import Replaces, refer_to
from mediasrv.sip.grammar.sipfrag import is_about_refer, read_notice
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.hop import Address


class Clock(Enum):
    END = auto()


class Subscription:
    """One REFER of ours."""

    __slots__ = ("_answered", "_owner", "_session", "_wanted", "id")

    def __init__(self, owner: Subscriptions, session: Talking, wanted: bool) -> None:
        self._owner, self._session, self._wanted = owner, session, wanted
        self._answered = False
        self.id: ReferralId

    def begin(self, headers: HeaderLines, now: float) -> None:
        request = self._session.ask("REFER", self, now, headers=headers)
        self.id = ReferralId(request.cseq.number)
        self._session.core.schedule.set(self, Clock.END, now + self._session.core.timers.referral_s)

    def responded(self, response: Response, source: Address, now: float) -> None:
        if response.status < 200 or self._answered:
            return
        self._answered = True
        if response.kind == "failure":
            self.tell(response.status, response.reason, final=True)
            if response.status in DIALOG_LOST:
                self._session.lost(EndCause.TIMEOUT, now)
        elif not self._wanted and (response.headers.text("Refer-Sub") or "").strip().lower() == "false":
            self.tell(response.status, response.reason, final=True)

    def failed(self, cause: EndCause, now: float) -> None:
        self.tell(408, phrase(408), final=True)
        self._session.lost(cause, now)

    def fire(self, name: Hashable, now: float) -> None:
        self.tell(408, "nothing more was told", final=True)

    def tell(self, status: int, reason: str, *, final: bool) -> None:
        if not self._owner.has(self):
            return
        if final:
            self.close()
            self._owner.forget(self)
        if not self._session.closing:
            self._session.core.emit(ReferProgress(self._session.id, self.id, status, reason, final))

    def close(self) -> None:
        self._session.core.schedule.clear(self, Clock.END)


class Subscriptions:
    """All of one call's."""

    __slots__ = ("_open", "_session")

    def __init__(self, session: Talking) -> None:
        self._session = session
        self._open: dict[ReferralId, Subscription] = {}

    def refer(
        self,
        target: Uri,
        replaces: Replaces | None,
        referred_by: NameAddr | None,
        subscribe: bool,
        now: float,
    ) -> ReferralId:
        session = self._session
        if session.closing or not session.established:
            raise WrongState("the call is not up")
        if len(self._open) >= session.core.limits.referrals:
            raise WrongState("too many transfers are under way")
        by = NameAddr(session.dialog.local.uri) if referred_by is None else referred_by
        headers = [
            session.core.contact,
            ("Refer-To", str(refer_to(target, replaces))),
            ("Referred-By", str(by)),
        ]
        if not subscribe:
            headers += [NO_SUBSCRIPTION, ("Supported", "norefersub")]
        subscription = Subscription(self, session, subscribe)
        subscription.begin(headers, now)
        self._open[subscription.id] = subscription
        return subscription.id

    def receive(self, inbound: Inbound, now: float) -> None:
        """A NOTIFY in this dialog."""
        try:
            if not is_about_refer(inbound.request.headers):
                inbound.reply(489, now)
                return
            notice = read_notice(inbound.request)
        except Malformed as error:
            inbound.reply(error.status, now)
            return
        subscription = self._find(notice.referral)
        if subscription is None:
            inbound.reply(481, now)
            return
        inbound.reply(200, now)
        subscription.tell(notice.status, notice.reason, final=notice.final)

    def has(self, subscription: Subscription) -> bool:
        return self._open.get(subscription.id) is subscription

    def forget(self, subscription: Subscription) -> None:
        self._open.pop(subscription.id, None)

    def close(self) -> None:
        for subscription in self._open.values():
            subscription.close()
        self._open.clear()

    def _find(self, referral: int | None) -> Subscription | None:
        """Without an id it is about the only one (RFC 3515 section 2.4.6)."""
        if referral is None:
            return next(iter(self._open.values())) if len(self._open) == 1 else None
        return self._open.get(ReferralId(referral))
