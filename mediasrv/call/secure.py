"""A while in which a call keeps what the caller says and presses to itself: card numbers, pass codes.

    async with call.secure() as secret:
        digits = await secret.keys(16, until="#")

Inside the block, together and from the same moment: keys reach nobody but `secret`; the recogniser hears silence, so
that neither the turn table nor a language model learns a word; transcripts that come late are thrown away; recordings
are silent on both sides; the timeline keeps its events and loses their words; a capture has a hole. What was heard
inside the block and told after it (a key's end, sound in a buffer) is kept back, too. The record says when it was, and
how many keys were pressed. Blocks may be nested; the outermost counts. However the block is left, all is restored; a
call that ends within it ends it. An error that leaves a block may hold what was pressed in it ("no such card: 4111"),
so of such an error, and of what it was the cause of, only the kind is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec
import trio

from mediasrv.audio import EarsChunk
from mediasrv.call.record import SecureRecord
from mediasrv.clock import Clock
from mediasrv.media import RecordingFace
from mediasrv.telemetry import Timeline

KEYS_WAITING = 64  # more than anybody types; the oldest go


@dataclass(slots=True, eq=False)
class Secret:
    """What is pressed within one block; nobody else is told."""

    _send: trio.MemorySendChannel[str]
    _receive: trio.MemoryReceiveChannel[str]
    pressed: int = 0

    def take(self, digit: str) -> None:
        self.pressed += 1
        try:
            self._send.send_nowait(digit)
        except trio.WouldBlock:
            self._receive.receive_nowait()
            self._send.send_nowait(digit)

    async def key(self) -> str:
        return await self._receive.receive()

    async def keys(self, most: int, until: str = "#") -> str:
        """Up to `most` of them, or those before one of `until`."""
        pressed = ""
        while len(pressed) < most:
            key = await self.key()
            if key in until:
                break
            pressed += key
        return pressed


@dataclass(slots=True, eq=False)
class Secrecy:
    """A call's: whether it is on, and everything that follows from that."""

    clock: Clock
    timeline: Timeline
    record: list[SecureRecord]
    _secrets: list[Secret] = field(default_factory=list)
    _ended_ns: int = -1
    _recordings: list[RecordingFace] = field(default_factory=list)
    _errors: list[BaseException] = field(default_factory=list)  # that have left a block

    @property
    def on(self) -> bool:
        return bool(self._secrets)

    def covers(self, at_ns: int) -> bool:
        """Whether what was heard then is secret."""
        return self.on or at_ns <= self._ended_ns

    @contextmanager
    def keep(self) -> Iterator[Secret]:
        secret = Secret(*trio.open_memory_channel[str](KEYS_WAITING))
        outermost = not self.on
        entry = SecureRecord(self.timeline.ms())
        if outermost:
            self.timeline.note("secure_began")
            self.record.append(entry)
        self._secrets.append(secret)
        self._settle()
        try:
            yield secret
        except Exception as error:
            self._errors.append(error)
            raise
        finally:
            self._secrets.remove(secret)
            entry.to_ms, entry.keys = self.timeline.ms(), secret.pressed
            if outermost:
                self._ended_ns = self.clock.now_ns()
            self._settle()
            if outermost:
                self.timeline.note("secure_ended", keys=secret.pressed)

    @contextmanager
    def masks(self, recording: RecordingFace) -> Iterator[None]:
        """The recording is silent while the call is secure, and for as long as the block lasts."""
        self._recordings.append(recording)
        self._settle()
        try:
            yield
        finally:
            self._recordings.remove(recording)

    def took_key(self, digit: str, at_ns: int) -> bool:
        """Whether the key is secret; then it is nobody else's."""
        if self._secrets:
            self._secrets[-1].take(digit)
        return self.covers(at_ns)

    def censored(self, chunk: EarsChunk) -> EarsChunk:
        """The same length of silence, where it is secret."""
        if not any(self.covers(span.at_ns) for span in chunk.spans):
            return chunk
        spans = tuple(msgspec.structs.replace(span, masked=True, speech=False) for span in chunk.spans)
        return EarsChunk(bytes(len(chunk.pcm)), spans)

    def told(self, error: BaseException) -> str:
        """What may be written down of an error."""
        kind = type(error).__name__
        return kind if any(_holds(secret, error) for secret in self._errors) else f"{kind}: {error}"

    def _settle(self) -> None:
        self.timeline.secret = self.on
        for recording in self._recordings:
            recording.mask(heard=self.on, said=self.on)


def _holds(secret: BaseException, error: BaseException | None) -> bool:
    """Whether `error` is the secret one, was raised because of it, or is one of the several that it is."""
    if error is None:
        return False
    parts = secret.exceptions if isinstance(secret, BaseExceptionGroup) else ()
    return (
        error is secret
        or any(_holds(part, error) for part in parts)
        or _holds(secret, error.__cause__)
        or _holds(secret, error.__context__)
    )
