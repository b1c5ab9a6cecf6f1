"""Recordings: what a stream hears on the left, what its peer is sent on the right, written by a native thread.

The file is opened here and given to the engine, which lets go of it exactly once, whatever happens: told to stop, left
by its stream, or not able to write. Then it is closed. A disk that fails ends the recording and never the call.
"""

from __future__ import annotations

import os
from pathlib import Path

import trio

from mediasrv.audio import PTIME_MS
from mediasrv.errors import LocalError, MediasrvError, StreamClosed
from mediasrv.media.events import RecordingResult
from mediasrv.media.spec import RecordingFormat
from mediasrv.media.streams.orders import Orders
from mediasrv_native import engine as native
from mediasrv_native.engine import NativeEngine, NativeEvent
from mediasrv_native.errors import QueueFull, StaleHandle, WrongState

STOP_WITHIN_S = 2.0
OPUS_BIT_RATE = 32_000
FORMATS = {"wav": native.RECORD_WAV, "opus": native.RECORD_OPUS}
FILE_MODE = 0o600  # what people said is nobody else's business


class RecordingFailed(MediasrvError):
    """The file cannot be written; the call goes on."""


class Recording:
    """A recording that goes on; ends with the block it was opened for."""

    def __init__(
        self, engine: NativeEngine, orders: Orders, handle: int, number: int, path: Path, file: int
    ) -> None:
        self._engine, self._orders, self._handle, self._number = engine, orders, handle, number
        self._path, self._file = path, file
        self._pause, self._masked = native.RECORD_GOES_ON, 0
        self._over = trio.Event()
        self._result: RecordingResult | None = None

    @property
    def result(self) -> RecordingResult | None:
        return self._result

    def pause(self, *, cut: bool = False) -> None:
        """Silence until `resume`; or, `cut`, nothing at all, so that the file is shorter than the call."""
        self._pause = native.RECORD_CUT if cut else native.RECORD_GAP
        self._control()

    def resume(self) -> None:
        self._pause = native.RECORD_GOES_ON
        self._control()

    def mask(self, *, heard: bool = False, said: bool = False) -> None:
        """Sides that are silent in the file from now on (card numbers); neither ends it."""
        self._masked = heard * native.RECORD_HEARD | said * native.RECORD_SAID
        self._control()

    def _control(self, *, stop: bool = False) -> None:
        if self._result is not None:
            return
        try:
            self._orders.give(
                self._engine.control_recording, self._handle, self._number, self._pause, self._masked, stop
            )
        except StaleHandle:  # its stream has left, and it is ending by itself
            return

    async def stop(self) -> RecordingResult | None:
        """The result, when the file is whole; None when the disk has not answered in time, and may never."""
        self._control(stop=True)
        with trio.CancelScope(shield=True, deadline=trio.current_time() + STOP_WITHIN_S):
            await self._over.wait()
        return self._result

    def over(self, event: NativeEvent) -> RecordingResult:
        """The engine's word: nobody writes to the file any more."""
        os.close(self._file)
        self._result = RecordingResult(
            self._path, event.arg * PTIME_MS, event.rtp_extended * PTIME_MS, event.code
        )
        self._over.set()
        return self._result


class Recordings:
    """Those of one engine thread, until each is over."""

    def __init__(self, engine: NativeEngine, orders: Orders, *, manual: bool) -> None:
        self._engine, self._orders, self._manual = engine, orders, manual
        self._live: dict[int, Recording] = {}
        self._count = 0

    async def begin(
        self, handle: int, path: Path, kind: RecordingFormat, bit_rate: int = OPUS_BIT_RATE
    ) -> Recording:
        if kind not in FORMATS:
            raise ValueError(f"{kind!r} is not one of {', '.join(FORMATS)}")
        file = await self._open(path)
        self._count += 1
        try:
            self._engine.record(handle, file, self._count, FORMATS[kind], bit_rate)
        except BaseException as error:
            os.close(file)
            os.unlink(path)
            if isinstance(error, StaleHandle):  # while the file was being opened
                raise StreamClosed("the stream was closed") from None
            if isinstance(error, WrongState):
                raise LocalError("the stream is being recorded already") from None
            if isinstance(error, QueueFull):
                raise RecordingFailed("no room for another recording") from None
            raise
        recording = Recording(self._engine, self._orders, handle, self._count, path, file)
        self._live[self._count] = recording
        return recording

    async def _open(self, path: Path) -> int:
        """A new file; never one that is there already."""

        def open_new() -> int:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)

        try:
            # A file system that is slow must not stop other calls; virtual time knows no threads.
            return open_new() if self._manual else await trio.to_thread.run_sync(open_new)
        except OSError as error:
            raise RecordingFailed(f"{path}: {error.strerror}") from error

    def over(self, event: NativeEvent) -> RecordingResult:
        return self._live.pop(event.name).over(event)
