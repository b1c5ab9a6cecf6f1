"""A telephone: one socket for signalling with a user agent of its own, one for sound, and one call.

Each phone has its own user agent, so that it can fall silent in the middle of a call as a telephone does whose battery
is empty. Its sockets are then closed, and the kernel tells the server so (ICMP), or they stay open and nobody reads
them, which is what a lost network looks like: the server only learns from what does not come.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import trio

from mediasrv.bench.instruments.callers import HOST, Address, media_address, open_media_socket, session_offer
from mediasrv.clock import SystemClock
from mediasrv.endpoints import CallGone, SipCall, SipEndpoint, TrioDatagramSocket
from mediasrv.errors import MediasrvError
from mediasrv.ids import SystemTokens
from mediasrv.sip import Rejected
from mediasrv.sip.agent import UserAgent
from mediasrv.sip.grammar.uri import Uri
from mediasrv_native.wire import Wire

ANSWER_WITHIN_S = 10.0
BUSY_STATUS = 503
LAST_WORDS_S = 0.3  # for the answer to a BYE that crosses ours


class Unexpected(MediasrvError):
    """The server did what it should not have done, or not what it should."""


class TurnedAway(MediasrvError):
    """The server is late for the moment, and said so (503 with Retry-After): that is no failure."""


@dataclass(slots=True)
class Exchange:
    """What all phones share: the wire for their sound, where the server is, and what nobody reads any more."""

    wire: Wire
    server: Address
    bed: bytes  # what every caller says, over and over
    buried: list[TrioDatagramSocket | socket.socket] = field(default_factory=list)

    def close_buried(self) -> None:
        while self.buried:
            with suppress(OSError):
                self.buried.pop().close()


class Phone:
    def __init__(
        self,
        exchange: Exchange,
        endpoint: SipEndpoint,
        signalling: TrioDatagramSocket,
        life: trio.CancelScope,
    ) -> None:
        self.exchange, self.endpoint, self.signalling = exchange, endpoint, signalling
        self.media = open_media_socket()
        self.media_to: Address | None = None
        self._life, self._stream, self._version = life, -1, 1
        self._unread = False

    @property
    def uri(self) -> Uri:
        return Uri("sip", "churn", *self.endpoint.local)

    async def dial(self, number: str) -> SipCall:
        """The INVITE is sent; nothing else has happened."""
        host, port = self.exchange.server
        return await self.endpoint.call(
            Uri("sip", number, host, port),
            destination=self.exchange.server,
            from_uri=self.uri,
            body=self._offer("sendrecv"),
        )

    async def call(self, number: str) -> SipCall:
        """Answered, and talking."""
        dialog = await self.dial(number)
        with trio.move_on_after(ANSWER_WITHIN_S):
            try:
                self._talk(await dialog.wait_answered())
            except CallGone as gone:
                if isinstance(gone.end, Rejected) and gone.end.status == BUSY_STATUS:
                    raise TurnedAway(number) from gone
                raise Unexpected(f"not answered: {gone.end}") from gone
            return dialog
        await dialog.bye()
        raise Unexpected(f"no answer within {ANSWER_WITHIN_S:g} s")

    async def wait_rung(self) -> SipCall:
        """The next call to this phone, which rings from now on."""
        with trio.move_on_after(ANSWER_WITHIN_S):
            dialog = await self.endpoint.incoming().receive()
            await dialog.ring()
            return dialog
        raise Unexpected("the server did not call")

    async def pick_up(self, dialog: SipCall) -> None:
        try:
            await dialog.answer(self._offer("sendrecv"))
        except CallGone as gone:
            raise Unexpected(f"gone when picked up: {gone.end}") from gone
        self._talk(dialog.offer)

    async def change(self, dialog: SipCall, direction: str) -> None:
        """By re-INVITE."""
        self._version += 1
        await dialog.talk.reinvite(self._offer(direction))

    def hush(self) -> None:
        """Sends and hears no sound any more; idempotent."""
        if self._stream >= 0:
            self.exchange.wire.remove(self._stream)
            self._stream = -1

    def vanish(self, *, unread: bool) -> None:
        """Without a word; `unread`: the sockets stay, as those of a phone behind a lost network."""
        self.hush()
        self._unread = unread
        self._life.cancel()

    def close(self) -> None:
        self.hush()
        sockets = (self.signalling, self.media)
        if self._unread:
            self.exchange.buried.extend(sockets)
            return
        for one in sockets:
            with suppress(OSError):
                one.close()

    def _offer(self, direction: str) -> bytes:
        return session_offer(self.media.getsockname()[1], version=self._version, direction=direction)

    def _talk(self, described: bytes) -> None:
        tokens = SystemTokens()
        self.media_to = media_address(described)
        self._stream = self.exchange.wire.add(
            socket_fd=self.media.fileno(), remote=self.media_to, ssrc=tokens.number(32),
            first_sequence=tokens.number(16), first_timestamp=tokens.number(32), bed=self.exchange.bed,
        )  # fmt: skip


@asynccontextmanager
async def phone(exchange: Exchange) -> AsyncIterator[Phone]:
    signalling = await TrioDatagramSocket.open((HOST, 0))
    agent = UserAgent(signalling.local, SystemTokens(), software="mediasrv-bench")
    endpoint = SipEndpoint(signalling, agent, SystemClock())
    life = trio.CancelScope()
    ours = Phone(exchange, endpoint, signalling, life)
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(_live, endpoint, life)
            yield ours
            if not life.cancel_called:
                await trio.sleep(LAST_WORDS_S)
            nursery.cancel_scope.cancel()
    finally:
        ours.close()


async def _live(endpoint: SipEndpoint, life: trio.CancelScope, *, task_status: trio.TaskStatus[None]) -> None:
    with life:
        await endpoint.run(task_status=task_status)
