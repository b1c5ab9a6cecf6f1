"""What a connection carries, once its bytes are cut: SIP messages and signs of life, whatever is underneath."""

from __future__ import annotations

from typing import Protocol

import trio

from mediasrv.sip.framing import FramingEvent, StreamFramer
from mediasrv.sip.limits import Limits

RECEIVE_BYTES = 16_384


class Channel(Protocol):
    """One connection that is ready for messages. What breaks it raises trio.BrokenResourceError."""

    @property
    def in_message(self) -> bool:
        """Whether a message has begun to come and is not whole."""

    async def receive(self) -> list[FramingEvent] | None:
        """What has come, which may be nothing yet; None when the peer has closed."""

    async def send(self, data: bytes) -> None:
        """Sends one message, or a pulse between messages."""

    async def aclose(self) -> None: ...


class FramedChannel:
    """TCP and TLS: a stream of bytes, cut by the framer."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        limits: Limits,
        *,
        opened_by_peer: bool,
        certified: frozenset[str] = frozenset(),
    ) -> None:
        """`certified`: the names that the peer has proven with a certificate."""
        self.certified = certified
        self._stream, self._framer = stream, StreamFramer(limits, opened_by_peer=opened_by_peer)

    @property
    def in_message(self) -> bool:
        return self._framer.in_message

    async def receive(self) -> list[FramingEvent] | None:
        data = await self._stream.receive_some(RECEIVE_BYTES)
        if not data:
            return None
        self._framer.receive_data(bytes(data))
        events = []
        while (event := self._framer.next_event()) is not None:
            events.append(event)
        return events

    async def send(self, data: bytes) -> None:
        await self._stream.send_all(data)

    async def aclose(self) -> None:
        await self._stream.aclose()
