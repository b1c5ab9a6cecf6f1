"""Worker processes, real ones: what they hear, what they cost nobody, and what becomes of a call when they die."""

from __future__ import annotations

import os
import shutil
import sys
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from mediasrv.audio import EARS_RATE_HZ, EarsChunk, Span
from mediasrv.errors import leaves
from mediasrv.providers.pocketsphinx import recogniser
from mediasrv.providers.pocketsphinx.expectation import Expectation, expect
from mediasrv.providers.pocketsphinx.lexicon import model_directory
from mediasrv.providers.pocketsphinx.recogniser import DEATHS, PocketSphinx
from mediasrv.providers.protocols import UNCLEAR, ProviderError, SttStream, Transcript
from tests.interop.patience import PATIENCE_S
from tests.interop.sound import read_wav

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("flite") is None, reason="flite says the questions"),
    pytest.mark.skipif(model_directory() is None, reason="the extra `local` is not installed"),
]
SUBJECTS = [
    ["when is breakfast", "what time is breakfast"],
    ["where can i park my car"],
    ["can i bring my dog"],
]
PIECE = EARS_RATE_HZ // 50

# A worker that dies of its first sound the first time, and then is the real one.
FRAGILE = """
import os, runpy, sys
died, sys.argv = sys.argv[1], sys.argv[:1]
if not os.path.exists(died):
    open(died, "w").close()
    sys.stdin.buffer.read(40_000)
    os.kill(os.getpid(), 9)
runpy.run_module("mediasrv.providers.pocketsphinx.worker", run_name="__main__")
"""


@pytest.fixture(scope="module")
def expectation() -> Expectation:
    return expect(SUBJECTS, {})


async def said(folder: Path, text: str) -> list[EarsChunk]:
    """As the ears hear it: 20 ms each, speech between two silences."""
    path = folder / "said.wav"
    await trio.run_process(["flite", "-voice", "slt", "-t", text, "-o", str(path)])
    samples, rate_hz = read_wav(path)
    assert rate_hz == EARS_RATE_HZ
    quiet = array("h", bytes(2 * EARS_RATE_HZ // 2))
    return [
        EarsChunk(sound[at : at + PIECE].tobytes(), (Span(0, 0, PIECE, speech=speech),))
        for sound, speech in ((quiet, False), (samples, True), (quiet, False))
        for at in range(0, len(sound) - PIECE + 1, PIECE)
    ]


async def final(stream: SttStream) -> Transcript:
    with trio.fail_after(PATIENCE_S):
        while not (transcript := await stream.next()).final:
            pass
    return transcript


async def hear(stream: SttStream, chunks: list[EarsChunk]) -> Transcript:
    for chunk in chunks:
        await stream.push(chunk)
    return await final(stream)


@asynccontextmanager
async def listening(expectation: Expectation, command: list[str] | None = None) -> AsyncIterator[SttStream]:
    stt = PocketSphinx(expectation)
    stt.command = command or stt.command
    async with stt.open("en") as stream:
        yield stream


async def test_questions_are_understood_one_after_the_other(expectation: Expectation, tmp_path: Path) -> None:
    async with listening(expectation) as stream:
        for text in ("what time is breakfast", "where can i park my car"):
            transcript = await hear(stream, await said(tmp_path, text))
            assert transcript.text == text
            assert transcript.confidence > 0.5
            assert transcript.start_ms < transcript.end_ms


async def test_what_nobody_expects_is_not_guessed(expectation: Expectation, tmp_path: Path) -> None:
    text = "the quarterly earnings were lower than the market expected"
    async with listening(expectation) as stream:
        transcript = await hear(stream, await said(tmp_path, text))
    assert transcript.text == UNCLEAR
    assert transcript.confidence < expectation.unclear_below


async def test_a_worker_that_dies_is_replaced_and_what_was_said_is_heard(
    expectation: Expectation, tmp_path: Path
) -> None:
    died = tmp_path / "died"
    async with listening(expectation, [sys.executable, "-c", FRAGILE, str(died)]) as stream:
        transcript = await hear(stream, await said(tmp_path, "can i bring my dog"))
    assert died.exists()
    assert transcript.text == "can i bring my dog"


@pytest.mark.parametrize("worker", ["", "print('nonsense' * 100)", "import time; print('\\x10', end='')"])
async def test_workers_that_die_again_and_again_are_an_error_of_the_provider(
    expectation: Expectation, worker: str
) -> None:
    with pytest.raises(ExceptionGroup) as raised, trio.fail_after(PATIENCE_S):
        async with listening(expectation, [sys.executable, "-c", worker]) as stream:
            await stream.next()
    (error,) = leaves(raised.value)  # some Pythons wrap it once more
    assert isinstance(error, ProviderError)
    assert f"{DEATHS} workers died in a row" in error.problem


async def test_a_worker_that_cannot_be_started_is_an_error_of_the_provider(expectation: Expectation) -> None:
    with pytest.raises(ExceptionGroup) as raised, trio.fail_after(PATIENCE_S):
        async with listening(expectation, ["/nowhere/at/all"]) as stream:
            await stream.next()
    assert raised.value.subgroup(ProviderError) is not None


async def test_a_language_it_does_not_know_is_refused(expectation: Expectation) -> None:
    with pytest.raises(ProviderError):
        async with PocketSphinx(expectation).open("de"):
            pass


async def test_nothing_of_a_worker_is_left_when_its_stream_ends(
    expectation: Expectation, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[trio.Process] = []
    open_process = trio.lowlevel.open_process

    async def remembered(*arguments: object, **options: object) -> trio.Process:
        started.append(await open_process(*arguments, **options))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(recogniser.trio.lowlevel, "open_process", remembered)
    async with listening(expectation):
        await trio.testing.wait_all_tasks_blocked()
    (process,) = started
    assert process.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
