"""Whom a call may dial at our cost: the toll rules and the day's allowance of the trunk that it came over.

Every way to make somebody else's telephone ring goes through here, a transfer no less than a call of our own: the
carrier bills us for both. A target that is no number of the public network, an extension or a name, is dialled as
it was written; but whatever might be a number must be one, whole and allowed. So must what only begins as one: a switch
that drops what it does not know takes `0019005550100#` for the number in it, and peers write targets, too (REFER).
`user:NAME` is never one, whatever the name looks like: it rings registered telephones and nothing else (`routes`).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mediasrv.clock import Clock
from mediasrv.config import USER_TARGET, Settings
from mediasrv.config.trunk import host_and_port
from mediasrv.legs import CallInfo
from mediasrv.numbers import DailyAllowance, Verdict
from mediasrv.sip import Malformed, Uri
from mediasrv.sip.grammar.uri import bracketed

_HAS_SCHEME = re.compile(r"(?:sips?|tel):", re.IGNORECASE)
_PUBLIC_DIGITS_MIN = 7  # fewer are an extension


def _host(remote: str) -> str:
    """Without its port."""
    return remote.rpartition(":")[0]


def _might_be_public(target: str) -> bool:
    """Its first sign that means anything is a plus, or a digit of seven in whatever script; names begin otherwise."""
    first = next((sign for sign in target if sign == "+" or sign.isalnum()), "")
    return first == "+" or (first.isdigit() and sum(map(str.isdigit, target)) >= _PUBLIC_DIGITS_MIN)


class Dialling:
    def __init__(
        self, settings: Settings, clock: Clock, told_to: Callable[[str], str] = lambda peer: ""
    ) -> None:
        """`told_to`: the host of ours that a peer knows."""
        self._settings, self._clock, self._told_to = settings, clock, told_to
        self._days = {
            name: DailyAllowance(trunk.dial_calls_a_day, trunk.dial_minutes_a_day)
            for name, trunk in settings.trunks.items()
        }

    def why_not(self, info: CallInfo, target: str) -> str:
        """In words; empty: it may be dialled, and has been counted."""
        problem = self.why_forbidden(info, target)
        if not problem and self._costs(info, target) and not self._days[info.trunk].begin(self._wall_s()):
            return f"what trunks.{info.trunk} may dial in a day is used up"
        return problem

    def why_forbidden(self, info: CallInfo, target: str) -> str:
        """The same, but nothing is counted: for another way to somebody who was dialled already."""
        if target.startswith(USER_TARGET):
            return ""
        try:
            number = self._number(info, target)
        except Malformed as error:
            return f"not a URI: {error}"
        if not _might_be_public(number):
            return ""
        verdict = self._settings.trunks[info.trunk].tolls.verdict(number)
        if verdict is not Verdict.ALLOWED:
            return f"{number} is {verdict.value} by trunks.{info.trunk}.dial_allow and dial_deny"
        return ""

    def why_not_follow(self, info: CallInfo, target: str) -> str:
        """Of a target that a peer has named (REFER): nobody has us call at hosts that we have nothing to do with.

        Ours, the trunk's, and the one that the peer itself calls from.
        """
        try:
            uri = Uri.parse(target)
        except Malformed as error:
            return f"not a URI: {error}"
        trunk = self._settings.trunks[info.trunk]
        places = (*(host_and_port(place)[0] for place in trunk.hosts), _host(info.remote), *self._ours(info))
        if uri.scheme != "tel" and uri.host not in {bracketed(place.lower()) for place in places}:
            return f"{uri.host} is none of ours, and no host of trunks.{info.trunk}"
        return ""

    def _ours(self, info: CallInfo) -> tuple[str, ...]:
        sip = self._settings.sip
        return sip.listen.host, sip.advertised.text, self._told_to(_host(info.remote))

    def over(self, info: CallInfo, target: str, duration_s: float) -> None:
        """A call that was dialled and answered has ended: its minutes are the day's."""
        if self._costs(info, target):
            self._days[info.trunk].spend(duration_s, self._wall_s())

    def _costs(self, info: CallInfo, target: str) -> bool:
        if target.startswith(USER_TARGET):
            return False
        return _might_be_public(self._number(info, target))

    def _number(self, info: CallInfo, target: str) -> str:
        user = Uri.parse(target).user_text if _HAS_SCHEME.match(target) else target
        return self._settings.trunks[info.trunk].number(user.strip())

    def _wall_s(self) -> float:
        return self._clock.wall().timestamp()
