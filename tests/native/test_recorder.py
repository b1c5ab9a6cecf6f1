"""Recordings, by the native engine stepped by hand: what is in the file, and what becomes of a file that fails."""

from __future__ import annotations

import errno
import os
import resource
import struct
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mediasrv_native import engine as native
from mediasrv_native import kernels
from mediasrv_native.engine import NativeEngine
from mediasrv_native.errors import StaleHandle, WrongArgument, WrongState
from tests.reference import ogg, rtp

MS = 1_000_000
RATE_HZ = 8_000
FRAME = RATE_HZ // 50
CALLER = ("192.0.2.7", 4000)
NOW, GAP, CUT = native.RECORD_GOES_ON, native.RECORD_GAP, native.RECORD_CUT


class Studio:
    """A manual engine with one stream that says a ramp, and its recording."""

    def __init__(self) -> None:
        self.engine = NativeEngine(capacity=4, manual=True)
        self.stream = self.engine.add(rtp_fd=-1, group=1, playout_ms=2000, remote=CALLER, bridge=True)
        self.now_ns = 0
        self.over: list[native.NativeEvent] = []

    def say(self, samples: int) -> NDArray[np.int16]:
        voice = np.arange(1, samples + 1).astype(np.int16)
        self.engine.play(self.stream, 1, voice.tobytes(), 0, 0, 0)
        return voice

    def record(self, file: int, kind: int = native.RECORD_WAV, number: int = 1) -> None:
        self.engine.record(self.stream, file, number, kind, 32_000)

    def control(self, pause: int = NOW, masked: int = 0, *, stop: bool = False) -> None:
        self.engine.control_recording(self.stream, 1, pause, masked, stop)

    def run(self, ms: int) -> None:
        self.now_ns += ms * MS
        self.engine.step(self.now_ns)
        self.engine.packets()
        self.over += [event for event in self.engine.events() if event.kind == native.EVENT_RECORDING]


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    studio.run(0)
    yield studio
    studio.engine.close()


@contextmanager
def opened(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        yield file
    finally:
        os.close(file)


def sides(path: Path) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE_HZ)
        both = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def test_what_is_sent_stands_on_the_right_to_the_sample(studio: Studio, tmp_path: Path) -> None:
    voice = studio.say(10 * FRAME)
    with opened(tmp_path / "a.wav") as file:
        studio.record(file)
        studio.run(300)
        studio.control(stop=True)
        studio.run(40)
    heard, said = sides(tmp_path / "a.wav")
    assert len(heard) == len(said) == 15 * FRAME
    assert np.array_equal(said[: len(voice)][40:], voice[40:])
    assert not heard.any()
    (event,) = studio.over
    assert (event.stream, event.name, event.reason) == (studio.stream, 1, native.RECORDING_STOPPED)
    assert (event.arg, event.rtp_extended, event.code) == (15, 0, 0)


def test_what_is_heard_stands_on_the_left_in_the_time_of_what_is_sent(studio: Studio, tmp_path: Path) -> None:
    tone = np.rint(8_000 * np.sin(2 * np.pi * 400 * np.arange(50 * FRAME) / RATE_HZ)).astype(np.int16)
    with opened(tmp_path / "a.wav") as file:
        studio.record(file)
        for k in range(50):
            payload = kernels.g711_encode_u(tone[k * FRAME : (k + 1) * FRAME].tobytes())
            packet = rtp.RtpPacket(payload, sequence=k, timestamp=k * FRAME)
            studio.engine.push(studio.stream, packet.encode(), CALLER, studio.now_ns)
            studio.run(20)
        studio.control(stop=True)
        studio.run(40)
    heard, said = sides(tmp_path / "a.wav")
    assert len(heard) == len(said)
    begins = int(np.flatnonzero(np.abs(heard) > 1_000)[0])
    assert begins / RATE_HZ < 0.2  # what the bridge waits for late packets, and no more
    spectrum = np.abs(np.fft.rfft(heard[4_000:4_800])) / 400
    assert spectrum[40] == pytest.approx(8_000, rel=0.05)
    assert not said.any()


