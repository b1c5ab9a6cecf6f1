"""One WebSocket to a provider: messages both ways, and errors of one family.

A close that says that the server goes away or is busy may be tried again; one that speaks of what we sent may not.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import trio
import trio_websocket
from trio_websocket import ConnectionClosed, ConnectionRejected, HandshakeError

from mediasrv.providers.protocols import ProviderError
from mediasrv.providers.wire.net import CONNECT_S, Net
from mediasrv.providers.wire.refusals import refusal

MESSAGE_BYTES_MAX = 16_000_000
MESSAGES_WAITING = 16  # full: the socket is not read, and the provider waits
GOODBYE_S = 0.5
SECURE = frozenset(("wss", "https"))  # as people write it; a slip there must not send a key in the clear
TRY_AGAIN = frozenset((1001, 1005, 1006, 1011, 1012, 1013, 1014))


class WebSocket:
    """Open as long as the block of `open_websocket`."""

    def __init__(self, provider: str, connection: trio_websocket.WebSocketConnection) -> None:
        self._provider, self._connection = provider, connection

    async def send(self, message: str | bytes) -> None:
        try:
            await self._connection.send_message(message)
        except ConnectionClosed as closed:
            raise self._closed(closed) from closed
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ProviderError(self._provider, f"connection failed: {error}", retryable=True) from error

    async def send_json(self, message: object) -> None:
        await self.send(json.dumps(message, separators=(",", ":")))

    async def next(self) -> str | bytes:
        """The next message; ProviderError when there will be none."""
        try:
            return await self._connection.get_message()
        except ConnectionClosed as closed:
            raise self._closed(closed) from closed

    async def next_json(self) -> dict[str, Any]:
        """The next message, which must be a JSON object."""
        message = await self.next()
        try:
            value = json.loads(message)
        except (ValueError, RecursionError) as error:
            raise ProviderError(self._provider, f"not JSON: {error}", retryable=True) from error
        if not isinstance(value, dict):
            raise ProviderError(self._provider, f"{type(value).__name__} for an object", retryable=True)
        return value

    @property
    def close_code(self) -> int | None:
        """With which the other side has closed; None: it has not."""
        return None if self._connection.closed is None else int(self._connection.closed.code)

    def _closed(self, closed: ConnectionClosed) -> ProviderError:
        code = 1006 if closed.reason is None else int(closed.reason.code)
        words = "" if closed.reason is None else str(closed.reason.reason or "")
        problem = f"closed with {code}: {words}" if words else f"closed with {code}"
        return ProviderError(self._provider, problem, retryable=code in TRY_AGAIN)


class Sockets:
    """WebSockets whose tasks live here, as long as an adapter does: `async with`.

    A voice gives its sound out of a generator, and whoever asks for the next piece does so within a limit of his own.
    Between two pieces that limit is gone, and with it would be every nursery that was opened under it.
    """

    def __init__(self, net: Net) -> None:
        self._net = net
        self._stack = AsyncExitStack()
        self._nursery: trio.Nursery

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
        lent = _Lent()
        self._nursery.start_soon(self._hold, lent, provider, url, headers)
        try:
            await lent.settled.wait()
            if lent.socket is None:
                raise lent.error or ProviderError(provider, "no WebSocket", retryable=True)
            yield lent.socket
        finally:
            lent.scope.cancel()

    async def _hold(self, lent: _Lent, provider: str, url: str, headers: Mapping[str, str]) -> None:
        try:
            with lent.scope:
                async with open_websocket(provider, url, headers, self._net) as lent.socket:
                    lent.settled.set()
                    await trio.sleep_forever()
        except ProviderError as error:
            lent.error = error
        finally:
            lent.settled.set()


@dataclass(slots=True)
class _Lent:
    socket: WebSocket | None = None
    error: ProviderError | None = None
    settled: trio.Event = field(default_factory=trio.Event)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


@asynccontextmanager
async def open_websocket(
    provider: str, url: str, headers: Mapping[str, str], net: Net, *, subprotocols: tuple[str, ...] = ()
) -> AsyncIterator[WebSocket]:
    """Connects for the length of the block; says good-bye at its end, within a bounded while."""
    stream = await _connect(provider, url, net)
    try:
        async with trio.open_nursery() as nursery:
            connection = await _shake_hands(nursery, stream, url, headers, subprotocols)
            try:
                yield WebSocket(provider, connection)
            finally:
                with trio.move_on_after(GOODBYE_S, shield=True):
                    await connection.aclose()
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise _told(provider, group) from None
    finally:
        await trio.aclose_forcefully(stream)


async def _connect(provider: str, url: str, net: Net) -> trio.abc.Stream:
    parts = urlsplit(url)
    host, secret = parts.hostname or "", parts.scheme in SECURE
    try:
        with trio.fail_after(CONNECT_S):
            stream = await net.connect(host, parts.port or (443 if secret else 80))
            return await net.secure(stream, host) if secret else stream
    except (OSError, trio.TooSlowError) as error:
        raise ProviderError(provider, f"connection failed: {error!r}", retryable=True) from error


async def _shake_hands(
    nursery: trio.Nursery, stream: Any, url: str, headers: Mapping[str, str], subprotocols: tuple[str, ...]
) -> trio_websocket.WebSocketConnection:
    parts = urlsplit(url)
    resource = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    with trio.fail_after(CONNECT_S):
        return await trio_websocket.wrap_client_stream(
            nursery,
            stream,
            parts.netloc,
            resource,
            subprotocols=subprotocols or None,
            extra_headers=[(name.encode(), value.encode()) for name, value in headers.items()],
            message_queue_size=MESSAGES_WAITING,
            max_message_size=MESSAGE_BYTES_MAX,
        )


def _told(provider: str, group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What went wrong, in one error: the nursery is this file's own business. Cancellation goes on as it is."""
    leaves = list(_leaves(group))
    for error in leaves:
        if isinstance(error, trio.Cancelled):
            return group
    for error in leaves:
        if isinstance(error, ConnectionRejected):
            return _rejection(provider, error)
    for error in leaves:
        if isinstance(error, HandshakeError | OSError | trio.BrokenResourceError | trio.TooSlowError):
            return ProviderError(provider, f"no WebSocket: {error!r}", retryable=True)
    return leaves[0] if len(leaves) == 1 else group


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _rejection(provider: str, error: ConnectionRejected) -> ProviderError:
    told = {name.lower(): value for name, value in error.headers or ()}
    retry_after = told.get(b"retry-after", b"").decode("ascii", "replace")
    return refusal(provider, error.status_code, retry_after, error.body or b"")
