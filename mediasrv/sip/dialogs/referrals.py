"""REFERs that the peer sends us (RFC 3515), and our NOTIFYs of what became of them.

A REFER spends money: it has us call somebody. So it is never followed from here; it becomes an event, and whoever
knows whose call this is accepts or declines it. Undecided, it is declined.

    ASKED --accept (202)--> ACTIVE --final status, or its time is over--> OVER
      | decline, or nobody decides (603)                                   ^
      +--------------------------------------------------------------------+

Of one referral one NOTIFY is on its way at a time; what happens meanwhile is told by the next one, the last state
only, because an earlier one that comes later would be out of order. With `Refer-Sub: false` (RFC 4488) none is sent.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum, auto

from mediasrv.sip.dialogs.inbound import Inbound, Talking
from mediasrv.sip.errors import Malformed, WrongState
from mediasrv.sip.events import EndCause, ReferralId, Referred
from mediasrv.sip.grammar.message import Request, Response
from mediasrv.sip.grammar.replaces import read_refer_to
from mediasrv.sip.grammar.sipfrag import SIPFRAG, print_sipfrag
from mediasrv.sip.hop import Address

NO_SUBSCRIPTION = ("Refer-Sub", "false")
REFERRED_BY_CHARACTERS = 200  # it goes into records
SCHEMES = ("sip", "sips", "tel")


class Clock(Enum):
    DECIDE = auto()
    END = auto()


class Referral:
    """One REFER of the peer's; None in `_asked` once it is accepted."""

    __slots__ = ("_asked", "_at_work", "_latest", "_owner", "_session", "_told", "id", "subscribed")

    def __init__(self, owner: Referrals, session: Talking, inbound: Inbound, subscribed: bool) -> None:
        self._owner, self._session, self.subscribed = owner, session, subscribed
        self.id = ReferralId(inbound.request.cseq.number)
        self._asked: Inbound | None = inbound
        self._latest = self._told = 0
        self._at_work = False

    @property
    def over(self) -> bool:
        return self._told >= 200

    def accept(self, now: float) -> None:
        if self._asked is None:
            raise WrongState("that REFER is decided")
        asked, self._asked = self._asked, None
        self._session.core.schedule.clear(self, Clock.DECIDE)
        asked.reply(202, now, (self._session.core.contact, *(() if self.subscribed else (NO_SUBSCRIPTION,))))
        self._session.core.schedule.set(self, Clock.END, now + self._session.core.timers.referral_s)
        self.progress(100, now)  # section 2.4.4: the first NOTIFY follows at once

    def decline(self, status: int, now: float) -> None:
        if self._asked is None:
            raise WrongState("that REFER is decided")
        asked, self._asked = self._asked, None
        asked.reply(status, now)
        self._leave()

    def progress(self, status: int, now: float) -> None:
        if self._asked is not None or self._latest >= 200:
            raise WrongState("that REFER is not accepted, or its end was told")
        self._latest = status
        if not self.subscribed:
            self._told = status
        self._tell(now)

    def responded(self, response: Response, source: Address, now: float) -> None:
        if response.status < 200:
            return
        self._at_work = False
        if response.kind == "failure":  # 481: the peer does not listen any more (RFC 6665 section 4.2.2)
            self._leave()
        else:
            self._tell(now)

    def failed(self, cause: EndCause, now: float) -> None:
        self._leave()

    def fire(self, name: Hashable, now: float) -> None:
        if name is Clock.DECIDE:
            self.decline(603, now)
        elif self._latest < 200:
            self._session.core.counts["ended.referral_time"] += 1
            self.progress(408, now)

    def close(self, now: float) -> None:
        """The call is over, and with it the dialog that NOTIFYs could travel in."""
        if self._asked is not None:
            self.decline(487, now)
        self._leave()

    def _tell(self, now: float) -> None:
        if self._told != self._latest and not self._at_work and not self._session.closing:
            self._at_work, self._told = True, self._latest
            wait_s = int(self._session.core.timers.referral_s)
            state = "terminated;reason=noresource" if self.over else f"active;expires={wait_s}"
            self._session.ask(
                "NOTIFY", self, now,
                headers=(
                    self._session.core.contact, ("Event", f"refer;id={self.id}"), ("Subscription-State", state)
                ),
                body=print_sipfrag(self._told), content_type=SIPFRAG,
            )  # fmt: skip
        elif self.over and not self._at_work:
            self._leave()

    def _leave(self) -> None:
        for clock in Clock:
            self._session.core.schedule.clear(self, clock)
        self._owner.forget(self)


class Referrals:
    """All of one call's."""

    __slots__ = ("_open", "_session")

    def __init__(self, session: Talking) -> None:
        self._session = session
        self._open: dict[ReferralId, Referral] = {}

    def receive(self, inbound: Inbound, now: float) -> None:
        session, request = self._session, inbound.request
        if session.closing or not session.established:
            inbound.reply(481 if session.closing else 403, now)
            return
        if len(self._open) >= session.core.limits.referrals:
            inbound.reply(503, now)
            return
        try:
            event, subscribed = _read(session, request)
        except Malformed as error:
            inbound.reply(error.status, now)
            return
        referral = self._open[event.referral] = Referral(self, session, inbound, subscribed)
        session.core.schedule.set(referral, Clock.DECIDE, now + session.core.timers.decide_s)
        session.core.emit(event)

    def find(self, referral: ReferralId) -> Referral:
        found = self._open.get(referral)
        if found is None:
            raise WrongState("no such REFER, or it is over")
        return found

    def forget(self, referral: Referral) -> None:
        self._open.pop(referral.id, None)

    def close(self, now: float) -> None:
        for referral in list(self._open.values()):
            referral.close(now)


def _read(session: Talking, request: Request) -> tuple[Referred, bool]:
    lines = request.headers.texts("Refer-To")
    if len(lines) != 1:  # section 2.4.2
        raise Malformed("not exactly one Refer-To")
    target, replaces = read_refer_to(lines[0])
    if target.scheme not in SCHEMES:
        raise Malformed("nobody can be called there", 416)
    subscribed = (request.headers.text("Refer-Sub") or "").partition(";")[0].strip().lower() != "false"
    referral = ReferralId(request.cseq.number)
    referred_by = (request.headers.text("Referred-By") or "")[:REFERRED_BY_CHARACTERS]
    return Referred(session.id, referral, target, replaces, referred_by, subscribed), subscribed
