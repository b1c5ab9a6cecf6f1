"""SIP over WebSocket (RFC 7118), our side of it: browsers come to us, and are never dialled.

A WebSocket message is a SIP message, text or binary, and needs no Content-Length. Nothing is compressed, because who
may inflate may explode. wsproto speaks RFC 6455 and is told bytes; the message that it gathers is bounded here.

A web page can open a WebSocket to any host that its reader can reach, this machine's loopback included, and only the
Origin header tells whose page it was. So a browser is let in when its origin is on the list, and who sends no Origin
is no browser. The star lets in all pages of the world, for who asks every caller for a password.

Pings are life in both directions: theirs are answered, the latest one when they come faster than we can write
(RFC 6455 section 5.5.3), and what JsSIP sends instead, a message of two line ends, is answered with one.
"""

from __future__ import annotations

import errno
import ssl
from collections.abc import Collection
from contextlib import suppress
from http import HTTPStatus

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Request,
    TextMessage,
)
from wsproto.events import Ping as WsPing
from wsproto.events import Pong as WsPong
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from mediasrv.endpoints.streams.channel import RECEIVE_BYTES, Channel
from mediasrv.endpoints.streams.sockets import Address
from mediasrv.sip.framing import END_OF_HEAD, PING, PONG, Frame, FramingEvent, Ping, Pong, Unframeable
from mediasrv.sip.limits import Limits

SUBPROTOCOL = "sip"  # RFC 7118 section 4.1
ANY_ORIGIN = "*"
HANDSHAKE_BYTES_MAX = 16_384
REFUSED = "HTTP/1.1 {} {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class WebSocketChannel:
    """One connection, after its handshake."""

    def __init__(self, stream: trio.abc.Stream, protocol: WSConnection, limits: Limits) -> None:
        self._stream, self._ws, self._limits = stream, protocol, limits
        self._gathered = bytearray()
        self._begun = False  # a message, maybe without a byte of it yet
        self._ping: WsPing | None = None  # the latest that is owed an answer
        self._line_pings = 0  # owed a line end each
        self._over = False
        self._torn = False  # a message of ours was cut off in the middle: nothing can follow it
        self._goodbye: Event = CloseConnection(code=CloseReason.GOING_AWAY)

    @property
    def in_message(self) -> bool:
        return self._begun

    async def receive(self) -> list[FramingEvent] | None:
        if self._over:
            return None
        data = await self._stream.receive_some(RECEIVE_BYTES)
        self._ws.receive_data(bytes(data) if data else None)
        return self._taken()

    async def send(self, data: bytes) -> None:
        event = self._outgoing(data)
        if event is None:
            return
        try:
            wire = self._ws.send(event)
        except LocalProtocolError as error:  # the goodbyes have been said
            raise trio.ClosedResourceError from error
        self._torn = True
        await self._stream.send_all(wire)
        self._torn = False

    async def aclose(self) -> None:
        try:
            with suppress(LocalProtocolError, trio.BrokenResourceError, trio.ClosedResourceError):
                if not self._torn:
                    await self._stream.send_all(self._ws.send(self._goodbye))
        finally:
            await self._stream.aclose()

    def _taken(self) -> list[FramingEvent] | None:
        events: list[FramingEvent] = []
        for event in self._ws.events():
            if isinstance(event, CloseConnection):
                self._over, self._goodbye = True, event.response()
                if self._ws.state is ConnectionState.OPEN:  # nobody has closed: this is wsproto's verdict
                    raise trio.BrokenResourceError(f"against RFC 6455: {event.reason}")
                return events or None
            if isinstance(event, TextMessage | BytesMessage):
                events += self._gather(event)
            elif isinstance(event, WsPing):
                self._ping = event
                events.append(Ping())
            elif isinstance(event, WsPong):
                events.append(Pong())
        return events

    def _gather(self, part: TextMessage | BytesMessage) -> list[FramingEvent]:
        data = part.data
        self._gathered += data.encode() if isinstance(data, str) else data
        self._begun = not part.message_finished
        if len(self._gathered) > self._limits.message_bytes:
            head = bytes(self._gathered[: self._limits.message_bytes]).partition(END_OF_HEAD)[0]
            self._gathered.clear()
            self._goodbye = CloseConnection(code=CloseReason.MESSAGE_TOO_BIG)
            return [Unframeable(head, "message too large", 513)]
        if self._begun:
            return []
        whole = bytes(self._gathered)
        self._gathered.clear()
        if whole.strip(b"\r\n"):
            return [Frame(whole)]
        if whole == PING:
            self._line_pings += 1
            return [Ping()]
        return [Pong()] if whole == PONG else []

    def _outgoing(self, data: bytes) -> Event | None:
        """None: a later answer has stood for this one."""
        if data == PING:
            return WsPing()
        if data == PONG:
            return self._pong()
        try:
            return TextMessage(data.decode())
        except UnicodeDecodeError:
            return BytesMessage(data)

    def _pong(self) -> Event | None:
        if self._ping is not None:
            answer, self._ping = self._ping.response(), None
            return answer
        if self._line_pings:
            self._line_pings -= 1
            return TextMessage(PONG.decode())
        return None


