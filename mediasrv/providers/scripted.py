"""Providers that follow a script: the same call every time, and every fault when it is wanted.

Ordinary adapters of `protocols`: nothing above knows that they are scripted. One set serves one call, since "the
second request" means the second of this call. Times are those of the trio clock and, for speech recognition, of the
audio itself: words come after so many milliseconds of heard speech, which makes a transcript as repeatable as the
sound that causes it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace

import trio

from mediasrv.audio import EARS_RATE_HZ, EarsChunk
from mediasrv.providers.protocols import (
    LlmDelta,
    LlmRequest,
    Message,
    ProviderError,
    SpeechChunk,
    SttStream,
    TextDelta,
    TextToSpeech,
    ToolCall,
    ToolRequest,
    Transcript,
    Usage,
)
from mediasrv.providers.script import Ears, Fault, Heard, Reply, Script

TRANSCRIPTS_KEPT = 64  # nobody listens: the oldest partials are dropped
APOLOGY = "I have nothing to say to that."


class _Faults:
    """The faults of one provider, request by request."""

    def __init__(self, script: Script, of: str, provider: str) -> None:
        self._planned = [fault for fault in script.fault if fault.of == of]
        self._provider = provider
        self._requests = 0

    def next_request(self) -> list[Fault]:
        self._requests += 1
        return [fault for fault in self._planned if fault.request == self._requests]

    async def strike(self, faults: list[Fault], done: int) -> None:
        """Does what is planned for after `done` pieces of this request."""
        for fault in faults:
            if fault.after == done:
                await self._happen(fault)

    async def _happen(self, fault: Fault) -> None:
        match fault.kind:
            case "error":
                raise ProviderError(self._provider, "the script says so", retryable=True)
            case "stall":
                await trio.sleep_forever()
            case "slow":
                await trio.sleep(fault.slow_ms / 1000)


# ---- language model --------------------------------------------------------------------------------------------


class ScriptedLlm:
    name = "scripted"

    def __init__(self, script: Script) -> None:
        self._script = script
        self._faults = _Faults(script, "llm", "scripted llm")
        self._turns = 0
        self._calls = 0

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        faults = self._faults.next_request()
        reply = self._reply(request.messages)
        after_tools = request.messages[-1].role == "tool"
        text = _fill(reply.then, request.messages) if after_tools else reply.text
        model = self._script.model
        await self._faults.strike(faults, 0)
        await trio.sleep(_either(reply.first_token_ms, model.first_token_ms) / 1000)
        count = 0
        for count, token in enumerate(re.findall(r"\s*\S+", text), 1):
            yield TextDelta(token)
            await self._faults.strike(faults, count)
            await trio.sleep(_either(reply.token_ms, model.token_ms) / 1000)
        if not after_tools:
            for use in reply.tools:
                self._calls += 1
                yield ToolRequest(ToolCall(f"call-{self._calls}", use.name, dict(use.arguments)))
        read = sum(len(message.text.split()) for message in request.messages)
        yield Usage(self.name, self._script.name, {"input_tokens": read, "output_tokens": count})

    def _reply(self, messages: Sequence[Message]) -> Reply:
        """The first reply that fits what the caller said last, or the number of this turn."""
        if messages[-1].role != "tool":
            self._turns += 1
        heard = next((m.text.lower() for m in reversed(messages) if m.role == "user"), "")
        for reply in self._script.reply:
            if reply.turn == self._turns or any(_said(phrase, heard) for phrase in reply.hears):
                return reply
        fallbacks = [reply for reply in self._script.reply if not reply.turn and not reply.hears]
        return fallbacks[0] if fallbacks else Reply(APOLOGY)


def _said(phrase: str, heard: str) -> bool:
    return re.search(rf"\b{re.escape(phrase.lower())}\b", heard) is not None


def _fill(text: str, messages: Sequence[Message]) -> str:
    return text.replace("{result}", messages[-1].text)


def _either(own: int | None, general: int) -> int:
    return general if own is None else own


# ---- text to speech --------------------------------------------------------------------------------------------


class ScriptedTts:
    """A voice with the script's delays, word times and faults."""

    name = "scripted"

    def __init__(self, script: Script, voice: TextToSpeech) -> None:
        self._script, self._voice = script, voice
        self._faults = _Faults(script, "tts", "scripted tts")

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        faults, settings = self._faults.next_request(), self._script.voice
        await self._faults.strike(faults, 0)
        await trio.sleep(settings.first_sound_ms / 1000)
        count = 0
        async with aclosing(self._voice.stream(text, voice or settings.name)) as sound:
            async for chunk in sound:
                if count and settings.sound_ms:
                    await trio.sleep(settings.sound_ms / 1000)
                words = chunk.words if settings.word_times else ()
                yield SpeechChunk(chunk.pcm, chunk.rate_hz, words, chunk.usage)
                count += 1
                await self._faults.strike(faults, count)


