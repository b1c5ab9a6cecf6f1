"""Whether trunks' hosts live: an OPTIONS to each of their addresses every `keep_alive_s`.

Any answer is a sign of life but 503, by which a host says itself that it is no use. The first question is asked at
once, so that a host that is down is known before a call finds it so. Whoever dials is told of each answer, to try
those first that live.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import trio

from mediasrv.config import Settings, TrunkSettings
from mediasrv.endpoints import SipEndpoint
from mediasrv.errors import RemoteError
from mediasrv.server.access.accounts import registrar_of
from mediasrv.server.access.enrolment import Find
from mediasrv.sip import Address
from mediasrv.telemetry import Counters

NO_LIFE = (408, 503)

Told = Callable[[Address, bool], None]
"""Somebody answered at that address, or nobody."""

_log = logging.getLogger(__name__)


def nobody_is_told(address: Address, alive: bool) -> None:
    """It stands in the statistics."""


class Health:
    def __init__(
        self,
        settings: Settings,
        endpoint: SipEndpoint,
        find: Find,
        counters: Counters,
        told: Told = nobody_is_told,
    ) -> None:
        self._watched = {
            name: trunk for name, trunk in settings.trunks.items() if trunk.keep_alive_s and trunk.hosts
        }
        self._endpoint, self._find, self._counters, self._told = endpoint, find, counters, told
        self._down: set[tuple[str, Address]] = set()

    @property
    def down(self) -> list[str]:
        """Where nobody answers, as trunk and address."""
        return sorted(f"{name} {address[0]}:{address[1]}" for name, address in self._down)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as nursery:
            for name, trunk in self._watched.items():
                nursery.start_soon(self._watch, name, trunk)
            task_status.started()
            await trio.sleep_forever()

    async def _watch(self, name: str, trunk: TrunkSettings) -> None:
        while True:
            with trio.move_on_after(trunk.keep_alive_s) as round_:
                try:
                    places = await self._find(name, trunk)
                except RemoteError as error:
                    self._counters.count("trunk_keep_alive", f"{name}.not_found")
                    _log.warning("a trunk cannot be found", extra={"trunk": name, "why": str(error)})
                else:
                    self._down = {(n, address) for n, address in self._down if n != name or address in places}
                    async with trio.open_nursery() as asking:
                        for place in places:
                            asking.start_soon(self._ask, name, trunk, place)
                await trio.sleep_until(round_.deadline)

    async def _ask(self, name: str, trunk: TrunkSettings, place: Address) -> None:
        """An answer that does not come within the pause is none."""
        status = 408
        with trio.move_on_after(trunk.keep_alive_s * 0.9):
            status = await self._endpoint.probe(registrar_of(trunk), place)
        alive = status not in NO_LIFE
        self._counters.count("trunk_keep_alive", f"{name}.{'answered' if alive else 'silent'}")
        self._told(place, alive)
        if alive == ((name, place) in self._down):
            (self._down.discard if alive else self._down.add)((name, place))
            level = logging.INFO if alive else logging.WARNING
            _log.log(level, "a trunk's host", extra={"trunk": name, "host": str(place[0]), "alive": alive})
