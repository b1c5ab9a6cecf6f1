"""The protocols under the providers' own: HTTP/1.1 by h11, WebSocket by trio-websocket's server side.

What a test wants to go wrong is done by the provider's fake through these: die in the middle of a body, answer a
handshake with a status, close with a code, send what is no frame.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import h11
import trio
import trio_websocket


class Died(Exception):
    """The server is gone in the middle of an exchange."""


@dataclass
class Exchange:
    """One request, and the answer as the fake gives it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    _connection: h11.Connection
    _stream: trio.abc.Stream

    @property
    def stream(self) -> int:
        """The same for all that comes over one connection."""
        return id(self._stream)

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    def json(self) -> Any:
        return json.loads(self.body)

    async def begin(self, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        lines = list((headers or {}).items())
        if not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in lines):
            lines.append(("Transfer-Encoding", "chunked"))
        await self._send(h11.Response(status_code=status, headers=lines))

    async def piece(self, data: bytes) -> None:
        await self._send(h11.Data(data=data))

    async def end(self) -> None:
        await self._send(h11.EndOfMessage())

    async def answer(
        self, status: int = 200, body: object = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """All at once; what is not bytes is JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = {} if isinstance(body, bytes) else {"Content-Type": "application/json"}
        await self.begin(status, {"Content-Length": str(len(data)), **kind, **(headers or {})})
        if data:
            await self.piece(data)
        await self.end()

    async def events(self, *data: object, pause_s: float = 0.0) -> None:
        """Server-sent events, one a piece; what is no text is JSON. `begin` before, `end` after."""
        for each in data:
            text = each if isinstance(each, str) else json.dumps(each)
            await self.piece(f"data: {text}\n\n".encode())
            await trio.sleep(pause_s)

    def die(self) -> None:
        raise Died

    async def _send(self, event: Any) -> None:
        octets = self._connection.send(event)
        if octets:
            await self._stream.send_all(octets)


Handler = Callable[[Exchange], Awaitable[None]]


@dataclass
class HttpServer:
    """Serves one stream after the other; `FakeNet.stand(host, server.serve)`."""

    handler: Handler
    requests: list[Exchange] = field(default_factory=list)

    async def serve(self, stream: trio.abc.Stream) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            while await self._exchange(connection, stream):
                connection.start_next_cycle()
        except Died:
            await trio.aclose_forcefully(stream)

    async def _exchange(self, connection: h11.Connection, stream: trio.abc.Stream) -> bool:
        """One request and its answer; False when there is no more to come."""
        request, body = None, b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await stream.receive_some(65_536))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.ConnectionClosed) or request is None:
                return False
            else:
                break
        headers = {name.decode().lower(): value.decode() for name, value in request.headers}
        exchange = Exchange(
            request.method.decode(), request.target.decode(), headers, body, connection, stream
        )
        self.requests.append(exchange)
        await self.handler(exchange)
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE


Conversation = Callable[[trio_websocket.WebSocketConnection], Awaitable[None]]


@dataclass
class WebSocketServer:
    """Holds `conversation` with whoever connects; or turns everybody away with `refuse` = (status, body)."""

    conversation: Conversation
    refuse: tuple[int, bytes] | None = None
    refuse_headers: tuple[tuple[bytes, bytes], ...] = ()
    resources: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def serve(self, stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            request = await trio_websocket.wrap_server_stream(nursery, stream)
            self.resources.append(request.path)
            self.headers.append({name.decode().lower(): value.decode() for name, value in request.headers})
            if self.refuse is not None:
                status, body = self.refuse
                await request.reject(status, extra_headers=list(self.refuse_headers), body=body)
                return
            connection = await request.accept()
            try:
                await self.conversation(connection)
                await connection.aclose()
            except trio_websocket.ConnectionClosed:
                pass
            except Died:
                await trio.aclose_forcefully(stream)
            nursery.cancel_scope.cancel()
