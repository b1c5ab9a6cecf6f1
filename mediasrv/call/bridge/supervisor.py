"""The agent of a call that listens in on another one: heard by nobody, by one party, or by all, as its keys say.

It sits on the other call's floor and nowhere else, so that call goes on as it was when the supervisor hangs up, and
the supervisor's ends with it. One at a time: two who whisper would not know of each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

from mediasrv.call.bridge.floor import Mode, Supervision
from mediasrv.call.bridge.parties import PEOPLE
from mediasrv.errors import LocalError
from mediasrv.ids import CallId
from mediasrv.legs import Ending
from mediasrv.media import Dtmf

if TYPE_CHECKING:
    from mediasrv.call.call import Call

MODES = {"1": Mode.LISTEN, "2": Mode.WHISPER_CALLEE, "3": Mode.BARGE, "4": Mode.WHISPER_CALLER}


class SupervisorAgent:
    """`watched`: the call that is listened in on, from `mode` on."""

    name = "supervisor"
    needs = PEOPLE

    def __init__(self, watched: CallId, mode: Mode = Mode.LISTEN) -> None:
        self._watched, self._mode = watched, mode

    async def lead(self, call: Call) -> Ending:
        watched = call.services.live.find(self._watched)
        problem = _why_not(watched, call)
        if problem or watched is None:
            call.timeline.note("not_supervised", watched=self._watched, problem=problem)
            return Ending.REFUSED
        supervision = Supervision(call.leg, self._mode)
        try:
            with _on_floor(watched, supervision):
                await self._switch(call, watched, supervision)
        except LocalError as error:  # its streams are not for people to hear, or stand elsewhere
            call.timeline.note("not_supervised", watched=self._watched, problem=str(error))
            return Ending.REFUSED
        return Ending.AGENT_HUNG_UP

    async def _switch(self, call: Call, watched: Call, supervision: Supervision) -> None:
        """By keys, until the call that is watched is over."""
        _note(call, watched, supervision.mode)
        async with trio.open_nursery() as beside:
            beside.start_soon(_cancel_when_over, watched, beside.cancel_scope)
            while True:
                event = await call.next_event()
                if isinstance(event, Dtmf) and event.digit in MODES:
                    supervision.mode = MODES[event.digit]
                    watched.floor.settle()
                    _note(call, watched, supervision.mode)


def _why_not(watched: Call | None, by: Call) -> str:
    if watched is None or watched is by:
        return "no such call"
    return "somebody supervises it already" if watched.floor.supervision is not None else ""


@contextmanager
def _on_floor(watched: Call, supervision: Supervision) -> Iterator[None]:
    floor = watched.floor
    floor.supervision = supervision
    try:
        floor.settle()
        yield
    finally:
        floor.supervision = None
        floor.settle()
        watched.timeline.note("supervised", mode="over")


def _note(call: Call, watched: Call, mode: Mode) -> None:
    call.timeline.note("supervises", watched=watched.info.id, mode=mode.value)
    watched.timeline.note("supervised", by=call.info.caller, mode=mode.value)


async def _cancel_when_over(watched: Call, scope: trio.CancelScope) -> None:
    await watched.over.wait()
    scope.cancel()
