"""Records in files: DATA_DIR/calls/<call>.timeline.jsonl, .turns.jsonl and .call.jsonl, one JSON object a line; and
.pcap and .replay.jsonl, where calls are captured.

A call never waits for a disk. `write` encodes a record and puts it into a bounded channel; one task takes what has
gathered there and appends it in a worker thread. When the channel is full the record is dropped and counted, and
the next record of that call that finds room is preceded by a line that says how many are missing before it.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
import trio

from mediasrv.ids import CallId
from mediasrv.telemetry.counters import Counters
from mediasrv.telemetry.timeline import Kind

FileKind = Literal[Kind, "capture", "replay"]
QUEUED_RECORDS_MAX = 8_192
BATCH_RECORDS_MAX = 2_048
GATHER_S = 0.25  # what a crash may take along; a thread and an open file for every few lines cost more than the lines
FAREWELL_S = 3.0

APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
OWNER_ONLY = 0o600  # they hold what callers say

_SUFFIX: dict[FileKind, str] = {
    "timeline": "timeline.jsonl",
    "turn": "turns.jsonl",
    "call": "call.jsonl",
    "capture": "pcap",
    "replay": "replay.jsonl",
}
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_log = logging.getLogger(__name__)

_File = tuple[CallId, FileKind]
_Line = tuple[_File, bytes]


class FileSink:
    """A RecordSink whose `run` writes; records that come before `run` or after its end wait, or are dropped."""

    def __init__(
        self,
        data_dir: Path,
        counters: Counters,
        *,
        queued_max: int = QUEUED_RECORDS_MAX,
        gather_s: float = GATHER_S,
    ) -> None:
        self._gather_s, self._holes_max = gather_s, queued_max
        self.directory = data_dir / "calls"
        self._counters = counters
        self._missing: dict[
            _File, int
        ] = {}  # bounded like the queue: beyond it the oldest hole is not told of
        self._patience = trio.CancelScope(shield=True)
        self._closing = trio.Event()
        # Full: the record is dropped and counted. The voice goes on; the timeline has a hole and says so.
        self._put, self._take = trio.open_memory_channel[_Line](queued_max)

    def write(self, call: CallId, kind: Kind, record: Mapping[str, object]) -> None:
        file: _File = (call, kind)
        try:
            line = msgspec.json.encode(record) + b"\n"
        except (TypeError, ValueError) as error:
            self._counters.count("records_dropped", "not_json")
            _log.error("record cannot be written", extra={"call": call, "kind": kind, "problem": str(error)})
            return
        if missing := self._missing.get(file):
            line = (
                msgspec.json.encode({"event": "records_dropped", "call": call, "records": missing})
                + b"\n"
                + line
            )
        if self._queue(file, line):
            self._missing.pop(file, None)
        else:
            self._missing[file] = self._missing.get(file, 0) + 1
            if len(self._missing) > self._holes_max:
                del self._missing[next(iter(self._missing))]

    def append(self, call: CallId, piece: bytes, kind: Literal["capture", "replay"] = "capture") -> bool:
        """A piece of the call's capture; False: it was dropped, and nothing in the file says so."""
        return self._queue((call, kind), piece)

    def _queue(self, file: _File, line: bytes) -> bool:
        try:
            self._put.send_nowait((file, line))
        except (trio.WouldBlock, trio.ClosedResourceError, trio.BrokenResourceError):
            self._counters.count("records_dropped", "full")
            return False
        return True

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Writes until cancelled, then what is still queued, for a bounded while. `directory` must be there."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write_all)
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._put.close()
                self._closing.set()
                self._patience.deadline = trio.current_time() + FAREWELL_S

    async def _write_all(self) -> None:
        """Until the channel is closed and empty. A disk that hangs may keep its thread, but not the server."""
        with self._patience:
            async for line in self._take:
                with trio.move_on_after(
                    self._gather_s
                ):  # a thread for every line would cost more than the lines
                    await self._closing.wait()
                lines = [line, *self._gathered()]
                try:
                    await self._append(lines)
                except trio.Cancelled:
                    waiting = self._take.statistics().current_buffer_used
                    self._counters.count("records_dropped", "disk", len(lines) + waiting)
                    raise

    def _gathered(self) -> list[_Line]:
        lines: list[_Line] = []
        while len(lines) < BATCH_RECORDS_MAX:
            try:
                lines.append(self._take.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                break
        return lines

    async def _append(self, lines: list[_Line]) -> None:
        by_file: dict[_File, list[bytes]] = {}
        for file, line in lines:
            by_file.setdefault(file, []).append(line)
        lost = await trio.to_thread.run_sync(self._append_now, by_file, abandon_on_cancel=True)
        if lost:  # a full or vanished disk is the disk's failure, not the calls'
            records = sum(len(by_file[file]) for file in lost)
            self._counters.count("records_dropped", "disk", records)
            problem = str(next(iter(lost.values())))
            _log.error("records cannot be written", extra={"problem": problem, "records": records})

    def _append_now(self, by_file: dict[_File, list[bytes]]) -> dict[_File, OSError]:
        """Returns the files that failed, and why; the others are written."""
        failed: dict[_File, OSError] = {}
        for (call, kind), lines in by_file.items():
            try:
                path = f"{self.directory}/{_safe(call)}.{_SUFFIX[kind]}"
                _append_to(path, b"".join(lines))
            except OSError as error:
                failed[call, kind] = error
        return failed


def _append_to(path: str, data: bytes) -> None:
    """Straight to the descriptor: what there is comes in one piece, and each call of a file object's costs a turn of
    the interpreter's lock, a third of what a call's two files take."""
    file = os.open(path, APPENDING, OWNER_ONLY)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(file, left) :]
    finally:
        os.close(file)


def _safe(call: str) -> str:
    """Our own ids are plain words already; whatever else comes stays inside the directory."""
    return _UNSAFE.sub("_", call)[:128]
