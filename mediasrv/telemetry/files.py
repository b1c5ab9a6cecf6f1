"""Records in files: DATA_DIR/calls/<call>.timeline.jsonl, .turns.jsonl and .call.json, one JSON object a line.

A call never waits for a disk. `write` encodes a record and puts it into a bounded channel; one task takes what has
gathered there and appends it in a worker thread. When the channel is full the record is dropped and counted, and
the next record of that call that finds room is preceded by a line that says how many are missing before it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec
import trio

from mediasrv.ids import CallId
from mediasrv.telemetry.counters import Counters
from mediasrv.telemetry.timeline import Kind

QUEUED_RECORDS_MAX = 8_192
BATCH_RECORDS_MAX = 2_048
GATHER_S = 0.05
FAREWELL_S = 3.0

_SUFFIX: dict[Kind, str] = {"timeline": "timeline.jsonl", "turn": "turns.jsonl", "call": "call.jsonl"}
_log = logging.getLogger(__name__)

_File = tuple[CallId, Kind]
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
        self._gather_s = gather_s
        self.directory = data_dir / "calls"
        self._counters = counters
        self._missing: dict[_File, int] = {}
        # Full: the record is dropped and counted. The voice goes on; the timeline has a hole and says so.
        self._put, self._take = trio.open_memory_channel[_Line](queued_max)

    def write(self, call: CallId, kind: Kind, record: Mapping[str, object]) -> None:
        file = (call, kind)
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
        try:
            self._put.send_nowait((file, line))
        except (trio.WouldBlock, trio.ClosedResourceError, trio.BrokenResourceError):
            self._missing[file] = self._missing.get(file, 0) + 1
            self._counters.count("records_dropped", "full")
        else:
            self._missing.pop(file, None)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Writes until cancelled, then what is still queued, for a bounded while. `directory` must be there."""
        task_status.started()
        lines: list[_Line] = []
        try:
            while True:
                lines.append(await self._take.receive())
                await trio.sleep(self._gather_s)  # a thread for every line would cost more than the lines
                lines += self._gathered()
                await self._append(lines)
                lines = []
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + FAREWELL_S):
                while rest := lines + self._gathered():
                    lines = []
                    await self._append(rest)

    def _gathered(self) -> list[_Line]:
        lines: list[_Line] = []
        while len(lines) < BATCH_RECORDS_MAX:
            try:
                lines.append(self._take.receive_nowait())
            except trio.WouldBlock:
                break
        return lines

    async def _append(self, lines: list[_Line]) -> None:
        by_file: dict[_File, list[bytes]] = {}
        for file, line in lines:
            by_file.setdefault(file, []).append(line)
        # Shielded: a thread that has begun to write cannot be called back, and its lines must not be written twice.
        with trio.CancelScope(shield=True):
            try:
                await trio.to_thread.run_sync(self._append_now, by_file)
            except OSError as error:  # a full or vanished disk is the disk's failure, not the calls'
                self._counters.count("records_dropped", "disk", len(lines))
                _log.error("records cannot be written", extra={"problem": str(error), "records": len(lines)})

    def _append_now(self, by_file: dict[_File, list[bytes]]) -> None:
        for (call, kind), lines in by_file.items():
            with open(self.directory / f"{_safe(call)}.{_SUFFIX[kind]}", "ab") as file:
                file.write(b"".join(lines))


def _safe(call: str) -> str:
    """Our own ids are plain words already; whatever else comes stays inside the directory."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "_" for char in call)[
        :128
    ]
