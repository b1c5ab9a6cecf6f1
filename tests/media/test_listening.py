"""Streams that hear each other, clips behind the voice and recordings, as the rooms above ask for them."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import pytest
import trio
import trio.testing

from mediasrv.errors import LocalError, StreamClosed
from mediasrv.media import Arming, Clip, Listen, RecordingFailed, RecordingOver, StreamSpec
from mediasrv.media.streams import Orders, Recordings
from tests.media.conftest import CALLER, Bench
from tests.media.sound import is_silent, tone

OPEN = StreamSpec(remote=CALLER, aec=False, ns=False, vad=False, bridge=True)


async def loud_packets(bench: Bench, ms: int) -> dict[int, int]:
    """How many packets that can be heard each stream sent meanwhile."""
    bench.engine.packets()
    await bench.run(ms)
    loud = [packet.stream.handle for packet in bench.engine.packets() if not is_silent(packet.data)]
    return {handle: loud.count(handle) for handle in loud}


async def test_a_supervisor_hears_the_agent_until_disconnected(bench: Bench) -> None:
    call, supervisor = await bench.add(OPEN), await bench.add(OPEN)
    supervisor.connect(call, Listen.SAID, gain_db=-6)
    await call.play(tone(1_000), 8_000, call.begin(), Arming())
    assert (await loud_packets(bench, 200))[supervisor.handle] >= 8
    supervisor.disconnect(call, Listen.SAID)
    await bench.run(40)
    assert supervisor.handle not in await loud_packets(bench, 200)


async def test_only_an_open_stream_of_the_same_group_can_be_listened_to(bench: Bench) -> None:
    listener, stranger, deaf = await bench.add(OPEN), await bench.add(OPEN, group=2), await bench.add()
    for source, what, why in (
        (listener, Listen.SAID, "another stream"),
        (stranger, Listen.SAID, "same group"),
        (deaf, Listen.HEARD, "without `bridge`"),
    ):
        with pytest.raises(LocalError, match=why):
            listener.connect(source, what)
    with pytest.raises(LocalError, match="18 dB"):
        listener.connect(deaf, Listen.SAID, gain_db=30)
    with pytest.raises(LocalError, match="not connected"):
        listener.disconnect(deaf, Listen.SAID)
    await deaf.aclose()
    with pytest.raises(StreamClosed):
        listener.connect(deaf, Listen.SAID)


async def test_hold_music_of_any_rate_plays_until_it_is_stopped_and_is_then_let_go(bench: Bench) -> None:
    stream = await bench.add()
    stream.background(Clip(tone(300, rate_hz=24_000), 24_000), gain_db=-6)
    assert (await loud_packets(bench, 2_000))[stream.handle] >= 98
    stream.background(None)
    await bench.run(100)
    assert await loud_packets(bench, 200) == {}
    assert stream._clips == {}


async def test_a_call_is_recorded_while_the_block_lasts(bench: Bench, tmp_path: Path) -> None:
    stream = await bench.add(OPEN)
    await stream.play(tone(1_000), 8_000, stream.begin(), Arming())
    async with trio.open_nursery() as nursery:
        async with stream.record(tmp_path / "call.wav") as recording:
            await bench.run(200)
            recording.mask(said=True)
            await bench.run(200)
            recording.pause(cut=True)
            await bench.run(200)
            recording.resume()
            nursery.start_soon(run_for_a_while, bench)
    result = recording.result
    assert result is not None
    assert (result.errno, result.lost_ms) == (0, 0)
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert file.getnframes() == result.duration_ms * 8
        assert 400 <= result.duration_ms <= 460
    assert (tmp_path / "call.wav").stat().st_mode & 0o777 == 0o600
    assert isinstance(await stream.next_event(), RecordingOver)


async def run_for_a_while(bench: Bench) -> None:
    for _ in range(5):
        await bench.run(20)
        await trio.lowlevel.checkpoint()


async def test_a_file_that_cannot_be_opened_is_refused_by_name_and_leaves_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    stream = await bench.add(OPEN)
    (tmp_path / "there.wav").write_text("precious")
    before = len(os.listdir("/proc/self/fd"))
    for path in (tmp_path / "no" / "such.wav", tmp_path / "there.wav"):
        with pytest.raises(RecordingFailed, match=path.name):
            async with stream.record(path):
                pass
    assert (tmp_path / "there.wav").read_text() == "precious"
    with pytest.raises(ValueError, match="mp3"):
        async with stream.record(tmp_path / "a.mp3", "mp3"):  # type: ignore[arg-type]
            pass
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_stream_that_closes_while_the_file_is_being_opened_says_so_and_leaves_no_file(
    bench: Bench, tmp_path: Path
) -> None:
    native = bench.engine._the_thread().native
    stream = await bench.add(OPEN)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.aclose)
        await trio.testing.wait_all_tasks_blocked()
        await bench.run(40)
    with pytest.raises(StreamClosed):
        await Recordings(native, Orders(), manual=True).begin(stream.handle, tmp_path / "a.wav", "wav")
    assert os.listdir(tmp_path) == []


async def test_a_second_recording_at_once_is_refused_and_the_first_goes_on(
    bench: Bench, tmp_path: Path
) -> None:
    stream = await bench.add(OPEN)
    async with trio.open_nursery() as nursery:
        async with stream.record(tmp_path / "a.opus", "opus") as recording:
            with pytest.raises(LocalError, match="already"):
                async with stream.record(tmp_path / "b.wav"):
                    pass
            await bench.run(100)
            nursery.start_soon(run_for_a_while, bench)
    assert recording.result is not None
    assert not (tmp_path / "b.wav").exists()


async def test_a_stream_that_nobody_can_hear_is_not_recorded_as_silence(bench: Bench, tmp_path: Path) -> None:
    stream = await bench.add()
    with pytest.raises(LocalError, match="without `bridge`"):
        async with stream.record(tmp_path / "a.wav"):
            pass
    assert os.listdir(tmp_path) == []


async def test_a_stream_that_is_closed_ends_its_recording_and_its_file_is_closed(
    bench: Bench, tmp_path: Path
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    stream = await bench.add(OPEN)
    async with trio.open_nursery() as nursery:
        async with stream.record(tmp_path / "a.wav") as recording:
            await bench.run(100)
            nursery.start_soon(stream.aclose)
            await run_for_a_while(bench)
            recording.mask(heard=True)
    assert recording.result is not None
    assert recording.result.errno == 0
    assert len(os.listdir("/proc/self/fd")) == before
