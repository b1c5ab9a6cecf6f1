"""A stream of sound for a service that takes files: a question about each piece of speech, one after the other.

So transcripts come in the order of the speech, however slow an answer is. Where partials are wanted, the piece that
goes on is asked about now and then, and only while nothing else waits: a partial is worth nothing behind a final.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import trio

from mediasrv.audio import EarsChunk
from mediasrv.providers.protocols import SttStream, Transcript, Usage
from mediasrv.providers.sound.meter import AudioMeter
from mediasrv.providers.sound.utterances import Utterance, UtteranceCutter

PIECES_WAITING = 8  # full: whoever pushes waits, and the engine's own bounded buffer with him
SHORTEST_MS = 100.0  # services refuse less, and nothing is said in it

Recognise = Callable[[Utterance], Awaitable[Transcript]]


@asynccontextmanager
async def open_piecewise(
    recognise: Recognise, meter: AudioMeter, partial_s: float = 0.0
) -> AsyncIterator[SttStream]:
    """`partial_s`: pause between questions about a piece that goes on; 0: none."""
    stream = _Stream(recognise, meter, partial_s)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.work)
        yield stream
        nursery.cancel_scope.cancel()


class _Stream:
    def __init__(self, recognise: Recognise, meter: AudioMeter, partial_s: float) -> None:
        self._recognise, self._meter, self._partial_s = recognise, meter, partial_s
        self._cutter = UtteranceCutter()
        self._asked_at = -partial_s
        self._pieces_in, self._pieces = trio.open_memory_channel[Utterance](PIECES_WAITING)
        self._give, self._take = trio.open_memory_channel[Transcript](PIECES_WAITING)

    async def push(self, chunk: EarsChunk) -> None:
        await trio.lowlevel.checkpoint()
        piece = self._cutter.feed(chunk)
        if piece is not None:
            await self._pieces_in.send(piece)
        elif self._partial_s and trio.current_time() - self._asked_at >= self._partial_s:
            self._ask_so_far()

    def _ask_so_far(self) -> None:
        piece = self._cutter.so_far()
        if piece is not None and not self._pieces_in.statistics().current_buffer_used:
            self._asked_at = trio.current_time()
            self._pieces_in.send_nowait(piece)

    async def next(self) -> Transcript:
        return await self._take.receive()

    def used(self) -> Sequence[Usage]:
        return self._meter.take()

    async def work(self) -> None:
        async for piece in self._pieces:
            length_ms = piece.end_ms - piece.start_ms
            if length_ms < SHORTEST_MS:
                continue
            if not piece.whole and self._pieces.statistics().current_buffer_used:
                continue  # what has ended meanwhile says more
            transcript = await self._recognise(piece)
            self._meter.add(length_ms)  # an answer was given, and is charged
            await self._give.send(transcript)
