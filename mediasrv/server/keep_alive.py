"""Flows that NATs on the way would forget, kept open in both directions.

    trunks      every `keep_alive_s`, at each address of its hosts: two line ends, which every SIP peer ignores
    telephones  behind NATs, every 25 s, where their REGISTER came from: NATs forget UDP after 30 s (RFC 4787 has 2
                minutes, telephone people have seen less)

Over UDP a line end is enough, because it is the NAT that is spoken to. Connections ping by themselves as often as the
RFC wants; here they do so when a trunk wants it more often. A trunk's name is looked up anew each time, which the cache
answers: a carrier that moves takes its flow along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import trio

from mediasrv.config import TrunkSettings
from mediasrv.endpoints.resolution import CannotResolve, Finder
from mediasrv.server.reach import trunk_addresses
from mediasrv.sip import Address

TELEPHONES_EVERY_S = 25.0

KeepOpen = Callable[[Address], None]


def nobody() -> Iterable[Address]:
    """The telephones of a server that registers none."""
    return ()


class KeepAlive:
    """`run` owns one task for each trunk that wants it, and one for all telephones.

    `telephones`: where those are just now that have registered with us."""

    def __init__(
        self,
        trunks: Mapping[str, TrunkSettings],
        finder: Finder,
        keep_open: KeepOpen,
        telephones: Callable[[], Iterable[Address]] = nobody,
    ) -> None:
        self._trunks = {
            name: trunk for name, trunk in trunks.items() if trunk.keep_alive_s > 0 and trunk.hosts
        }
        self._finder, self._keep_open, self._telephones = finder, keep_open, telephones

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as tasks:
            for name, trunk in self._trunks.items():
                tasks.start_soon(self._trunk, name, trunk)
            tasks.start_soon(self._all_telephones)
            task_status.started()

    async def _trunk(self, name: str, trunk: TrunkSettings) -> None:
        while True:
            await trio.sleep(trunk.keep_alive_s)
            try:
                addresses = await trunk_addresses(name, trunk, self._finder)
            except CannotResolve:  # said in the log by who looked
                continue
            for address in addresses:
                self._keep_open(address)

    async def _all_telephones(self) -> None:
        while True:
            await trio.sleep(TELEPHONES_EVERY_S)
            for address in dict.fromkeys(self._telephones()):
                self._keep_open(address)
