"""Callers: calls into a server under test, seen from outside.

Signalling is our own user agent on a socket of its own; media is the wire's, with the log that the figures come
from. Their session description is written out here, so that what is measured is not also what does the measuring.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import trio

from mediasrv.bench.instruments.wire_log import Heard, Sent, Stall, heard_records, sent_records
from mediasrv.clock import SystemClock
from mediasrv.endpoints import CallGone, SipCall, SipEndpoint, TrioDatagramSocket
from mediasrv.errors import MediasrvError
from mediasrv.ids import SystemTokens
from mediasrv.sip.agent import UserAgent
from mediasrv.sip.grammar.uri import Uri
from mediasrv_native.wire import SLOTS, Wire, WireStatistics

HOST = "127.0.0.1"
ANSWER_WITHIN_S = 10.0
HANG_UP_WITHIN_S = 5.0
COLLECT_EVERY_S = 0.02
_CONNECTION = re.compile(rb"^c=IN IP4 (\S+)", re.M)
_AUDIO = re.compile(rb"^m=audio (\d+) ", re.M)

Address = tuple[str, int]


class NotAnswered(MediasrvError):
    """The server under test did not take a call, or answered what cannot be used."""


def wire_cpu() -> int:
    """The first processor we may use: the engine pins itself to the last."""
    return min(os.sched_getaffinity(0))


def open_media_socket() -> socket.socket:
    media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    media.bind((HOST, 0))
    media.setblocking(False)
    return media


def session_offer(port: int, *, version: int = 1, direction: str = "sendrecv") -> bytes:
    lines = (
        "v=0", f"o=bench 1 {version} IN IP4 {HOST}", "s=-", f"c=IN IP4 {HOST}", "t=0 0",
        f"m=audio {port} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=ptime:20", f"a={direction}", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode()


def media_address(answer: bytes) -> Address:
    connection, audio = _CONNECTION.search(answer), _AUDIO.search(answer)
    if connection is None or audio is None or audio[1] == b"0":
        raise NotAnswered(f"an answer without a place for audio: {answer!r}")
    return connection[1].decode(), int(audio[1])


@dataclass(eq=False)
class Caller:
    """One call of ours, answered; what it hears collects in `heard`, what it says in `said`."""

    stream: int
    dialog: SipCall
    media: socket.socket
    answered_ns: int
    heard: list[Heard] = field(default_factory=list)
    said: list[Sent] = field(default_factory=list)  # utterances only: the bed is not remembered


class Callers:
    """The calls of one benchmark; `collect` moves the wire's log to the callers who are listened to."""

    def __init__(self, endpoint: SipEndpoint, wire: Wire, server: Address) -> None:
        self._endpoint, self._wire, self._server = endpoint, wire, server
        self._tokens = SystemTokens()
        self._listeners: dict[int, Caller] = {}
        self._calls: dict[int, Caller] = {}

    async def call(
        self,
        number: str,
        *,
        slot: int | None = None,
        bed: bytes = b"",
        bed_start: int = 0,
        listen: bool = True,
    ) -> Caller:
        """Calls and is answered; from then on a packet goes out every 20 ms, in that tenth of them."""
        media = open_media_socket()
        try:
            dialog, answer = await self._dial(number, media.getsockname()[1])
        except BaseException:
            media.close()
            raise
        stream = self._wire.add(
            socket_fd=media.fileno(), remote=media_address(answer), ssrc=self._tokens.number(32),
            first_sequence=self._tokens.number(16), first_timestamp=self._tokens.number(32),
            slot=slot, bed=bed, bed_start=bed_start,
        )  # fmt: skip
        caller = Caller(stream, dialog, media, SystemClock().now_ns())
        self._calls[stream] = caller
        if listen:
            self._listeners[stream] = caller
        return caller

    async def _dial(self, number: str, port: int) -> tuple[SipCall, bytes]:
        host, sip_port = self._server
        dialog = await self._endpoint.call(
            Uri("sip", number, host, sip_port),
            destination=self._server,
            from_uri=Uri("sip", "bench", *self._endpoint.local),
            body=session_offer(port),
        )
        try:
            with trio.move_on_after(ANSWER_WITHIN_S):
                return dialog, await dialog.wait_answered()
        except CallGone as gone:
            raise NotAnswered(f"{number}: {gone.end}") from gone
        await dialog.cancel()
        raise NotAnswered(f"{number}: no answer within {ANSWER_WITHIN_S:g} s")

    def say(self, caller: Caller, at_ns: int, payload: bytes) -> int:
        return self._wire.say(caller.stream, at_ns, payload)

    def collect(self) -> None:
        """Takes what the wire has logged since; records of callers nobody listens to are dropped."""
        for heard in heard_records(self._wire.take_heard()):
            listener = self._listeners.get(heard.stream)
            if listener is not None:
                listener.heard.append(heard)
        for sent in sent_records(self._wire.take_sent()):
            listener = self._listeners.get(sent.stream)
            if listener is not None and sent.utterance:
                listener.said.append(sent)

    async def hang_up(self, caller: Caller) -> None:
        """Says BYE and gives the stream back; what was heard until now stays with the caller."""
        with trio.CancelScope(shield=True):
            self._wire.remove(caller.stream)
            self.collect()
            self._listeners.pop(caller.stream, None)
            self._calls.pop(caller.stream, None)
            caller.media.close()
            with trio.move_on_after(HANG_UP_WITHIN_S):
                await caller.dialog.bye()
                await caller.dialog.wait_ended()

    async def hang_up_all(self) -> None:
        for caller in list(self._calls.values()):
            await self.hang_up(caller)

    async def keep_collecting(self) -> None:
        while True:
            self.collect()
            await trio.sleep(COLLECT_EVERY_S)

    def stalls(self) -> list[Stall]:
        """When the machine was away; empty where the witnesses could not tell (no SCHED_FIFO)."""
        return self._wire.stalls() if self._wire.statistics().witness_fifo else []

    def statistics(self) -> WireStatistics:
        return self._wire.statistics()


@asynccontextmanager
async def calling(server: Address, *, capacity: int) -> AsyncIterator[Callers]:
    """Callers of one server, at most `capacity` at a time; whoever still talks at the end is hung up."""
    signalling = await TrioDatagramSocket.open((HOST, 0))
    clock = SystemClock()
    endpoint = SipEndpoint(
        signalling, UserAgent(signalling.local, SystemTokens(), software="mediasrv-bench"), clock
    )
    with Wire(capacity=capacity * SLOTS, cpu=wire_cpu()) as wire:
        async with trio.open_nursery() as nursery:
            await nursery.start(endpoint.run)
            callers = Callers(endpoint, wire, server)
            nursery.start_soon(callers.keep_collecting)
            try:
                yield callers
            finally:
                await callers.hang_up_all()
                nursery.cancel_scope.cancel()
    with suppress(OSError):
        signalling.close()
