"""Recordings by the thread that writes them, on real files: killed, full, slow to begin."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import pytest
import trio

from mediasrv.media import Arming, Cost, Engine, EngineSettings, RecordingOver, Stream, StreamSpec
from tests.interop.patience import PATIENCE_S
from tests.media.sound import tone
from tests.reference import ogg

pytestmark = pytest.mark.interop

PLAIN = StreamSpec(remote=("127.0.0.1", 9), aec=False, ns=False, vad=False, bridge=True)

RECORDS_UNTIL_KILLED = """
import sys, trio
from pathlib import Path
from mediasrv.media import Arming, Cost, Engine, EngineSettings, StreamSpec
from tests.media.sound import tone

async def main():
    async with Engine(EngineSettings(capacity=1)) as engine:
        spec = StreamSpec(remote=("127.0.0.1", 9), aec=False, ns=False, vad=False, bridge=True)
        stream = await engine.add(engine.reserve(Cost()), spec, 1)
        async with stream.record(Path(sys.argv[1]), sys.argv[2]), trio.open_nursery() as nursery:
            nursery.start_soon(stream.play, tone(60_000), 8_000, stream.begin(), Arming())
            await trio.sleep(3.5)
            print("well on the way", flush=True)
            await trio.sleep_forever()

trio.run(main)
"""


async def opened(engine: Engine) -> Stream:
    return await engine.add(engine.reserve(Cost()), PLAIN, 1)


async def over(stream: Stream) -> RecordingOver:
    with trio.fail_after(PATIENCE_S):
        while not isinstance(event := await stream.next_event(), RecordingOver):
            pass
    return event


@pytest.mark.parametrize("kind", ["wav", "opus"])
def test_what_a_killed_process_recorded_can_be_read(tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"a.{kind}"
    command = [sys.executable, "-c", RECORDS_UNTIL_KILLED, str(file), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "well on the way\n"
        process.send_signal(signal.SIGKILL)
    if kind == "wav":
        with wave.open(str(file)) as read:
            assert read.getnframes() >= 1.9 * 8_000
    else:
        assert len(ogg.decoded(file.read_bytes())) >= 1.9 * 48_000


async def test_a_file_is_whole_when_its_block_is_left(tmp_path: Path) -> None:
    async with Engine(EngineSettings(capacity=1)) as engine:
        stream = await opened(engine)
        await stream.play(tone(1_000), 8_000, stream.begin(), Arming())
        async with stream.record(tmp_path / "a.wav") as recording:
            await trio.sleep(0.5)
        assert recording.result is not None
        with wave.open(str(tmp_path / "a.wav")) as read:
            assert read.getnframes() == recording.result.duration_ms * 8
        assert 400 <= recording.result.duration_ms <= 900


async def test_a_full_disk_ends_the_recording_and_the_call_goes_on(tmp_path: Path) -> None:
    os.symlink("/dev/full", tmp_path / "full")
    async with Engine(EngineSettings(capacity=1)) as engine:
        stream = await opened(engine)
        thread = next(iter(engine._threads))
        recordings = thread._recordings

        async def existing(path: Path) -> int:
            return os.open(path, os.O_WRONLY)

        recordings._open = existing  # type: ignore[method-assign]  # a new file cannot be had on it
        async with stream.record(tmp_path / "full"):
            event = await over(stream)
            sent = stream.statistics().packets_sent
            await trio.sleep(0.1)
            assert stream.statistics().packets_sent > sent
        assert event.errno == errno.ENOSPC


async def test_leaving_the_engine_finishes_what_is_being_recorded(tmp_path: Path) -> None:
    async with Engine(EngineSettings(capacity=2)) as engine:
        stream = await opened(engine)
        recording = await engine._threads[0]._recordings.begin(stream.handle, tmp_path / "a.wav", "wav")
        await trio.sleep(0.3)
    assert recording.result is not None
    with wave.open(str(tmp_path / "a.wav")) as read:
        assert read.getnframes() == recording.result.duration_ms * 8 >= 8 * 200