def test_a_pause_leaves_silence_as_long_as_itself_or_nothing(studio: Studio, tmp_path: Path) -> None:
    for pause, frames in ((GAP, 15), (CUT, 10)):
        with opened(tmp_path / f"{pause}.wav") as file:
            studio.engine.play(studio.stream, 1, np.full(15 * FRAME, 700, np.int16).tobytes(), 0, 0, 0)
            studio.record(file)
            studio.run(100)
            studio.control(pause)
            studio.run(100)
            studio.control()
            studio.run(100)
            studio.control(stop=True)
            studio.run(40)
        _, said = sides(tmp_path / f"{pause}.wav")
        assert len(said) == frames * FRAME
        middle = said[5 * FRAME : 10 * FRAME]
        assert (not middle.any()) == (pause == GAP)
        assert said[-1] == 700


def test_a_masked_side_is_silent_and_the_other_is_not(studio: Studio, tmp_path: Path) -> None:
    studio.say(20 * FRAME)
    with opened(tmp_path / "a.wav") as file:
        studio.record(file)
        studio.run(100)
        studio.control(masked=native.RECORD_SAID)
        studio.run(100)
        studio.control(masked=native.RECORD_HEARD)
        studio.run(100)
        studio.control(stop=True)
        studio.run(40)
    _, said = sides(tmp_path / "a.wav")
    assert [bool(said[k * 5 * FRAME : (k + 1) * 5 * FRAME].any()) for k in range(3)] == [True, False, True]


def test_ticks_that_were_skipped_leave_silence_and_what_follows_stands_in_its_place(
    studio: Studio, tmp_path: Path
) -> None:
    with opened(tmp_path / "a.wav") as file:
        studio.record(file)
        studio.run(100)
        studio.engine.play(studio.stream, 1, np.full(FRAME, 900, np.int16).tobytes(), 0, 0, 0)
        studio.run(40)
        studio.control(stop=True)
        studio.run(40)
    _, said = sides(tmp_path / "a.wav")
    assert np.flatnonzero(said)[-1] // FRAME == 5


def test_a_stream_that_leaves_ends_its_recording(studio: Studio, tmp_path: Path) -> None:
    with opened(tmp_path / "a.wav") as file:
        studio.record(file)
        studio.run(200)
        studio.engine.remove(studio.stream)
        studio.run(40)
        studio.run(40)
    assert [event.reason for event in studio.over] == [native.RECORDING_STOPPED]
    assert len(sides(tmp_path / "a.wav")[0]) == 10 * FRAME


def test_an_engine_that_is_stopped_finishes_its_recordings(studio: Studio, tmp_path: Path) -> None:
    with opened(tmp_path / "a.wav") as file:
        studio.record(file)
        studio.run(200)
        studio.engine.stop()
        studio.engine.stop()
        (event,) = studio.engine.events()
    assert event.kind == native.EVENT_RECORDING
    assert len(sides(tmp_path / "a.wav")[0]) == 10 * FRAME


def test_what_was_recorded_can_be_read_while_the_recording_goes_on(studio: Studio, tmp_path: Path) -> None:
    with opened(tmp_path / "a.wav") as file:
        studio.record(file)
        for _ in range(45):
            studio.run(100)
        assert len(sides(tmp_path / "a.wav")[0]) >= 4 * RATE_HZ


# ---- one at a time, and by name
def test_a_stream_has_one_recording_at_a_time(studio: Studio, tmp_path: Path) -> None:
    with opened(tmp_path / "a.wav") as file:
        studio.record(file)
        with pytest.raises(WrongState):
            studio.record(file, number=2)
        studio.control(stop=True)
        studio.run(60)
        studio.record(file, number=2)
        with pytest.raises(StaleHandle):
            studio.control(GAP)


@pytest.mark.parametrize(
    ("number", "kind", "bit_rate"), [(0, 0, 32_000), (1, 2, 32_000), (1, 1, 5_999), (1, 1, 500_000)]
)
def test_a_recording_out_of_range_is_refused(studio: Studio, number: int, kind: int, bit_rate: int) -> None:
    with pytest.raises(WrongArgument):
        studio.engine.record(studio.stream, 1, number, kind, bit_rate)
    with pytest.raises(WrongArgument):
        studio.engine.record(studio.stream, -1, 1, native.RECORD_WAV, 32_000)


# ---- files that fail
def test_a_full_disk_ends_the_recording_and_not_the_call(studio: Studio) -> None:
    file = os.open("/dev/full", os.O_WRONLY)
    studio.record(file)
    for _ in range(10):
        studio.run(40)
    os.close(file)
    (event,) = studio.over
    assert (event.reason, event.code) == (native.RECORDING_FAILED, errno.ENOSPC)
    assert studio.engine.stream_statistics(studio.stream)["ticks"] == 21
    studio.engine.remove(studio.stream)
    studio.run(40)


