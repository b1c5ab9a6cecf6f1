"""Our registrations with the trunks that want them: begun with the server, kept up, and taken back at its end.

What keeps one up is the core's: refreshing, failing over from host to host, coming back after an outage. Here its
hosts are looked up, and again after each failure, because a carrier that moves tells it to the DNS: if they lead
elsewhere now, a new registration begins there and the old one is left. What each trunk says is counted, logged when it
changes, and shown in the server's statistics.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

import trio

from mediasrv.config import Settings, TrunkSettings
from mediasrv.endpoints import SipEndpoint
from mediasrv.errors import RemoteError
from mediasrv.server.access.accounts import account_of, address_of_record, registrar_of
from mediasrv.sip import Address, Plan, Registered, RegistrationEvent, RegistrationFailed, RegistrationId
from mediasrv.sip.grammar.message import phrase
from mediasrv.telemetry import Counters

FIND_AGAIN_S = 30.0
FAREWELL_S = 2.0
TRYING, REGISTERED = "trying", "registered"

Find = Callable[[str, TrunkSettings], Awaitable[Sequence[Address]]]
"""Where the hosts of the trunk of that name are, the best first and at least one; raises a RemoteError."""

_log = logging.getLogger(__name__)


class Enrolments:
    """`run` beside the calls, then `leave`."""

    def __init__(self, settings: Settings, endpoint: SipEndpoint, find: Find, counters: Counters) -> None:
        self._wanted = {name: trunk for name, trunk in settings.trunks.items() if trunk.register}
        self._endpoint, self._find, self._counters = endpoint, find, counters
        self._standing = dict.fromkeys(self._wanted, TRYING)
        self._turns: Counter[str] = Counter()  # how often each trunk's registration was begun anew

    @property
    def standing(self) -> Mapping[str, str]:
        """In a word, by trunk: trying, registered, or why not."""
        return dict(self._standing)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as nursery:
            for name, trunk in self._wanted.items():
                nursery.start_soon(self._keep, name, trunk)
            task_status.started()
            await trio.sleep_forever()

    async def leave(self) -> None:
        """Every trunk is told; bounded, because one that is gone does not answer."""
        with trio.move_on_after(FAREWELL_S):
            await self._endpoint.wait_unregistered()

    async def _keep(self, name: str, trunk: TrunkSettings) -> None:
        """One trunk's, for ever."""
        # Full: one failure that nobody has looked at yet is enough to look again.
        failed, failures = trio.open_memory_channel[None](1)
        places: Sequence[Address] = ()
        registration: RegistrationId | None = None
        while True:
            found = await self._look_up(name, trunk, places)
            if found != places:
                if registration is not None:
                    self._endpoint.unregister(registration)
                places, registration = found, self._register(name, trunk, found, failed)
            await failures.receive()

    async def _look_up(self, name: str, trunk: TrunkSettings, known: Sequence[Address]) -> Sequence[Address]:
        """Where the hosts are now; when that cannot be found out, where they were."""
        while True:
            try:
                return tuple(await self._find(name, trunk))
            except RemoteError as error:
                if known:
                    return known
                self._now(name, str(error))
            await trio.sleep(FIND_AGAIN_S)

    def _register(
        self, name: str, trunk: TrunkSettings, places: Sequence[Address], failed: trio.MemorySendChannel[None]
    ) -> RegistrationId:
        turn = self._turns[name] = self._turns[name] + 1

        def told(event: RegistrationEvent) -> None:
            if turn != self._turns[name]:  # of one that we have left
                return
            self._counters.count("trunk_registration", f"{name}.{type(event).__name__}")
            if isinstance(event, Registered):
                self._now(name, REGISTERED)
            elif isinstance(event, RegistrationFailed):
                self._now(name, f"{event.status} {event.reason or phrase(event.status)}")
                with suppress(trio.WouldBlock):
                    failed.send_nowait(None)

        plan = Plan(address_of_record(trunk), registrar_of(trunk), tuple(places), account_of(trunk))
        return self._endpoint.register(plan, told)

    def _now(self, name: str, standing: str) -> None:
        if self._standing[name] != standing:
            self._standing[name] = standing
            level = logging.INFO if standing == REGISTERED else logging.WARNING
            _log.log(level, "registration with a trunk", extra={"trunk": name, "standing": standing})
