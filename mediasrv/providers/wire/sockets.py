"""WebSockets that outlive whoever asked for them: one adapter's, with a spare of each that was wanted.

A voice gives its sound out of a generator, and whoever asks for the next piece does so within a limit of his own.
Between two pieces that limit is gone, and with it would be every nursery that was opened under it: so sockets live
here, as long as the adapter.

A passage takes a socket of its own, and to open one takes three journeys there and back. So once `warm` was called
there is a *spare*, open and unused, for each address that was asked for lately; who takes it has the next one opened
behind him. Services close what is idle: a spare that may be as old as that is not lent, and `warm`, called now and
then, puts a fresh one in its place. A spare is never needed: without one a socket is opened as always.

They all stand in one nursery, which is the adapter's and so the server's: nothing that becomes of one of them, not
even by a fault of ours, may leave it but to whoever has lent that one.
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import trio

from mediasrv.providers.protocols import ProviderError
from mediasrv.providers.wire.net import Net
from mediasrv.providers.wire.websocket import WebSocket, open_websocket

WARM_EVERY_S = 20.0
SPARES_MAX = 4  # addresses: the voices of an agent or two

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Address:
    provider: str
    url: str
    headers: Mapping[str, str] = field(hash=False, compare=False)


class Sockets:
    """`async with`; `idle_s`: for how long the service leaves an unused socket open."""

    def __init__(self, net: Net, idle_s: float = 0.0) -> None:
        self._net, self._idle_s = net, idle_s
        self._stack = AsyncExitStack()
        self._nursery: trio.Nursery
        self._spares: dict[Address, _Lent] = {}  # the one asked for last is at the end
        self._keeps_spares = False

    async def __aenter__(self) -> Self:
        self._nursery = await self._stack.enter_async_context(trio.open_nursery())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._nursery.cancel_scope.cancel()
        await self._stack.__aexit__(kind, error, trace)

    @asynccontextmanager
    async def open(self, provider: str, url: str, headers: Mapping[str, str]) -> AsyncIterator[WebSocket]:
        """As `open_websocket`; may be left and entered in between by whatever scope there is."""
        address = Address(provider, url, headers)
        lent = self._spares.pop(address, None)
        if lent is None or not lent.is_fresh(self._idle_s):
            if lent is not None:
                lent.scope.cancel()
            lent = self._lend(address)
        self._keep_spare(address)
        try:
            await lent.settled.wait()
            if lent.socket is None or lent.error is not None:
                raise lent.error or ProviderError(provider, "no WebSocket", retryable=True)
            yield lent.socket
        finally:
            lent.scope.cancel()

    async def warm(self, provider: str, url: str, headers: Mapping[str, str]) -> None:
        """Has a spare there, and everywhere that was asked for since; each young enough until the next time."""
        self._keeps_spares = self._idle_s > WARM_EVERY_S
        for address, spare in list(self._spares.items()):
            if not spare.is_fresh(self._idle_s - WARM_EVERY_S):
                spare.scope.cancel()
                self._spares[address] = self._lend(address)
        self._keep_spare(Address(provider, url, headers))
        for spare in list(self._spares.values()):
            await spare.settled.wait()

    def _keep_spare(self, address: Address) -> None:
        if not self._keeps_spares or address in self._spares:
            return
        self._spares[address] = self._lend(address)
        for oldest in list(self._spares)[:-SPARES_MAX]:
            self._spares.pop(oldest).scope.cancel()

    def _lend(self, address: Address) -> _Lent:
        lent = _Lent()
        self._nursery.start_soon(self._hold, lent, address)
        return lent

    async def _hold(self, lent: _Lent, address: Address) -> None:
        try:
            with lent.scope:
                async with open_websocket(
                    address.provider, address.url, address.headers, self._net
                ) as lent.socket:
                    lent.opened = trio.current_time()
                    lent.settled.set()
                    await trio.sleep_forever()
        except ProviderError as error:
            lent.error = error
        except Exception as error:
            _log.exception("fault in a WebSocket", extra={"provider": address.provider})
            lent.error = ProviderError(address.provider, f"no WebSocket: {error!r}", retryable=True)
        finally:
            lent.settled.set()


@dataclass(slots=True)
class _Lent:
    socket: WebSocket | None = None
    error: ProviderError | None = None
    opened: float = math.inf  # not yet
    settled: trio.Event = field(default_factory=trio.Event)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    def is_fresh(self, idle_s: float) -> bool:
        """Whether it is, or is about to be, open, and will be for as long as that after its opening."""
        if self.error is not None:
            return False
        if self.settled.is_set() and (self.socket is None or self.socket.close_code is not None):
            return False
        return trio.current_time() - self.opened < idle_s
