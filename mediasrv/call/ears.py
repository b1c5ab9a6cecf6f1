"""From the stream's ears to words: pulls sound, pushes it to the recogniser, and brings it back when it dies.

While there is no recogniser the sound of that time is lost to it, and the engine's own bounded buffer drops the
oldest; the voice, the gate and the holds work on without it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from mediasrv.audio import EARS_RATE_HZ, PTIME_MS
from mediasrv.call.call import Call, leaves
from mediasrv.conversation.provider_edge import provider_errors
from mediasrv.providers.protocols import ProviderError, SpeechToText, SttStream, Transcript

# A call in which nobody speaks need not wake Python 50 times a second; the gate tells of speech by itself.
LIVELY_S = 1.0
QUIET_PTIME_MS = 60


@dataclass(slots=True, eq=False)
class Ears:
    call: Call
    stt: SpeechToText
    on_transcript: Callable[[Transcript], Awaitable[None]]
    on_lost: Callable[[], Awaitable[None]]
    _speech_since: float | None = None  # heard, and no transcript since
    _speech_ms: float = 0.0  # so much of it
    _pushing_since: float | None = None
    _transcripts: int = 0

    async def run(self) -> None:
        """Listens until cancelled; when the recogniser fails too often in a row, says so once and goes deaf."""
        failures, limits = 0, self.call.settings.failures
        while failures < limits.stt_attempts:
            before = self._transcripts
            try:
                await self._listen()
            except* ProviderError as errors:
                failures = 1 if self._transcripts > before else failures + 1
                problem = "; ".join(str(error) for error in leaves(errors))
                self.call.timeline.note("stt_failed", problem=problem, failures=failures)
            with trio.move_on_after(limits.stt_retry_s * 2 ** (failures - 1)):
                await self._hear_nothing()
        await self.on_lost()
        await self._hear_nothing()

    async def _listen(self) -> None:
        self._forget()
        self._pushing_since = None
        name, limit_s = self.stt.name, self.call.settings.failures.stt_answer_s
        with trio.move_on_after(limit_s) as bound, provider_errors(name):
            async with self.stt.open(self.call.settings.language) as stream:
                bound.deadline = math.inf
                try:
                    await self._converse(stream)
                finally:
                    bound.deadline = trio.current_time() + limit_s
        raise ProviderError(name, f"no answer for {limit_s:g} s", retryable=True)

    async def _converse(self, stream: SttStream) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._push, stream)
            nursery.start_soon(self._watch)
            while True:
                with provider_errors(self.stt.name):
                    transcript = await stream.next()
                self._transcripts += 1
                self._forget()
                await self.on_transcript(transcript)

    async def _push(self, stream: SttStream) -> None:
        """The loop that runs 50 times a second while somebody talks: `_watch` keeps its time."""
        spoken_at = self.call.now()
        with provider_errors(self.stt.name):
            while True:
                now = self.call.now()
                chunk = await self.call.stream.read(
                    PTIME_MS if now - spoken_at < LIVELY_S else QUIET_PTIME_MS
                )
                chunk = self.call.secrecy.censored(chunk)
                if chunk.speech:
                    spoken_at = now
                    self._speech_since = now if self._speech_since is None else self._speech_since
                    self._speech_ms += sum([s.samples for s in chunk.spans if s.speech]) * 1000 / EARS_RATE_HZ
                self._pushing_since = self.call.now()
                await stream.push(chunk)
                self._pushing_since = None

    async def _watch(self) -> None:
        """A recogniser that takes no sound, or hears speech and says nothing, for too long is as good as dead."""
        limits = self.call.settings.failures
        while True:
            await trio.sleep(min(limits.transcript_s, limits.stt_answer_s) / 4)
            now = self.call.now()
            if self._pushing_since is not None and now - self._pushing_since > limits.stt_answer_s:
                problem = f"takes no sound for {limits.stt_answer_s:g} s"
                raise ProviderError(self.stt.name, problem, retryable=True)
            if self._speech_since is None or now - self._speech_since <= limits.transcript_s:
                continue
            if self._speech_ms >= limits.wordless_ms:
                problem = f"speech, and no words for {limits.transcript_s:g} s"
                raise ProviderError(self.stt.name, problem, retryable=True)
            self._forget()  # a cough has no words

    def _forget(self) -> None:
        self._speech_since, self._speech_ms = None, 0.0

    async def _hear_nothing(self) -> None:
        while True:
            await self.call.stream.read(QUIET_PTIME_MS)
