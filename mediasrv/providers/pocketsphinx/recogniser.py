"""The recogniser as the conversation knows it: an ordinary SpeechToText whose streams have a worker process each.

    push > segmenter > utterances (bounded) > worker > partial and final transcripts > next

An utterance is kept until its final transcript has come. When the worker dies, another is started and is fed from the
first utterance that has none: nothing the caller said is lost, it only takes longer. A worker that dies again and
again without finishing anything is a ProviderError, as is one that cannot be started.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import trio

from mediasrv.audio import EarsChunk
from mediasrv.providers.pocketsphinx.expectation import Expectation
from mediasrv.providers.pocketsphinx.frames import FrameError, FrameReader, Kind, frame
from mediasrv.providers.pocketsphinx.utterances import Segmenter, Utterance
from mediasrv.providers.protocols import UNCLEAR, ProviderError, SttStream, Transcript, Usage

NAME = "pocketsphinx"
MOST_WAITING_MS = (
    30_000.0  # of sound that has no transcript yet; more waits in `push`, where the call sees it
)
TRANSCRIPTS_KEPT = 64  # nobody listens: the oldest partials are dropped
DEATHS = 3  # of workers, without a transcript between them
READ_BYTES = 65_536
KILLED_WITHIN_S = 1.0
COUGH_MS = 450.0  # less speech than this, without words that fit, is a cough
SUPPOSED_FROM_MS = 700.0  # of speech, before words are told that it only begins with: "sure" is no "book a"


class WorkerDied(Exception):
    """The process ended, or talks nonsense."""


class PocketSphinx:
    """Recognises what is expected; `spared`: processors on which no worker runs."""

    name = NAME
    words_after_ms = math.inf  # it does not tell of short utterances while they last

    def __init__(self, expectation: Expectation, spared: Sequence[int] = ()) -> None:
        self._expectation = expectation
        worker = [sys.executable, "-m", "mediasrv.providers.pocketsphinx.worker"]
        self.command = [*worker, *(str(cpu) for cpu in spared)]

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SttStream]:
        if language.partition("-")[0] != "en":
            raise ProviderError(NAME, f"only English is understood, not {language!r}", retryable=False)
        stream = PocketSphinxStream(self._expectation, self.command)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.run)
            yield stream
            nursery.cancel_scope.cancel()


class PocketSphinxStream:
    def __init__(self, expectation: Expectation, command: Sequence[str]) -> None:
        self._expectation, self._command = expectation, command
        self._segmenter = Segmenter()
        self._utterances: deque[Utterance] = deque()  # those without a final transcript
        self._grown, self._shrunk = trio.Event(), trio.Event()
        self._transcripts: deque[Transcript] = deque(maxlen=TRANSCRIPTS_KEPT)
        self._told = trio.Event()
        self._answered = 0  # utterances, since the stream began

    # ---- the face ----------------------------------------------------------------------------------------------

    async def push(self, chunk: EarsChunk) -> None:
        await trio.lowlevel.checkpoint()
        while sum(utterance.length_ms for utterance in self._utterances) > MOST_WAITING_MS:
            self._shrunk = trio.Event()
            await self._shrunk.wait()
        self._utterances.extend(self._segmenter.hear(chunk))
        self._grown.set()

    async def next(self) -> Transcript:
        await trio.lowlevel.checkpoint()
        while not self._transcripts:
            self._told = trio.Event()
            await self._told.wait()
        return self._transcripts.popleft()

    def used(self) -> Sequence[Usage]:
        """Nothing that anybody charges for: it runs here."""
        return ()

    # ---- workers, one after the other --------------------------------------------------------------------------

    async def run(self) -> None:
        deaths, answered = 0, 0
        while True:
            try:
                await self._employ()
            except* WorkerDied as died:
                deaths = 1 if self._answered > answered else deaths + 1
                answered = self._answered
                if deaths >= DEATHS:
                    problem = f"{deaths} workers died in a row: {died.exceptions[0]}"
                    raise ProviderError(NAME, problem, retryable=True) from died

    async def _employ(self) -> None:
        """One worker's life; raises WorkerDied when it ends."""
        try:
            process = await trio.lowlevel.open_process(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a signal for the server's terminal is not for its workers
            )
        except OSError as error:
            raise ProviderError(NAME, f"no worker: {error.strerror}", retryable=True) from error
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._feed, process.stdin)
                nursery.start_soon(self._hear, process.stdout)
        finally:
            await _end(process)

    async def _feed(self, pipe: trio.abc.SendStream) -> None:
        """Everything that has no transcript, from the beginning; then what comes."""
        try:
            await pipe.send_all(frame(Kind.SETUP, self._expectation.setup()))
            following = self._answered
            while True:
                while following - self._answered >= len(self._utterances):
                    await self._grow()
                await self._say(pipe, self._utterances[following - self._answered])
                following += 1
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise WorkerDied("it takes no sound") from error

    async def _say(self, pipe: trio.abc.SendStream, utterance: Utterance) -> None:
        await pipe.send_all(frame(Kind.BEGIN))
        said = 0
        while said < len(utterance.pieces) or not utterance.ended:
            if said == len(utterance.pieces):
                await self._grow()
            pieces = utterance.pieces[said:]
            said += len(pieces)
            if pieces:
                await pipe.send_all(frame(Kind.AUDIO, b"".join(pieces)))
        await pipe.send_all(frame(Kind.END))

    async def _grow(self) -> None:
        """Waits for more sound."""
        self._grown = trio.Event()
        await self._grown.wait()

    async def _hear(self, pipe: trio.abc.ReceiveStream) -> None:
        reader = FrameReader()
        while True:
            try:
                data = await pipe.receive_some(READ_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise WorkerDied("it says nothing") from error
            if not data:
                raise WorkerDied("it has ended")
            try:
                for kind, body in reader.receive(data):
                    self._take(kind, json.loads(body))
            except (FrameError, ValueError, KeyError, TypeError, IndexError) as error:
                raise WorkerDied(f"it talks nonsense: {error}") from error

    # ---- transcripts -------------------------------------------------------------------------------------------

    def _take(self, kind: Kind, body: dict[str, object]) -> None:
        if kind is Kind.PARTIAL:
            self._tell(supposed(self._expectation, self._utterances[0], body))
        elif kind is Kind.FINAL:
            utterance = self._utterances.popleft()
            self._answered += 1
            self._shrunk.set()
            self._tell(concluded(self._expectation, utterance, body))

    def _tell(self, transcript: Transcript | None) -> None:
        if transcript is not None:
            self._transcripts.append(transcript)
            self._told.set()


def supposed(expected: Expectation, utterance: Utterance, found: Mapping[str, object]) -> Transcript | None:
    """A partial transcript, if it fits: words found in a cough or a murmur would stop the agent's voice."""
    text, behind = str(found["text"]), float(str(found["behind"]))
    confidence = expected.confidence(text, behind, final=False)
    if utterance.speech_ms < SUPPOSED_FROM_MS or confidence < expected.unclear_below:
        return None
    return Transcript(text, False, confidence, utterance.start_ms, utterance.end_ms)


def concluded(expected: Expectation, utterance: Utterance, found: Mapping[str, object]) -> Transcript:
    """A final transcript; without words of a cough, which is speech that fits nothing and is too short for any."""
    text, behind = str(found["text"]), float(str(found["behind"]))
    confidence = expected.confidence(text, behind)
    if confidence < expected.unclear_below:
        text = UNCLEAR if utterance.speech_ms >= COUGH_MS else ""
    return Transcript(text, True, confidence, utterance.start_ms, utterance.end_ms)


async def _end(process: trio.Process) -> None:
    """Whatever it was doing: nothing of it is left."""
    with trio.CancelScope(shield=True), trio.move_on_after(KILLED_WITHIN_S):
        process.kill()
        if process.stdin is not None:
            await process.stdin.aclose()
        if process.stdout is not None:
            await process.stdout.aclose()
        await process.wait()
