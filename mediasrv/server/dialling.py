"""Whom a call may dial at our cost: the toll rules and the day's allowance of the trunk that it came over.

Every way to make somebody else's telephone ring goes through here, a transfer no less than a call of our own: the
carrier bills us for both. A name is dialled as it was written; but whatever might be a number must be one, whole and
allowed. So must what only begins as one: a switch that drops what it does not know takes `0019005550100#` for the
number in it, and peers write targets, too (REFER). A short row of digits is no better than a long one, for carriers
have sold those, too (118118 is billed by the minute, `*72` sends our calls elsewhere): it is dialled when the trunk
lists it among its `extensions`, or when it is a user of ours, whose own telephones ring. `user:NAME` is never a number,
whatever the name looks like: it rings registered telephones and nothing else (`routes`).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mediasrv.clock import Clock
from mediasrv.config import USER_TARGET, Settings
from mediasrv.config.trunk import host_and_port
from mediasrv.legs import CallInfo
from mediasrv.numbers import DailyAllowance, Verdict, is_global
from mediasrv.sip import Malformed, Uri
from mediasrv.sip.grammar.uri import bracketed

_HAS_SCHEME = re.compile(r"(?:sips?|tel):", re.IGNORECASE)
_CODE_DIGITS_MIN = 3  # fewer, among letters, are a name's: 2nd.floor


def _host(remote: str) -> str:
    """Without its port."""
    return remote.rpartition(":")[0]


def _might_be_number(target: str) -> bool:
    """Its first sign that means anything is a plus or a digit, in whatever script; names begin otherwise."""
    first = next((sign for sign in target if sign == "+" or sign.isalnum()), "")
    if not first.isnumeric():
        return first == "+"
    return not any(map(str.isalpha, target)) or sum(map(str.isnumeric, target)) >= _CODE_DIGITS_MIN


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
        if not problem and self.costs(info, target) and not self.day_of(info).begin(self.wall_s()):
            return used_up(info)
        return problem

    def why_forbidden(self, info: CallInfo, target: str, *, at_home: bool = False) -> str:
        """The same, but nothing is counted.

        `at_home`: telephones of a user ring, and nothing else: a short number is his."""
        if target.startswith(USER_TARGET):
            return ""
        try:
            number = self._number(info, target)
        except Malformed as error:
            return f"not a URI: {error}"
        trunk = self._settings.trunks[info.trunk]
        if not _might_be_number(number) or trunk.has_extension(number):
            return ""
        if at_home and not is_global(number):
            return ""
        verdict = trunk.tolls.verdict(number)
        if verdict is Verdict.ALLOWED:
            return ""
        keys = "dial_deny" if is_global(number) else "dial_deny, and none of its extensions"
        return f"{number} is {verdict.value} by trunks.{info.trunk}.dial_allow and {keys}"

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

    def costs(self, info: CallInfo, target: str) -> bool:
        """Of a target that may be dialled: whether the day's allowance pays for it."""
        return not target.startswith(USER_TARGET) and is_global(self._number(info, target))

    def day_of(self, info: CallInfo) -> DailyAllowance:
        return self._days[info.trunk]

    def wall_s(self) -> float:
        """The time by which days are told apart, since the epoch."""
        return self._clock.wall().timestamp()

    def _number(self, info: CallInfo, target: str) -> str:
        user = Uri.parse(target).user_text if _HAS_SCHEME.match(target) else target
        return self._settings.trunks[info.trunk].number(user.strip())


def used_up(info: CallInfo) -> str:
    return f"what trunks.{info.trunk} may dial in a day is used up"