# ---- speech to text --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Utterance:
    """Speech as the gate hears it, laid against the words it is said to be."""

    heard: Heard
    ears: Ears
    began_ms: float
    speech_ms: float = 0.0
    quiet_ms: float = 0.0
    told: int = 0

    def words_due(self) -> int:
        words = len(self.heard.text.split())
        since = self.speech_ms - _either(self.heard.first_word_ms, self.ears.first_word_ms)
        each = max(1, _either(self.heard.word_ms, self.ears.word_ms))
        due = 0 if since < 0 else 1 + int(since / each)
        return min(words or due, due)  # of what has no words that is said as often


class _Recognition:
    """One call's script of transcripts; goes on where it was when the stream is opened anew.

    Who opens it anew may give it sound again that it has had. It hears that as if for the first time, as any recogniser
    would; but the time of the call, which `at_ms` is told by, has passed for it already.
    """

    def __init__(self, script: Script) -> None:
        self._ears = script.ears
        self._in_turn = [heard for heard in script.hears if heard.at_ms is None]
        self._timed = sorted((h for h in script.hears if h.at_ms is not None), key=lambda h: h.at_ms or 0)
        self._call_ms = 0.0
        self._now_ms = 0.0  # since the stream was opened, as its transcripts tell it
        self._newest_ns = -1  # when the newest sound arrived
        self._again_until_ns = -1  # the same, as this stream was opened
        self._utterance: _Utterance | None = None
        self._count = 0

    def begin(self) -> None:
        """The stream is opened, for the first time or anew."""
        self._now_ms, self._utterance, self._again_until_ns = 0.0, None, self._newest_ns

    def hear(self, chunk: EarsChunk) -> Iterator[Transcript]:
        for span in chunk.spans:
            length_ms = span.samples * 1000 / EARS_RATE_HZ
            self._now_ms += length_ms
            if span.at_ns > self._again_until_ns:
                self._call_ms += length_ms
            self._newest_ns = max(self._newest_ns, span.at_ns)
            yield from self._due()
            yield from self._speech(length_ms) if span.speech else self._quiet(length_ms)

    def _due(self) -> Iterator[Transcript]:
        while self._timed and (self._timed[0].at_ms or 0) <= self._call_ms:
            heard = self._timed.pop(0)
            yield Transcript(heard.text, True, heard.confidence, self._now_ms, self._now_ms)

    def _speech(self, length_ms: float) -> Iterator[Transcript]:
        utterance = self._utterance
        if utterance is None:
            heard = self._next_heard()
            utterance = self._utterance = _Utterance(heard, self._ears, self._now_ms - length_ms)
        utterance.speech_ms += length_ms
        utterance.quiet_ms = 0.0
        due = utterance.words_due()
        if due > utterance.told:
            utterance.told = due
            yield self._transcript(utterance, due, final=False)

    def _quiet(self, length_ms: float) -> Iterator[Transcript]:
        utterance = self._utterance
        if utterance is None:
            return
        utterance.quiet_ms += length_ms
        if utterance.quiet_ms < self._ears.final_ms:
            return
        self._utterance = None
        if utterance.speech_ms < self._ears.shortest_ms:
            cough = self._transcript(utterance, 0, final=False)
            yield replace(cough, final=True)  # its words wait for the next utterance
            return
        self._count += 1
        yield self._transcript(utterance, len(utterance.heard.text.split()), final=True)

    def _next_heard(self) -> Heard:
        return self._in_turn[self._count] if self._count < len(self._in_turn) else Heard(self._ears.otherwise)

    def _transcript(self, utterance: _Utterance, words: int, *, final: bool) -> Transcript:
        text = utterance.heard.text if final else " ".join(utterance.heard.text.split()[:words])
        return Transcript(text, final, utterance.heard.confidence, utterance.began_ms, self._now_ms)


class _ScriptedStream:
    def __init__(self, recognition: _Recognition, faults: _Faults) -> None:
        self._recognition, self._all_faults, self._faults = recognition, faults, faults.next_request()
        self._ready: deque[Transcript] = deque(maxlen=TRANSCRIPTS_KEPT)
        self._arrived = trio.Event()
        self._given = 0

    async def push(self, chunk: EarsChunk) -> None:
        for transcript in self._recognition.hear(chunk):
            self._ready.append(transcript)
            self._arrived.set()
        await trio.lowlevel.checkpoint_if_cancelled()  # who pushes has waited for the sound

    async def next(self) -> Transcript:
        await self._all_faults.strike(self._faults, self._given)
        while not self._ready:
            self._arrived = trio.Event()
            await self._arrived.wait()
        transcript = self._ready.popleft()
        self._given += bool(transcript.text)
        return transcript

    def used(self) -> Sequence[Usage]:
        return ()


class ScriptedStt:
    name = "scripted"
    words_after_ms = 0.0  # it knows a word before it has ended

    def __init__(self, script: Script) -> None:
        self._recognition = _Recognition(script)
        self._faults = _Faults(script, "stt", "scripted stt")

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SttStream]:
        await trio.lowlevel.checkpoint()
        self._recognition.begin()
        yield _ScriptedStream(self._recognition, self._faults)
