"""The flows of our own telephones, kept open through the NATs that they stand behind.

Every 25 s where their REGISTER came from: NATs forget UDP after 30 s (RFC 4787 has 2 minutes, telephone people have
seen less). Over UDP two line ends are enough, which every SIP peer ignores, because it is the NAT that is spoken to;
connections ping in their own way. Trunks are asked how they are instead (access/health.py), which keeps their flows
open too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import trio

from mediasrv.sip import Address

TELEPHONES_EVERY_S = 25.0


class KeepAlive:
    """`telephones`: where those are just now that have registered with us."""

    def __init__(
        self, keep_open: Callable[[Address], None], telephones: Callable[[], Iterable[Address]]
    ) -> None:
        self._keep_open, self._telephones = keep_open, telephones

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        while True:
            await trio.sleep(TELEPHONES_EVERY_S)
            for address in dict.fromkeys(self._telephones()):
                self._keep_open(address)
