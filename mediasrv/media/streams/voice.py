"""The agent's voice on its way into a stream: generations, resampling, room, marks, flushes.

A generation is dead from the moment its flush is asked for: what still waits for room returns at once, and what
comes later is thrown away without a word. The engine draws the same line when the order reaches it, so the two
never disagree for longer than it takes to get there.

A cancelled `play` has played what the engine took, and no more; the rest of that piece is gone, and positions count
what was taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import trio

from mediasrv.audio import BYTES_PER_SAMPLE, samples_in
from mediasrv.errors import LocalError, StreamClosed
from mediasrv.media.events import Arming, Generation, Position
from mediasrv.media.streams.marks import Marks
from mediasrv.media.streams.orders import Orders
from mediasrv_native.engine import NativeEngine
from mediasrv_native.errors import QueueFull, StaleHandle, WrongState
from mediasrv_native.kernels import Resampler

NEWEST_GENERATION = 2**32 - 1
LONGEST_LEASE_MS = 60_000
ON_ONSET = {"ignore": 0, "hold": 1, "duck": 2}
ON_LEASE = {"release": 0, "stay": 1}


@dataclass(slots=True)
class _Passage:
    """What is kept of a generation while it may still be played."""

    source: int = 0  # samples that the engine took
    arming: Arming = field(default_factory=Arming)
    resampler: Resampler | None = None
    from_hz: int = 0


@dataclass(slots=True, eq=False)
class _Flush:
    generation: Generation
    done: trio.Event = field(default_factory=trio.Event)
    at: Position | None = None


class Voice:
    def __init__(
        self, native: NativeEngine, orders: Orders, handle: int, rate_hz: int, playout_ms: int
    ) -> None:
        self._native, self._orders, self._handle, self._rate_hz = native, orders, handle, rate_hz
        # Waking for every free sample would be a busy loop, waiting for an empty queue a hole in the voice.
        self._worthwhile_samples = max(1, samples_in(playout_ms / 4, rate_hz))
        self._passages: dict[Generation, _Passage] = {}
        self._newest = Generation(0)
        self._dead = Generation(0)
        self._room = trio.lowlevel.ParkingLot()
        self._flushes: list[_Flush] = []
        self._marks = Marks(partial(native.mark, handle))
        self._closed = False

    def begin(self) -> Generation:
        if self._newest == NEWEST_GENERATION:
            raise LocalError("a stream has no more than 2**32 generations")
        self._passages = {g: p for g, p in self._passages.items() if g > self._dead}
        self._newest = Generation(self._newest + 1)
        self._passages[self._newest] = _Passage()
        return self._newest

    # ---- play
    async def play(self, pcm: bytes, rate_hz: int, generation: Generation, arming: Arming) -> int:
        if len(pcm) % BYTES_PER_SAMPLE:
            raise ValueError("16-bit PCM has an even number of bytes")
        if not 0 <= arming.lease_ms <= LONGEST_LEASE_MS:
            raise ValueError(f"a lease lasts at most {LONGEST_LEASE_MS} ms, not {arming.lease_ms}")
        passage = self._passage(generation)
        # Where there is room nobody is let by: who plays has waited for the sound, and soon waits for room.
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._is_dead(generation):
            passage.arming = arming
            await self._append(generation, passage, self._at_our_rate(passage, pcm, rate_hz))
        return passage.source

    async def finish(self, generation: Generation) -> None:
        passage = self._passage(generation)
        await trio.lowlevel.checkpoint()
        if passage.resampler is not None:
            silence = bytes(BYTES_PER_SAMPLE * samples_in(passage.resampler.lag_ms, passage.from_hz))
            tail = passage.resampler.process(silence)  # what the filter still holds of the last sound
            passage.resampler = None
            await self._append(generation, passage, tail)
        while not self._is_dead(generation):
            try:
                self._native.finish(self._handle, generation)
            except StaleHandle:
                return
            except QueueFull:
                await self._wait_room(1)
            else:
                return

    def _passage(self, generation: Generation) -> _Passage:
        if not 0 < generation <= self._newest:
            raise ValueError(f"generation {generation} was never begun")
        return self._passages.get(generation) or _Passage()

    def _is_dead(self, generation: Generation) -> bool:
        if self._closed:
            raise StreamClosed("the stream was closed")
        return generation <= self._dead

    def _at_our_rate(self, passage: _Passage, pcm: bytes, rate_hz: int) -> bytes:
        if rate_hz == self._rate_hz:
            passage.resampler = None
            return pcm
        if passage.resampler is None or passage.from_hz != rate_hz:
            passage.resampler, passage.from_hz = Resampler(rate_hz, self._rate_hz), rate_hz
        return passage.resampler.process(pcm)

    async def _append(self, generation: Generation, passage: _Passage, pcm: bytes) -> None:
        left = memoryview(pcm)
        arming = passage.arming
        how = arming.lease_ms, ON_ONSET[arming.on_onset], ON_LEASE[arming.on_lease]
        while left and not self._is_dead(generation):
            try:
                taken = self._native.play(self._handle, generation, left, *how)
            except StaleHandle:  # overtaken by a later generation
                return
            except WrongState:
                raise LocalError(f"generation {generation} was finished") from None
            passage.source += taken
            left = left[taken * BYTES_PER_SAMPLE :]
            if left:
                await self._wait_room(len(left) // BYTES_PER_SAMPLE)

    async def _wait_room(self, samples: int) -> None:
        self._native.want_room(self._handle, min(samples, self._worthwhile_samples))
        await self._room.park()

    def room(self) -> None:
        """There is room: who waited may try again."""
        self._room.unpark_all()

    # ---- flush
    async def flush(self, generation: Generation) -> Position:
        """The order is given before anything is awaited: a cancelled flush is a flush all the same."""
        self._passage(generation)
        self._orders.give(self._native.flush, self._handle, generation)
        self._dead = max(self._dead, generation)
        self._room.unpark_all()
        flush = _Flush(generation)
        self._flushes.append(flush)
        await flush.done.wait()
        if flush.at is None:
            raise StreamClosed("the stream was closed")
        return flush.at

    def flushed(self, generation: int, at: Position) -> None:
        """The engine's word: nothing of this generation or an older one will be sent."""
        self._marks.over(Generation(generation))
        for flush in [f for f in self._flushes if f.generation <= generation]:
            self._flushes.remove(flush)
            flush.at = at
            flush.done.set()

    # ---- marks
    def mark(self, generation: Generation, source: int, name: str) -> None:
        self._passage(generation)
        if source < 0:
            raise ValueError(f"a mark at {source} samples lies before the beginning")
        if generation <= self._dead:
            return
        self._marks.add(generation, source, name)

    def mark_name(self, number: int) -> str:
        """The name of a mark that was reached."""
        return self._marks.reached(number)

    def finished(self, generation: Generation) -> None:
        """The last sample was sent."""
        self._marks.over(generation)

    def close(self) -> None:
        self._closed = True
        self._room.unpark_all()
        for flush in self._flushes:
            flush.done.set()
        self._flushes.clear()
