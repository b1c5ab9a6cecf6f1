"""What the other side of a leg wants besides talking, until somebody looks: holding, and being replaced.

Of holding only the last word counts, so it cannot pile up; of transfers the protocol itself keeps no more than a few
open, and refuses those that nobody decides in time.
"""

from __future__ import annotations

from collections import deque

import trio

from mediasrv.legs.leg import HoldChanged, LegRequest, TransferAsked

TRANSFERS_WAITING_MAX = 4


class Requests:
    def __init__(self) -> None:
        self._held = self._told = False
        # Full: the oldest one is dropped, which has long been refused for us.
        self._transfers: deque[TransferAsked] = deque(maxlen=TRANSFERS_WAITING_MAX)
        self._changed = trio.Event()

    def hold(self, held: bool) -> None:
        self._held = held
        self._changed.set()

    def transfer(self, asked: TransferAsked) -> None:
        self._transfers.append(asked)
        self._changed.set()

    async def next(self) -> LegRequest:
        """Holding first: who puts a party on hold before a transfer has it hear music from then on."""
        await trio.lowlevel.checkpoint()
        while True:
            if self._held != self._told:
                self._told = self._held
                return HoldChanged(self._held)
            if self._transfers:
                return self._transfers.popleft()
            self._changed = trio.Event()
            await self._changed.wait()
