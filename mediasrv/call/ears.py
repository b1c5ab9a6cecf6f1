"""From the stream's ears to words: pulls sound, pushes it to the recogniser, and brings it back when it dies.

What it owes the words of is given to the next one (`owed_sound`), with what was said while there was none: a caller
need not say anything twice, however often it dies. The voice, the gate and the holds work on without it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import trio

from mediasrv.audio import EarsChunk
from mediasrv.call.call import Call
from mediasrv.conversation.owed_sound import OwedSound
from mediasrv.conversation.provider_edge import provider_errors
from mediasrv.conversation.surrogates import mended
from mediasrv.errors import leaves
from mediasrv.providers.protocols import ProviderError, SpeechToText, SttStream, Transcript, Usage, waits_of
from mediasrv.providers.sound import Unanswered

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
    _pushing_since: float | None = None
    _transcripts: int = 0
    _owed: OwedSound = field(default_factory=OwedSound)
    _unanswered: Unanswered = field(init=False)
    _says_when_deaf: bool = field(init=False)  # several recognisers, of which each is given its time

    def __post_init__(self) -> None:
        self._unanswered = Unanswered(tells_sentences=math.isinf(self.stt.words_after_ms))
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
        self._unanswered.answered()
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
                self._unanswered.answered()
                self._transcripts += bool(transcript.text)
                if transcript.final:
                    self._cover(transcript)
                    self.on_used(stream.used())  # whoever answers these words has it on the bill
                if transcript.text:  # else a sign of life, which nobody else need hear of
                    await self.on_transcript(transcript)

    def _cover(self, final: Transcript) -> None:
        """Nothing is owed any more of what it is about; where there are no words, only as far as it says."""
        if final.text or final.end_ms > 0:
            self._owed.cover(final.end_ms)

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
        self._pushing_since = self.call.now()
        self._unanswered.hear(chunk, self._pushing_since)
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
            now = self.call.now()
            if self._unanswered.waited_s(now) < limits.transcript_s:
                continue
            if self._unanswered.speech_ms >= limits.wordless_ms and self._says_when_deaf:
                # another of them may be hearing it again
                self._unanswered.given_anew(now, tells_sentences=self._unanswered.tells_sentences)
                continue
            if self._unanswered.speech_ms >= limits.wordless_ms:
                problem = f"speech, and no words for {limits.transcript_s:g} s"
                raise ProviderError(self.stt.name, problem, retryable=True)
            self._unanswered.answered()  # a cough has no words
            self._owed.forgive()

    def _may_wait_s(self) -> float:
        """Until one of the limits can be passed, be it by something that begins only now."""
        limits = self.call.settings.failures
        pushing_s = 0.0 if self._pushing_since is None else self._passed_s(self._pushing_since)
        speech_s = self._unanswered.waited_s(self.call.now())
        return max(LEAST_WAIT_S, min(limits.stt_answer_s - pushing_s, limits.transcript_s - speech_s))

    def _passed_s(self, since: float) -> float:
        return self.call.now() - since

    async def _hear_for_later(self) -> None:
        while True:
            self._owed.add(self.call.secrecy.censored(await self.call.stream.read(QUIET_MS)))
