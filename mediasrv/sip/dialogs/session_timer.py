"""Session timers (RFC 4028): who says how often that the call still stands, as pure negotiation.

A proxy or a peer that lost the BYE would keep a dead call for ever. So both sides agree on an interval and on one of
them, the refresher, who repeats a re-INVITE or UPDATE at half of it. When that stays out, the other hangs up a little
before the interval ends.

Roles are those of one request, "uac" being its sender, and every refresh negotiates anew. Which side refreshes
(section 9, table 2), by what the request says:

    sender supports timer   asks for      answer
    no                      -             uas        (we: only if the request has an interval at all)
    yes                     -             uas        (free to choose: what we do ourselves we need not hope for)
    yes                     uac / uas     as asked

An interval below MIN_INTERVAL_S is refused with 422 when its sender can understand that; otherwise it is not agreed
to, because whoever may set it could make us send as often as he likes. From a 2xx it is taken as that minimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mediasrv.sip.core import HeaderLines
from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.fields import LARGEST_DELTA_S, tokens
from mediasrv.sip.grammar.headers import Field, Headers
from mediasrv.sip.grammar.syntax import number, parameter, parse_parameters

MIN_INTERVAL_S = 90  # section 4: the smallest that may be asked for, and the default of Min-SE
LAST_MOMENT_S = 32  # section 10: the BYE goes min(32 s, a third) before the end
Role = Literal["uac", "uas"]
SUPPORTS = "timer"


@dataclass(frozen=True, slots=True)
class SessionExpires:
    interval_s: int
    refresher: Role | None = None

    @classmethod
    def parse(cls, text: str) -> SessionExpires:
        interval, _, rest = text.partition(";")
        role = (parameter(parse_parameters(rest), "refresher") or "").lower()
        refresher: Role | None = "uac" if role == "uac" else "uas" if role == "uas" else None
        return cls(number(interval, LARGEST_DELTA_S, "Session-Expires"), refresher)

    def __str__(self) -> str:
        return f"{self.interval_s};refresher={self.refresher}" if self.refresher else str(self.interval_s)


def _parse_min_se(text: str) -> int:
    return number(text.partition(";")[0], LARGEST_DELTA_S, "Min-SE")


SESSION_EXPIRES = Field("Session-Expires", SessionExpires.parse)
MIN_SE = Field("Min-SE", _parse_min_se)


@dataclass(frozen=True, slots=True)
class Agreement:
    """From now on, until the next request that negotiates it."""

    interval_s: int
    ours: bool  # we are the refresher

    @property
    def refresh_after_s(self) -> float:
        return self.interval_s / 2

    @property
    def expires_after_s(self) -> float:
        return self.interval_s - min(LAST_MOMENT_S, self.interval_s / 3)


def minimum_s(headers: Headers) -> int:
    """What the other side calls its least."""
    return max(MIN_INTERVAL_S, headers.get(MIN_SE) or 0)


def is_too_small(headers: Headers) -> bool:
    """Section 9: refused with 422 and our Min-SE. Raises Malformed."""
    asked = headers.get(SESSION_EXPIRES)
    return asked is not None and asked.interval_s < MIN_INTERVAL_S and supports(headers, SUPPORTS)


def agree_as_server(headers: Headers, wanted_s: int) -> Agreement | None:
    """What our 2xx will say to the request with these headers; None: no timer. `wanted_s` 0: none of our own."""
    asked = headers.get(SESSION_EXPIRES)
    if asked is None:
        if not wanted_s or not supports(headers, SUPPORTS):
            return None
        return Agreement(max(wanted_s, minimum_s(headers)), ours=True)
    if asked.interval_s < MIN_INTERVAL_S:
        return None
    least_s = min(asked.interval_s, minimum_s(headers))
    interval_s = max(least_s, min(asked.interval_s, wanted_s or asked.interval_s))
    theirs = asked.refresher == "uac" and supports(headers, SUPPORTS)
    return Agreement(interval_s, ours=not theirs)


def server_lines(agreement: Agreement | None) -> HeaderLines:
    if agreement is None:
        return ()
    expires = SessionExpires(agreement.interval_s, "uas" if agreement.ours else "uac")
    line = ("Session-Expires", str(expires))
    return (line,) if agreement.ours else (line, ("Require", SUPPORTS))


def agree_as_client(headers: Headers) -> Agreement | None:
    """What the 2xx to a request of ours has agreed to; a header that cannot be read agrees to nothing."""
    try:
        said = headers.get(SESSION_EXPIRES)
    except Malformed:
        return None
    if said is None:
        return None
    return Agreement(max(said.interval_s, MIN_INTERVAL_S), ours=said.refresher != "uas")


def client_lines(interval_s: int, least_s: int, refresher: Role | None = None) -> HeaderLines:
    """For a request of ours. Min-SE stands there when it is not the default (section 7.1)."""
    if not interval_s:
        return ()
    lines = [("Session-Expires", str(SessionExpires(interval_s, refresher)))]
    if least_s > MIN_INTERVAL_S:
        lines.append(("Min-SE", str(least_s)))
    return lines


def supports(headers: Headers, tag: str) -> bool:
    return tag in tokens(headers, "Supported") or tag in tokens(headers, "Require")
