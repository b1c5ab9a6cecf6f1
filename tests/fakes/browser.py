"""The other end of a WebSocket, as a browser has it, over any trio stream."""

from __future__ import annotations

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)


class Refused(Exception):
    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(str(status))


class Browser:
    """Answers pings by itself, unless it is `dead`; `events` has everything else that came."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.dead = False
        self.pings = 0
        self._ws = WSConnection(ConnectionType.CLIENT)
        self._waiting: list[Event] = []

    async def open(self, *, subprotocols: tuple[str, ...] = ("sip",), origin: str = "") -> None:
        headers = [(b"Origin", origin.encode())] if origin else []
        request = Request(
            host="server.example", target="/", subprotocols=list(subprotocols), extra_headers=headers
        )
        await self.stream.send_all(self._ws.send(request))
        event = await self.event()
        if isinstance(event, RejectConnection):
            raise Refused(event.status_code)
        assert isinstance(event, AcceptConnection)
        assert event.subprotocol == "sip"
        assert not event.extensions

    async def say(self, data: bytes | str, *, whole: bool = True) -> None:
        event = (
            TextMessage(data, message_finished=whole)
            if isinstance(data, str)
            else BytesMessage(data, message_finished=whole)
        )
        await self.send(event)

    async def send(self, event: Event) -> None:
        await self.stream.send_all(self._ws.send(event))

    async def event(self) -> Event:
        while not self._waiting:
            data = await self.stream.receive_some()
            self._ws.receive_data(bytes(data) if data else None)
            for event in self._ws.events():
                if isinstance(event, Ping):
                    self.pings += 1
                    if not self.dead:
                        await self.stream.send_all(self._ws.send(event.response()))
                else:
                    self._waiting.append(event)
        return self._waiting.pop(0)

    async def message(self) -> str:
        """The next whole text; of a connection that is closed instead, the code."""
        text = ""
        while True:
            event = await self.event()
            if isinstance(event, CloseConnection):
                return f"closed {int(event.code)}"
            assert isinstance(event, TextMessage)
            text += event.data
            if event.message_finished:
                return text
