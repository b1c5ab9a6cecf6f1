"""Logs: one JSON object a line on stderr, with the call, turn and tenant it belongs to.

Whose line it is comes from the task that wrote it (`concerning`), so no room passes identities along. A stderr
that nobody reads must not stop a call: lines wait in a bounded queue for one thread to write them, and what finds
the queue full is dropped and counted.
"""

from __future__ import annotations

import logging
import logging.handlers
import queue
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

QUEUED_LINES_MAX = 10_000

_concerns: ContextVar[Mapping[str, str]] = ContextVar("concerns", default={})  # noqa: B039 - never changed
_PLAIN_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "concerns", "taskName"}


@contextmanager
def concerning(**identities: str) -> Iterator[None]:
    """What this task, and those it starts, log in here belongs to `call`, `turn`, `tenant` ... so named."""
    before = _concerns.set({**_concerns.get(), **identities})
    try:
        yield
    finally:
        _concerns.reset(before)


class JsonFormatter(logging.Formatter):
    """A record as one line; what was given as `extra` becomes fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "room": record.name.removeprefix("mediasrv."),
            "event": record.getMessage(),
            **getattr(record, "concerns", {}),
            **{key: value for key, value in record.__dict__.items() if key not in _PLAIN_FIELDS},
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class BoundedQueueHandler(logging.handlers.QueueHandler):
    """Hands records to the writing thread; never waits for it."""

    def __init__(self, lines: queue.Queue[Any]) -> None:
        super().__init__(lines)
        self.dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        record.concerns = _concerns.get()  # the task is known here, and not in the thread that writes
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1


class _PatientListener(logging.handlers.QueueListener):
    """Stops behind the last line, also when the queue is full."""

    def __init__(self, lines: queue.Queue[Any], writer: logging.Handler) -> None:
        super().__init__(lines, writer)
        self._lines = lines

    def enqueue_sentinel(self) -> None:
        self._lines.put(None)


@contextmanager
def logging_to(stream: TextIO | None = None, level: str = "info") -> Iterator[BoundedQueueHandler]:
    """Everything that `mediasrv` and its dependencies log goes to `stream` (stderr) until the end of the block."""
    writer = logging.StreamHandler(sys.stderr if stream is None else stream)
    writer.setFormatter(JsonFormatter())
    lines: queue.Queue[Any] = queue.Queue(QUEUED_LINES_MAX)
    handler, listener = BoundedQueueHandler(lines), _PatientListener(lines, writer)
    root, level_before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(level.upper())
    listener.start()
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(level_before)
        listener.stop()
        if handler.dropped:
            gone = logging.LogRecord(__name__, logging.WARNING, "", 0, "lines dropped", None, None)
            gone.lines = handler.dropped
            writer.handle(gone)
