"""From the stream's ears to words: pulls sound, pushes it to the recogniser, and brings it back when it dies.

What it owes the words of is given to the next one (`owed_sound`), with what was said while there was none: a caller
need not say anything twice, however often it dies. The voice, the gate and the holds work on without it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import trio

from mediasrv.audio import EARS_RATE_HZ, EarsChunk
from mediasrv.call.call import Call
from mediasrv.conversation.owed_sound import OwedSound
from mediasrv.conversation.provider_edge import provider_errors
from mediasrv.conversation.surrogates import mended
from mediasrv.errors import leaves
from mediasrv.providers.protocols import ProviderError, SpeechToText, SttStream, Transcript, Usage, waits_of

# Waking Python for a call is dearer than the sound it then takes, so as little of that as can be. No piece waits for an
# onset or for the end of speech: the stream gives what it has when the gate turns (mediasrv/media/streams/ears.py).
LIVELY_S = 0.5  # beyond the gate's own 200 ms: by then a recogniser has seen that it is quiet
LIVELY_MS = 40  # at most so much later is a word heard, while somebody speaks
QUIET_MS = 200  # for speech that the gate does not see
LEAST_WAIT_S = 0.05


@dataclass(slots=True, eq=False)
class Ears:
    call: Call
    stt: SpeechToText
    on_transcript: Callable[[Transcript], Awaitable[None]]
    on_lost: Callable[[], Awaitable[None]]
    on_used: Callable[[Sequence[Usage]], None]
    _speech_since: float | None = None  # heard, and no transcript since
    _speech_ms: float = 0.0  # so much of it
    _pushing_since: float | None = None
    _transcripts: int = 0
    _owed: OwedSound = field(default_factory=OwedSound)
    _tells_sentences: bool = field(init=False)  # words come only when the speech is over
    _says_when_deaf: bool = field(init=False)  # several recognisers, of which each is given its time

    def __post_init__(self) -> None:
        self._tells_sentences = math.isinf(self.stt.words_after_ms)
        self._says_when_deaf = math.isinf(waits_of(self.stt).first_s)

    async def run(self) -> None:
        """Listens until cancelled; when the recogniser fails too often in a row, says so once and goes deaf."""
        failures, limits = 0, self.call.settings.failures
        while failures < limits.stt_attempts:
            if failures:
                with trio.move_on_after(limits.stt_retry_s * 2 ** (failures - 1)):
                    await self._hear_for_later()
            before = self._transcripts
            try:
                await self._listen()
            except* ProviderError as errors:
                failures = 1 if self._transcripts > before else failures + 1
                problem = "; ".join(str(error) for error in leaves(errors))
                self.call.timeline.note("stt_failed", problem=problem, failures=failures)
        await self.on_lost()
        await self._hear_for_later()

    async def _listen(self) -> None:
        self._forget()
        self._pushing_since = None
        name, limit_s = self.stt.name, self.call.settings.failures.stt_answer_s
        stream: SttStream | None = None
        try:
            with trio.move_on_after(limit_s) as bound, provider_errors(name):
                async with self.stt.open(self.call.settings.language) as stream:
                    bound.deadline = math.inf
                    try:
                        await self._converse(stream)
                    finally:
                        bound.deadline = trio.current_time() + limit_s
        finally:
            if stream is not None:
                self.on_used(stream.used())  # the last of it is known when it is closed
        raise ProviderError(name, f"no answer for {limit_s:g} s", retryable=True)

    async def _converse(self, stream: SttStream) -> None:
        self._owed.begin()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._push, stream)
            nursery.start_soon(self._watch)
            while True:
                with provider_errors(self.stt.name):
                    heard = await stream.next()
                    transcript = replace(heard, text=mended(heard.text))
                self._transcripts += 1
                self._forget()
                if transcript.final:
                    self._owed.cover(transcript.end_ms)
                    self.on_used(stream.used())  # whoever answers these words has it on the bill
                await self.on_transcript(transcript)

    async def _push(self, stream: SttStream) -> None:
        """The loop that runs most of all that a call runs: so `_watch` keeps its time."""
        with provider_errors(self.stt.name):
            spoken_at = self.call.now()
            while True:
                for owed in self._owed.to_give():
                    await self._give(stream, owed)
                now = self.call.now()
                chunk = await self.call.stream.read(LIVELY_MS if now - spoken_at < LIVELY_S else QUIET_MS)
                chunk = self.call.secrecy.censored(chunk)
                self._owed.add(chunk)
                if chunk.speech:
                    spoken_at = now

    async def _give(self, stream: SttStream, chunk: EarsChunk) -> None:
        if chunk.speech:
            if self._speech_since is None or self._tells_sentences:
                self._speech_since = self.call.now()
            self._speech_ms += sum([s.samples for s in chunk.spans if s.speech]) * 1000 / EARS_RATE_HZ
        self._pushing_since = self.call.now()
        await stream.push(chunk)
        self._pushing_since = None

    async def _watch(self) -> None:
        """A recogniser that takes no sound, or hears speech and says nothing, for too long is as good as dead."""
        limits = self.call.settings.failures
        while True:
            await trio.sleep(self._may_wait_s())
            if self._pushing_since is not None and self._passed_s(self._pushing_since) >= limits.stt_answer_s:
                problem = f"takes no sound for {limits.stt_answer_s:g} s"
                raise ProviderError(self.stt.name, problem, retryable=True)
            if self._speech_since is None or self._passed_s(self._speech_since) < limits.transcript_s:
                continue
            if self._speech_ms >= limits.wordless_ms and self._says_when_deaf:
                self._speech_since = self.call.now()  # another of them may be hearing it again
                continue
            if self._speech_ms >= limits.wordless_ms:
                problem = f"speech, and no words for {limits.transcript_s:g} s"
                raise ProviderError(self.stt.name, problem, retryable=True)
            self._forget()  # a cough has no words
            self._owed.forgive()

    def _may_wait_s(self) -> float:
        """Until one of the limits can be passed, be it by something that begins only now."""
        limits = self.call.settings.failures
        pushing_s = 0.0 if self._pushing_since is None else self._passed_s(self._pushing_since)
        speech_s = 0.0 if self._speech_since is None else self._passed_s(self._speech_since)
        return max(LEAST_WAIT_S, min(limits.stt_answer_s - pushing_s, limits.transcript_s - speech_s))

    def _passed_s(self, since: float) -> float:
        return self.call.now() - since

    def _forget(self) -> None:
        self._speech_since, self._speech_ms = None, 0.0

    async def _hear_for_later(self) -> None:
        while True:
            self._owed.add(self.call.secrecy.censored(await self.call.stream.read(QUIET_MS)))
