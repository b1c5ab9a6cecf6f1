"""A recogniser that is several, and hears again what the one before it did not get to the end of.

Sound lies in a ring until a final transcript has covered it. When a recogniser fails, the next (or the same once more)
is given the ring from there: no word is lost, and none is told twice. What is older than the ring is given up, and
counted. Sound that is given twice is paid for twice, the first time in vain. Times in transcripts are those of the
whole, whoever heard them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from typing import Never

import trio

from mediasrv.audio import EARS_RATE_HZ, EarsChunk, duration_ms
from mediasrv.providers.protocols import ProviderError, SpeechToText, SttStream, Transcript, Usage, Waits
from mediasrv.providers.resilience.member import Member, Told, failure_of, nobody, none_left, willing
from mediasrv.providers.resilience.patience import Patience
from mediasrv.providers.sound import Unanswered, split

RING_MS = 30_000.0
WORDS_S, WORDLESS_MS = 3.0, 1_000.0  # no words for so long, of so much speech: less may be a cough
LOOKS_S = 0.5
TRANSCRIPTS_WAITING = 64  # full: the recogniser waits for whoever listens


class SteadyEars:
    """A SpeechToText made of several."""

    def __init__(
        self,
        name: str,
        members: Sequence[Member[SpeechToText]],
        chance: Random,
        *,
        patience: Patience | None = None,
        ring_ms: float = RING_MS,
        told: Told = nobody,
    ) -> None:
        several = len(members) > 1  # they find out about each other; of one alone whoever listens does, too
        self.waits = Waits(math.inf, math.inf) if several else Waits()
        self.name, self.words_after_ms = name, max(member.provider.words_after_ms for member in members)
        self._members, self._chance, self._told = members, chance, told
        self._patience, self._ring_ms = patience or Patience(), ring_ms

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SttStream]:
        stream = SteadyStream(self.name, self._ring_ms)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, stream, language)
            try:
                yield stream
            finally:
                stream.close()
            nursery.cancel_scope.cancel()

    async def _listen(self, stream: SteadyStream, language: str) -> None:
        """One recogniser after the other; what the last of them said of its failure is for whoever listens."""
        while True:
            before = stream.worded
            errors = [
                await self._insist(member, stream, language)
                for member in willing(self._members, trio.current_time, self._told)
            ]
            if stream.worded == before:  # nobody has heard anything on a whole round
                stream.fail(none_left(self.name, errors))
                return

    async def _insist(
        self, member: Member[SpeechToText], stream: SteadyStream, language: str
    ) -> ProviderError:
        """Asks one recogniser, again where that makes sense; returns why it is not asked any more."""
        failed = 0
        while True:
            before = stream.worded
            try:
                await self._hear(member, stream, language)
            except Exception as error:
                failure = failure_of(member.name, error)
            stream.give_up()
            member.breaker.failed(trio.current_time())
            failed = 1 if stream.worded > before else failed + 1
            self._told(member.name, "failed")
            pause_s = (member.patience or self._patience).pause_s(failed, failure, self._chance)
            if pause_s is None:
                return failure
            await trio.sleep(pause_s)

    async def _hear(self, member: Member[SpeechToText], stream: SteadyStream, language: str) -> Never:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.expect_words, member, len(self._members) == 1)
            async with member.provider.open(language) as inner:
                await stream.serve(inner, member)


class SteadyStream:
    def __init__(self, name: str, ring_ms: float) -> None:
        self._name, self._ring_ms = name, ring_ms
        self._ring: deque[tuple[float, EarsChunk]] = deque()  # with where it begins
        self._end_ms = 0.0
        self._read = 0  # chunks of the ring that the recogniser has
        self._more = trio.Event()
        self._inner: SttStream | None = None  # the recogniser's own
        self._began_ms = 0.0  # where in the whole it began
        self._metered_ms = 0  # what it has charged for, in all
        self._used: list[Usage] = []  # what is settled, and nobody has asked for yet
        self._open: list[Usage] = []  # for sound that another may have to hear again
        self._error: ProviderError | None = None
        self._unanswered = Unanswered()
        self._give, self._take = trio.open_memory_channel[Transcript](TRANSCRIPTS_WAITING)
        self.covered_ms = 0.0  # by final transcripts
        self.worded = 0  # of them with words
        self.lost_ms = 0.0  # never heard by anybody to the end

    # ---- whoever listens

    async def push(self, chunk: EarsChunk) -> None:
        await trio.lowlevel.checkpoint()
        if self._error is not None:
            raise self._error
        self._ring.append((self._end_ms, chunk))
        self._end_ms += duration_ms(chunk.pcm, EARS_RATE_HZ)
        while self._end_ms - self._ring[0][0] > self._ring_ms:
            at_ms, _ = self._ring.popleft()
            self.lost_ms += self._ring[0][0] - at_ms if self._read == 0 and self._ring else 0.0
            self._read = max(0, self._read - 1)
        self._unanswered.hear(chunk, trio.current_time())
        self._more.set()

    async def next(self) -> Transcript:
        try:
            return await self._take.receive()
        except trio.EndOfChannel:
            raise self._error or ProviderError(self._name, "nobody listens", retryable=False) from None

    def used(self) -> Sequence[Usage]:
        """Without what may yet prove to have been in vain, as long as that is not known."""
        self._settle()
        used, self._used = self._used, []
        return used

    def fail(self, error: ProviderError) -> None:
        self._error = error
        self._give.close()

    # ---- a recogniser

    async def expect_words(self, member: Member[SpeechToText], ask_again: bool) -> Never:
        """A recogniser that is given speech and says nothing is as good as dead, wherever it stalls.

        It must be found out while the ring holds what was said, and one that is alone before whoever listens loses
        patience: so it is asked again only when there is nobody else.
        """
        tells_sentences = math.isinf(member.provider.words_after_ms)
        self._unanswered.given_anew(trio.current_time(), tells_sentences=tells_sentences)
        while True:
            await trio.sleep(LOOKS_S)
            if self._unanswered.waited_s(trio.current_time()) < WORDS_S:
                continue
            if self._unanswered.speech_ms >= WORDLESS_MS:
                raise ProviderError(
                    member.name, f"speech, and no words for {WORDS_S:g} s", retryable=ask_again
                )
            self._unanswered.answered()  # a cough has none

    async def serve(self, inner: SttStream, member: Member[SpeechToText]) -> Never:
        """Until it fails: hands it the ring from the last final transcript on, and hands on what it says."""
        began_ms = self._ring[0][0] if self._ring else self._end_ms
        self._read, self._inner, self._began_ms, self._metered_ms = 0, inner, began_ms, 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hand_over, inner)
            while True:
                transcript = await inner.next()
                self._unanswered.answered()
                if transcript.text:  # without words it is patient work, and no proof that it ever hears any
                    member.breaker.succeeded()
                    self.worded += transcript.final
                moved = replace(
                    transcript,
                    start_ms=transcript.start_ms + began_ms,
                    end_ms=transcript.end_ms + began_ms,
                )
                if moved.final:
                    self._cover(moved.end_ms)
                await self._give.send(moved)

    def give_up(self) -> None:
        """The recogniser has failed: what it had of the ring is for the next one, and will be paid for again."""
        self._settle()
        self._used += [replace(usage, in_vain=True) for usage in self._open]
        self._open.clear()
        self._inner, self._read = None, 0

    def close(self) -> None:
        """Nobody listens any more, so nothing is heard again."""
        self._settle()
        self._used += self._open
        self._open.clear()
        self._inner = None

    def _settle(self) -> None:
        """What the recogniser was paid for sound without a final transcript is open; all else is settled.

        One that charges by the piece has charged for what it has answered, and for nothing else.
        """
        if self._inner is None:
            return
        news = self._inner.used()
        self._metered_ms += sum(usage.units.get("audio_ms", 0) for usage in news)
        again_ms = sum(duration_ms(self._ring[k][1].pcm, EARS_RATE_HZ) for k in range(self._read))
        ahead_ms = self._metered_ms - max(0.0, self.covered_ms - self._began_ms)
        settled, self._open = split([*self._open, *news], max(0.0, min(again_ms, ahead_ms)))
        self._used += settled

    async def _hand_over(self, inner: SttStream) -> None:
        while True:
            while self._read < len(self._ring):
                _, chunk = self._ring[self._read]
                self._read += 1
                await inner.push(chunk)
            self._more = trio.Event()
            await self._more.wait()

    def _cover(self, until_ms: float) -> None:
        self.covered_ms = max(self.covered_ms, min(until_ms, self._end_ms))
        while self._ring and self._read and self._ring_end(0) <= self.covered_ms:
            self._ring.popleft()
            self._read -= 1

    def _ring_end(self, place: int) -> float:
        at_ms, chunk = self._ring[place]
        return at_ms + duration_ms(chunk.pcm, EARS_RATE_HZ)