class WebSocketTransport:
    """`name`: WS. `origins`: whose pages may come; ANY_ORIGIN among them: everybody's."""

    name = "WS"

    def __init__(self, limits: Limits, origins: Collection[str] = ()) -> None:
        self._limits, self._origins = limits, frozenset(origin.lower().rstrip("/") for origin in origins)

    async def welcome(self, stream: trio.abc.Stream) -> Channel:
        protocol = WSConnection(ConnectionType.SERVER)
        request = await self._request(stream, protocol)
        if SUBPROTOCOL not in request.subprotocols:
            raise await _refused(stream, HTTPStatus.BAD_REQUEST)
        if not self._admits(request):
            raise await _refused(stream, HTTPStatus.FORBIDDEN)
        await stream.send_all(protocol.send(AcceptConnection(subprotocol=SUBPROTOCOL)))
        return WebSocketChannel(stream, protocol, self._limits)

    async def dial(self, to: Address, name: str) -> Channel:
        await trio.lowlevel.checkpoint()
        raise OSError(errno.EOPNOTSUPP, "browsers are not called")

    async def _request(self, stream: trio.abc.Stream, protocol: WSConnection) -> Request:
        received_bytes = 0
        while received_bytes <= HANDSHAKE_BYTES_MAX:
            data = await stream.receive_some(RECEIVE_BYTES)
            if not data:
                raise trio.BrokenResourceError("closed within the handshake")
            received_bytes += len(data)
            try:
                protocol.receive_data(bytes(data))
                found = next((event for event in protocol.events() if isinstance(event, Request)), None)
            except (RemoteProtocolError, ValueError):  # ValueError: a header that is no text
                break
            if found is not None:
                return found
        raise await _refused(stream, HTTPStatus.BAD_REQUEST)

    def _admits(self, request: Request) -> bool:
        origins = [value for name, value in request.extra_headers if name.lower() == b"origin"]
        if not origins or ANY_ORIGIN in self._origins:
            return True
        return len(origins) == 1 and origins[0].decode("latin-1").lower() in self._origins


async def _refused(stream: trio.abc.Stream, status: HTTPStatus) -> trio.BrokenResourceError:
    await stream.send_all(REFUSED.format(status.value, status.phrase).encode())
    return trio.BrokenResourceError(f"refused with {status.value}")


class SecureWebSocketTransport:
    """WSS: the same over TLS."""

    name = "WSS"

    def __init__(self, inner: WebSocketTransport, context: ssl.SSLContext) -> None:
        self._inner, self._context = inner, context

    async def welcome(self, stream: trio.abc.Stream) -> Channel:
        secured = trio.SSLStream(stream, self._context, server_side=True, https_compatible=True)
        await secured.do_handshake()
        return await self._inner.welcome(secured)

    async def dial(self, to: Address, name: str) -> Channel:
        return await self._inner.dial(to, name)
