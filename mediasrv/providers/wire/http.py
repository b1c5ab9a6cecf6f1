"""One provider's HTTP: kept connections, requests that may be cancelled at any await, and errors of one family.

Time limits for the whole of a request are its caller's (scopes); those here notice a peer that has gone silent. Bodies
are bounded. A connection whose request was cancelled in the middle is closed, because its answer may still come.

How many connections are open is not bounded here: a reply that is spoken holds its own for as long as it lasts, so
calls in progress do, and how many there are is the server's to decide. A request that waited for our own connections
would be late for all the world, and its lateness booked as the provider's failure, which opens the breaker for every
call. Only those that are idle are few.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any

import httpcore
import httpx
import trio

from mediasrv.providers.protocols import ProviderError
from mediasrv.providers.wire.net import CONNECT_S, Backend, Net
from mediasrv.providers.wire.refusals import refusal
from mediasrv.providers.wire.sse import EventParser, EventTooLong, ServerEvent

KEPT_MAX = 20
KEPT_S = 55.0  # most services close after a minute; whoever closes first wins a race with the next request
SILENCE_S = 30.0
ANSWER_BYTES_MAX = 64_000_000
ERROR_BYTES_MAX = 65_536

# A `Net` makes a stream secret by its own settings. Without any, httpcore reads all certificates that are trusted, for
# every connection and for nobody: 15 ms of CPU time on the loop that all calls share.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class HttpResponse:
    """The answer to one request, while it comes."""

    def __init__(self, provider: str, response: httpx.Response) -> None:
        self._provider, self._response = provider, response

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives. Close it with `aclosing`."""
        left = ANSWER_BYTES_MAX
        with _errors(self._provider):
            async with _reading(self._response) as pieces:
                async for piece in pieces:
                    left -= len(piece)
                    if left < 0:
                        raise ProviderError(self._provider, "an answer without end", retryable=False)
                    yield piece

    async def events(self) -> AsyncGenerator[ServerEvent, None]:
        """The body as server-sent events. Close it with `aclosing`."""
        parser = EventParser()
        async with aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                try:
                    events = parser.feed(piece)
                except EventTooLong as error:
                    raise ProviderError(self._provider, str(error), retryable=False) from error
                for event in events:
                    yield event

    async def whole(self) -> bytes:
        body = bytearray()
        async with aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                body += piece
        return bytes(body)

    async def json(self) -> Any:
        with _errors(self._provider):
            await self._response.aread()
            return self._response.json()


class HttpService:
    """Open from `__aenter__` to `__aexit__`, as long as the server; serves all calls.

    `silence_s`: for how long a peer may send nothing before it is given up."""

    def __init__(
        self,
        provider: str,
        base_url: str,
        headers: Mapping[str, str],
        net: Net,
        *,
        silence_s: float = SILENCE_S,
    ) -> None:
        self.provider = provider
        transport = httpx.AsyncHTTPTransport(verify=_NO_TLS)
        transport._pool = httpcore.AsyncConnectionPool(  # httpx has no other way to bring one along
            max_connections=None,
            max_keepalive_connections=KEPT_MAX,
            keepalive_expiry=KEPT_S,
            ssl_context=_NO_TLS,
            network_backend=Backend(net),
        )
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={"User-Agent": "mediasrv", **headers},
            timeout=httpx.Timeout(silence_s, connect=CONNECT_S),
            transport=transport,
            trust_env=False,
        )

    async def __aenter__(self) -> HttpService:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def request(self, method: str, path: str, **content: Any) -> AsyncIterator[HttpResponse]:
        """`content`: as httpx has it (`json`, `data`, `files`, `content`, `params`, `headers`).

        ProviderError when the answer is a refusal, or none comes."""
        with _errors(self.provider):
            async with self._client.stream(method, path, **content) as response:
                if response.status_code >= 300:
                    raise refusal(
                        self.provider, response.status_code,
                        response.headers.get("Retry-After", ""), await _beginning(response),
                    )  # fmt: skip
                yield HttpResponse(self.provider, response)

    async def post_json(self, path: str, body: object, **content: Any) -> Any:
        async with self.request("POST", path, json=body, **content) as response:
            return await response.json()

    async def warm(self, path: str = "") -> None:
        """Opens a connection, so that the next request finds one; that nothing is there is for that request to say."""
        try:
            with _errors(self.provider):
                await self._client.head(path)
        except ProviderError:
            return


@asynccontextmanager
async def _reading(response: httpx.Response) -> AsyncIterator[AsyncIterator[bytes]]:
    """The body, which may be left before its end.

    httpx reads through generators within generators, and closing the outermost leaves the inner ones to the garbage
    collector. Cancelled in their next read, all of them end.
    """
    pieces = response.aiter_bytes()
    try:
        yield pieces
    finally:
        with trio.CancelScope() as given_up:
            given_up.cancel()
            async for _ in pieces:
                pass


async def _beginning(response: httpx.Response) -> bytes:
    body = b""
    async with _reading(response) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) >= ERROR_BYTES_MAX:
                break
    return body


@contextmanager
def _errors(provider: str) -> Iterator[None]:
    """What httpx raises, and what an answer that is no JSON raises, in our words."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise ProviderError(provider, f"too slow: {error}", retryable=True) from error
    except httpx.TransportError as error:
        raise ProviderError(provider, f"connection failed: {error}", retryable=True) from error
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.DecodingError) as error:
        raise ProviderError(provider, f"{type(error).__name__}: {error}", retryable=False) from error
    except ValueError as error:
        raise ProviderError(provider, f"not JSON: {error}", retryable=False) from error
