"""Heard audio, pulled: somebody asks for so many milliseconds, and sleeps until they are there.

Reading takes what has come since, in one piece; nothing is taken before the wait is over, so a cancelled read loses
nothing. What nobody reads is lost from its old end, in the engine, and counted there.

When speech begins or ends, whoever waits gets at once what is there. So a silence may be read in long pieces, which is
cheap, and its end is heard no later.
"""

from __future__ import annotations

import trio

from mediasrv.audio import EARS_RATE_HZ, EarsChunk, Span, samples_in
from mediasrv.errors import StreamClosed
from mediasrv_native import engine as native
from mediasrv_native.engine import NativeEngine, NativeSpan


def _span(span: NativeSpan) -> Span:
    return Span(
        rtp_extended=span.rtp_extended,
        at_ns=span.at_ns,
        samples=span.samples,
        concealed=span.flags & (native.SPAN_GAP | native.SPAN_QUIET) == native.SPAN_GAP,
        masked=bool(span.flags & native.SPAN_MASKED),
        speech=bool(span.flags & native.SPAN_SPEECH),
        resync=bool(span.flags & native.SPAN_RESYNC),
        quiet=bool(span.flags & native.SPAN_QUIET),
    )


class Ears:
    def __init__(self, engine: NativeEngine, handle: int, room_ms: int) -> None:
        self._engine, self._handle, self._room_ms = engine, handle, room_ms
        self._enough = trio.Event()
        self._reading = False
        self._turned = False  # speech has begun or ended, and nobody has read since
        self._closed = False

    async def read(self, min_ms: int) -> EarsChunk:
        if not 0 < min_ms <= self._room_ms:
            raise ValueError(f"between 1 and {self._room_ms} ms can be asked for, not {min_ms}")
        if self._reading:
            raise trio.BusyResourceError("another task reads this stream's audio")
        self._reading = True
        try:
            readable = await self._wait_readable(samples_in(min_ms, EARS_RATE_HZ))
        finally:
            self._reading = False
        self._turned = False
        taken = self._engine.read_ears(self._handle, readable)
        return EarsChunk(b"".join([pcm for pcm, _ in taken]), tuple([_span(span) for _, span in taken]))

    async def _wait_readable(self, samples: int) -> int:
        """So many, or fewer when speech has begun or ended."""
        if self._readable() >= samples:
            await trio.lowlevel.checkpoint()
        while not self._closed:
            readable = self._readable()
            if readable >= samples or (self._turned and readable):
                return readable
            self._enough = trio.Event()
            self._engine.want_ears(self._handle, 1 if self._turned else samples)
            await self._enough.wait()
        raise StreamClosed("the stream was closed")

    def _readable(self) -> int:
        return self._engine.ears_readable(self._handle)

    def readable(self) -> None:
        """As much is there as was asked for."""
        self._enough.set()

    def turned(self) -> None:
        """Speech has begun or ended."""
        self._turned = True
        self._enough.set()

    def close(self) -> None:
        self._closed = True
        self._enough.set()
