"""What one call of ours costs the day of the trunk that pays for it, minute by minute, until the day has none left.

    dialled     a call, and its first minute: nobody is rung whom we could not talk with
    answered    one minute more, a moment before each begins; none left: the call is hung up then, by `ALLOWANCE`
    unanswered  the minute is given back

So calls that run at the same time spend together what there is, and not a minute more; a call that is hung up in the
last moments of a minute has paid for one that it did not begin.

A target that costs nothing (a user, an extension, a name) may send the call on to one that does (3xx): it pays then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from mediasrv.legs import CallInfo, Ending
from mediasrv.legs.sip import SipLeg
from mediasrv.numbers.allowance import S_PER_MINUTE
from mediasrv.server.dialling import Dialling, used_up

AHEAD_S = 2.0  # so that our BYE, and what it needs to arrive, fall into the minute that is paid


class Fare:
    def __init__(self, rules: Dialling, info: CallInfo) -> None:
        self._rules, self._info, self._day = rules, info, rules.day_of(info)
        self._paid_wall_s: float | None = None  # when the first minute was; None: nothing costs so far
        self._talked = False

    def why_not(self, target: str, *, at_home: bool = False) -> str:
        """In words; empty: it may be dialled, and is paid for, once however often the call is sent on."""
        problem = self._rules.why_forbidden(self._info, target, at_home=at_home)
        if problem or self._paid_wall_s is not None or not self._rules.costs(self._info, target):
            return problem
        wall_s = self._rules.wall_s()
        if not (self._day.begin(wall_s) and self._day.take_minute(wall_s)):
            return used_up(self._info)
        self._paid_wall_s = wall_s
        return ""

    async def run(self, leg: SipLeg, note: Callable[[str, dict[str, Any]], None]) -> None:
        """Pays as long as somebody talks there, and hangs up when the day has nothing left."""
        await leg.wait_picked_up()
        self._talked, minute_s = True, trio.current_time()
        if self._paid_wall_s is None:
            return
        while True:
            minute_s += S_PER_MINUTE
            with trio.move_on_at(minute_s - AHEAD_S):
                await leg.wait_ended()
                return  # though tools may be finishing behind the call
            if not self._day.take_minute(self._rules.wall_s()):
                break
        note("allowance_spent", {"trunk": self._info.trunk})
        await leg.end(Ending.ALLOWANCE)

    def settle(self) -> None:
        """The call is over."""
        if self._paid_wall_s is not None and not self._talked:
            self._day.give_minute_back(self._paid_wall_s)