@pytest.mark.parametrize("kind", [native.RECORD_WAV, native.RECORD_OPUS])
def test_a_file_that_may_not_grow_stays_readable_as_far_as_it_goes(
    studio: Studio, tmp_path: Path, kind: int
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))  # Python ignores SIGXFSZ
    try:
        with opened(tmp_path / "a") as file:
            studio.engine.record(studio.stream, file, 1, kind, 128_000)
            studio.say(100 * FRAME)
            for _ in range(40):
                studio.run(100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (event,) = studio.over
    assert (event.reason, event.code) == (native.RECORDING_FAILED, errno.EFBIG)
    if kind == native.RECORD_WAV:
        assert 0 < len(sides(tmp_path / "a")[0]) < 20_000 // 4
    else:
        assert list(ogg.pages((tmp_path / "a").read_bytes()))[1].packets[0].startswith(b"OpusTags")


def test_what_is_no_file_at_all_is_an_error_of_the_recording(studio: Studio) -> None:
    reading, writing = os.pipe()
    studio.record(writing)
    studio.run(100)
    os.close(reading)
    os.close(writing)
    studio.run(100)
    assert [event.code for event in studio.over] == [errno.ESPIPE]


# ---- formats
def test_a_file_beyond_4_gib_is_rf64() -> None:
    short, long = native.wav_header(48_000, 1_000), native.wav_header(48_000, 5 * 2**30)
    assert len(short) == len(long) == 80
    assert short[:4] == b"RIFF"
    assert struct.unpack("<I", short[4:8]) == (1_072,)
    assert short[12:16] == b"JUNK"
    assert struct.unpack("<4sI4s4sI", long[:20]) == (b"RF64", 2**32 - 1, b"WAVE", b"ds64", 28)
    riff, data, samples, table = struct.unpack("<QQQI", long[20:48])
    assert (riff, data, samples, table) == (5 * 2**30 + 72, 5 * 2**30, 5 * 2**28, 0)
    assert struct.unpack("<4sIHHIIHH4sI", long[48:80]) == (
        b"fmt ", 16, 1, 2, 48_000, 192_000, 4, 16, b"data", 2**32 - 1,
    )  # fmt: skip


def test_ogg_opus_has_whole_pages_a_second_each_and_plays_for_as_long_as_was_recorded(
    studio: Studio, tmp_path: Path
) -> None:
    with opened(tmp_path / "a.opus") as file:
        studio.record(file, native.RECORD_OPUS)
        for k in range(30):
            when = np.arange(k * 5 * FRAME, (k + 1) * 5 * FRAME) / RATE_HZ
            voice = np.rint(9_000 * np.sin(2 * np.pi * 400 * when)).astype(np.int16)
            studio.engine.play(studio.stream, 1, voice.tobytes(), 0, 0, 0)
            studio.run(100)
        studio.control(stop=True)
        studio.run(40)
    data = (tmp_path / "a.opus").read_bytes()
    head, tags, *sound = ogg.pages(data)
    assert head.flags == ogg.FIRST
    assert head.packets[0][:10] == b"OpusHead\x01\x02"
    assert tags.packets[0].startswith(b"OpusTags")
    assert [len(page.packets) for page in sound] == [50, 50, 50, 1]
    assert [page.number for page in (head, tags, *sound)] == list(range(6))
    assert sound[-1].flags == ogg.LAST
    played = ogg.decoded(data)
    assert len(played) == 3 * 48_000
    heard, said = played[:, 0].astype(float), played[:, 1].astype(float)
    spectrum = np.abs(np.fft.rfft(said[48_000:96_000]))
    assert np.argmax(spectrum) == 400
    assert np.sqrt(np.mean(said[48_000:96_000] ** 2) * 2) == pytest.approx(9_000, rel=0.1)
    assert np.abs(heard[48_000:]).max() < 300


def test_an_opus_file_that_was_cut_off_anywhere_is_readable_up_to_there(
    studio: Studio, tmp_path: Path
) -> None:
    with opened(tmp_path / "a.opus") as file:
        studio.record(file, native.RECORD_OPUS)
        for _ in range(25):
            studio.run(100)
    data = (tmp_path / "a.opus").read_bytes()
    for end in range(300, len(data), 97):
        assert sum(len(page.packets) for page in ogg.pages(data[:end])) >= 2
