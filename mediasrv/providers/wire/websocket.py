"""One WebSocket to a provider: messages both ways, and errors of one family.

A close that says that the server goes away or is busy may be tried again; one that speaks of what we sent may not.

What comes from the other side is read by a task of trio-websocket's, and what that raises is more than it documents:
an answer that is no HTTP, for one, makes it write a response, which h11 forbids a client in an exception of its own.
So there is no list here of what may go wrong: whatever the reader raises is the failure of this one connection. What
the block raises goes through as it is.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, cast
from urllib.parse import urlsplit

import trio
import trio_websocket
from trio_websocket import ConnectionClosed, ConnectionRejected
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

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
        except (trio.BrokenResourceError, trio.ClosedResourceError, LocalProtocolError) as error:
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


@asynccontextmanager
async def open_websocket(
    provider: str, url: str, headers: Mapping[str, str], net: Net, *, subprotocols: tuple[str, ...] = ()
) -> AsyncIterator[WebSocket]:
    """Connects for the length of the block; says good-bye at its end, within a bounded while."""
    stream = await _connect(provider, url, net)
    served = False
    try:
        async with trio.open_nursery() as nursery:
            reader = _Reader(provider, nursery)
            connection = await _shake_hands(reader, stream, url, headers, subprotocols)
            reader.opened = True
            try:
                yield WebSocket(provider, connection)
                served = True
            finally:
                with trio.move_on_after(GOODBYE_S, shield=True), suppress(Exception):
                    await connection.aclose()
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise _told(group) from None
    finally:
        await trio.aclose_forcefully(stream)
    if reader.failure is not None and not served:
        raise reader.failure


class _Reader:
    """The nursery that trio-websocket starts its reader in, as far as it needs one; knows how the reader has ended."""

    def __init__(self, provider: str, nursery: trio.Nursery) -> None:
        self.provider, self._nursery = provider, nursery
        self.opened = False
        self.failure: ProviderError | None = None

    def start_soon(self, read: Callable[[], Awaitable[None]]) -> None:
        self._nursery.start_soon(self._run, read)

    async def _run(self, read: Callable[[], Awaitable[None]]) -> None:
        try:
            await read()
        except ConnectionRejected as error:
            self.failure = _rejection(self.provider, error)
        except Exception as error:
            self.failure = ProviderError(self.provider, f"no WebSocket: {_cause(error)!r}", retryable=True)
        else:
            if self.opened:  # what was read is still to be taken
                return
            self.failure = ProviderError(self.provider, "closed within the handshake", retryable=True)
        self._nursery.cancel_scope.cancel()


async def _connect(provider: str, url: str, net: Net) -> trio.abc.Stream:
    parts = urlsplit(url)
    host, secret = parts.hostname or "", parts.scheme in SECURE
    try:
        with trio.fail_after(CONNECT_S):
            stream = await net.connect(host, parts.port or (443 if secret else 80))
            return await _secured(net, stream, host) if secret else stream
    except (OSError, trio.TooSlowError) as error:
        raise ProviderError(provider, f"connection failed: {error!r}", retryable=True) from error


async def _secured(net: Net, stream: trio.abc.Stream, host: str) -> trio.abc.Stream:
    try:
        return await net.secure(stream, host)
    except BaseException:  # refused, or nobody waits for it any more: it is no use to anybody
        await trio.aclose_forcefully(stream)
        raise


async def _shake_hands(
    reader: _Reader, stream: Any, url: str, headers: Mapping[str, str], subprotocols: tuple[str, ...]
) -> trio_websocket.WebSocketConnection:
    parts = urlsplit(url)
    resource = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    with trio.move_on_after(CONNECT_S):
        return await trio_websocket.wrap_client_stream(
            cast("trio.Nursery", reader),
            stream,
            parts.netloc,
            resource,
            subprotocols=subprotocols or None,
            extra_headers=[(name.encode(), value.encode()) for name, value in headers.items()],
            message_queue_size=MESSAGES_WAITING,
            max_message_size=MESSAGE_BYTES_MAX,
        )
    raise ProviderError(reader.provider, f"no WebSocket within {CONNECT_S:g} s", retryable=True)


def _told(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What the block raised, without the nursery, which is this file's own business. Cancellation goes on as it is."""
    leaves = list(_leaves(group))
    return leaves[0] if len(leaves) == 1 and isinstance(leaves[0], Exception) else group


def _cause(error: BaseException) -> BaseException:
    """What was wrong with an answer, rather than that the other side could not be told."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, RemoteProtocolError):
        found = found.__context__
    return found or error


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
