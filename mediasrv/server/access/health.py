"""Whether trunks' hosts live: an OPTIONS to each of their addresses every `keep_alive_s`.

Any answer is a sign of life but 503, by which a host says itself that it is no use. The first question is asked at
once, so that a host that is down is known before a call finds it so. Whoever dials is told of each answer, to try
those first that live. Of a trunk with the quirk `options_health_check` the answers are a promise: its hosts are asked
without `keep_alive_s`, too, and one that does not answer is not called before it does, as long as there is another.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trio

from mediasrv.config import Settings, TrunkSettings
from mediasrv.endpoints import SipEndpoint
from mediasrv.errors import RemoteError
from mediasrv.server.access.accounts import registrar_of
from mediasrv.server.access.enrolment import Find
from mediasrv.sip import Address
from mediasrv.telemetry import Counters

NO_LIFE = (408, 503)

OPTIONS_HEALTH_CHECK = "options_health_check"
CHECK_S = 30.0  # where only the quirk asks for it

Told = Callable[[str, Address, bool], None]
"""Somebody answered at that address of that trunk, or nobody."""

_log = logging.getLogger(__name__)


def nobody_is_told(trunk: str, address: Address, alive: bool) -> None:
    """It stands in the statistics."""


def pause_s(trunk: TrunkSettings) -> float:
    """Between two questions; 0: none is asked."""
    if not trunk.hosts:
        return 0.0
    return trunk.keep_alive_s or (CHECK_S if OPTIONS_HEALTH_CHECK in trunk.quirks else 0.0)


@dataclass(frozen=True, slots=True)
class HostStanding:
    """What the last answer from there was, and since when it has been the same."""

    trunk: str
    host: str
    alive: bool
    since_s: float  # ago


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
            name: (trunk, pause_s(trunk)) for name, trunk in settings.trunks.items() if pause_s(trunk)
        }
        self._endpoint, self._find, self._counters, self._told = endpoint, find, counters, told
        self._known: dict[tuple[str, Address], tuple[bool, float]] = {}  # alive, since

    @property
    def down(self) -> list[str]:
        """Where nobody answers, as trunk and address."""
        return [f"{each.trunk} {each.host}" for each in self.standing if not each.alive]

    @property
    def standing(self) -> list[HostStanding]:
        """Of every host that has been asked, by trunk and address."""
        now = trio.current_time()
        found = [
            HostStanding(name, f"{address[0]}:{address[1]}", alive, round(now - since, 1))
            for (name, address), (alive, since) in self._known.items()
        ]
        return sorted(found, key=lambda each: (each.trunk, each.host))

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as nursery:
            for name, (trunk, every_s) in self._watched.items():
                nursery.start_soon(self._watch, name, trunk, every_s)
            task_status.started()
            await trio.sleep_forever()

    async def _watch(self, name: str, trunk: TrunkSettings, every_s: float) -> None:
        while True:
            with trio.move_on_after(every_s) as round_:
                try:
                    places = await self._find(name, trunk)
                except RemoteError as error:
                    self._counters.count("trunk_keep_alive", f"{name}.not_found")
                    _log.warning("a trunk cannot be found", extra={"trunk": name, "why": str(error)})
                else:
                    self._forget_all_but(name, places)
                    async with trio.open_nursery() as asking:
                        for place in places:
                            asking.start_soon(self._ask, name, trunk, place, every_s)
                await trio.sleep_until(round_.deadline)

    def _forget_all_but(self, name: str, places: Sequence[Address]) -> None:
        gone = [known for known in self._known if known[0] == name and known[1] not in places]
        for known in gone:
            del self._known[known]
            self._told(*known, True)  # as far as anybody knows

    async def _ask(self, name: str, trunk: TrunkSettings, place: Address, every_s: float) -> None:
        """An answer that does not come within the pause is none."""
        status = 408
        with trio.move_on_after(every_s * 0.9):
            status = await self._endpoint.probe(registrar_of(trunk), place)
        alive = status not in NO_LIFE
        self._counters.count("trunk_keep_alive", f"{name}.{'answered' if alive else 'silent'}")
        self._told(name, place, alive)
        before = self._known.get((name, place))
        if before is None or before[0] != alive:
            self._known[name, place] = alive, trio.current_time()
        if alive != (before is None or before[0]):
            level = logging.INFO if alive else logging.WARNING
            _log.log(level, "a trunk's host", extra={"trunk": name, "host": str(place[0]), "alive": alive})
