"""The agent of a number that is a person's: rings the telephones of a user, and joins the caller with who picks up.

    not there, no room      480, and the caller never heard it ring
    rings                   180; the caller's own telephone sounds that
      sounds something      183, and the caller hears it, where he can be told for certain
      busy                  486
      declined              603
      no answer             480
    picks up                the caller is answered; whoever hangs up first ends the call

The caller is not answered before somebody is there to talk with: nobody pays for ringing.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Literal

from mediasrv.call.bridge import PEOPLE, Bridge, BridgePlan, Outcome
from mediasrv.call.call import Call
from mediasrv.call.menu.sounds import melody
from mediasrv.config import USER_TARGET
from mediasrv.errors import ConfigError
from mediasrv.legs import Ending
from mediasrv.media import Dtmf

_ENDINGS = {Outcome.BUSY: Ending.BUSY, Outcome.NO_ANSWER: Ending.NO_ANSWER, Outcome.REFUSED: Ending.REFUSED}


class ExtensionAgent:
    """`name`: `user:` and who is rung."""

    needs = PEOPLE
    picks_up_itself: Literal[True] = True

    def __init__(self, name: str) -> None:
        if not name.removeprefix(USER_TARGET):
            raise ConfigError("agent", f"write whom, as in {USER_TARGET}1001", value=name)
        self.name = name

    async def lead(self, call: Call) -> Ending:
        plan = BridgePlan(self.name, ring_s=math.inf, music=melody(), take_back="")  # calls.ring_s bounds it
        bridge = Bridge(call, plan, _keys(call))
        outcome = await bridge.run()
        if not bridge.asked:
            return Ending.NO_ANSWER
        return _ENDINGS.get(outcome, Ending.AGENT_HUNG_UP)


def _keys(call: Call) -> Callable[[], Awaitable[str]]:
    """What the caller presses; what else his stream tells, that he is gone above all, is the call's."""

    async def next_key() -> str:
        while True:
            event = await call.next_event()
            if isinstance(event, Dtmf):
                return event.digit

    return next_key
