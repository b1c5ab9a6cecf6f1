"""One turn's voice: passages of sound into the stream, under the turn's generation.

Sound is handed over in short pieces, each with its marks, because the engine keeps few marks waiting and plays within
a fifth of a second whatever it has. Marks come back as events when their sample was sent: the first of a passage says
that it sounds, the others which words went by.

A passage begins with its first sound and not before. So while a voice or a model is slow, an *aside* ("one moment") can
be said between two passages, and never within one. An aside is heard, but is no part of what the turn has said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import trio

from mediasrv.audio import BYTES_PER_SAMPLE, duration_ms, samples_in
from mediasrv.conversation.playout_truth import PlacedWord, PlayoutTruth
from mediasrv.media import Arming, Generation, MarkReached, StreamFace
from mediasrv.providers.protocols import SpeechChunk

PIECE_MS = 200
PATIENCE_S = 1.0  # between looks at the position, should the engine's word that it has finished be lost


@dataclass(frozen=True, slots=True)
class Passage:
    """Text that is spoken in one breath."""

    text: str
    interruptible: bool = True
    aside: bool = False  # fills a silence, and is no part of the reply


@dataclass(frozen=True, slots=True)
class PassageDone:
    """No more sound of the passage before will come; `whole`: that was all of it."""

    whole: bool


Sound = Passage | SpeechChunk | PassageDone


@dataclass(slots=True, eq=False)
class Mouth:
    stream: StreamFace
    generation: Generation
    arming: Arming
    truth: PlayoutTruth
    on_sound: Callable[[], None]  # something is about to be said
    finished: trio.Event = field(default_factory=trio.Event)
    _arming: Arming = field(default_factory=Arming)
    _between: trio.Lock = field(default_factory=trio.Lock)  # free between two passages
    _closed: bool = False
    _passages: list[Passage] = field(default_factory=list)
    _unmarked: deque[PlacedWord] = field(default_factory=deque)  # their sound has not come yet

    async def speak(self, sounds: trio.MemoryReceiveChannel[Sound]) -> None:
        """Plays everything that comes, and returns when the last sample of it was sent."""
        waiting: Passage | None = None
        async for sound in sounds:
            if isinstance(sound, Passage):
                waiting = sound
                continue
            if waiting is not None:
                await self._between.acquire()
                self._begin(waiting)
                waiting = None
            if isinstance(sound, PassageDone):
                self._unmarked.clear()
                self.truth.close(whole=sound.whole)
                self._between.release()
            else:
                await self._play(sound)
        async with self._between:
            self._closed = True
        if self.truth.samples:
            await self.stream.finish(self.generation)
            await self._wait_finished()

    async def say_aside(self, sound: Sequence[SpeechChunk]) -> bool:
        """Says it if all that was said before has sounded, and nothing of a next passage is there; else nothing."""
        if self._closed or self._between.locked() or not self.is_dry:
            return False
        async with self._between:
            self._begin(Passage("", aside=True))
            for chunk in sound:
                await self._play(replace(chunk, words=()))
            self.truth.close()
        return True

    @property
    def is_dry(self) -> bool:
        """All that it was given has sounded."""
        at = self.stream.position()
        return at.source >= self.truth.samples if at.generation == self.generation else not self.truth.samples

    @property
    def is_waiting(self) -> bool:
        """All that it was given has sounded, and more is to come: words, or the rest of a passage."""
        return not self._closed and self.is_dry

    def _begin(self, passage: Passage) -> None:
        self._arming = self.arming if passage.interruptible else Arming(on_onset="ignore")
        start = self.truth.passage(passage.text)
        self.stream.mark(self.generation, start, f"passage:{len(self._passages)}")
        self._passages.append(passage)

    def passage_at(self, mark: MarkReached) -> Passage | None:
        """The passage that begins with this mark; None for any other mark."""
        kind, _, number = mark.name.partition(":")
        if kind != "passage" or mark.at.generation != self.generation:
            return None
        return self._passages[int(number)]

    async def _play(self, chunk: SpeechChunk) -> None:
        self.on_sound()
        if chunk.from_word is not None:
            self._unmarked.clear()  # words of a voice that will not come to them
            self.truth.take_over(chunk.from_word)
        self._unmarked.extend(self.truth.place(chunk.words))
        step = samples_in(PIECE_MS, chunk.rate_hz) * BYTES_PER_SAMPLE
        for at in range(0, len(chunk.pcm), step):
            piece = chunk.pcm[at : at + step]
            soon = self.truth.samples + samples_in(duration_ms(piece, chunk.rate_hz), self.stream.rate_hz)
            while self._unmarked and self._unmarked[0].start < soon:
                word = self._unmarked.popleft()
                self.stream.mark(self.generation, word.start, f"word:{word.text}")
            until = await self.stream.play(piece, chunk.rate_hz, self.generation, self._arming)
            self.truth.sound(until)

    async def _wait_finished(self) -> None:
        while not self.finished.is_set():
            with trio.move_on_after(PATIENCE_S):
                await self.finished.wait()
            at = self.stream.position()
            if at.generation == self.generation and at.source >= self.truth.samples:
                return
