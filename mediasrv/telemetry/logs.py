"""Logs: one JSON object a line on stderr, with the call, turn and tenant it belongs to; in words on a terminal.

Whose line it is comes from the task that wrote it (`concerning`), so no room passes identities along. A stderr
that nobody reads must not stop a call: lines wait in a bounded queue for one thread to write them, and what finds
the queue full is dropped and counted.
"""

from __future__ import annotations

import io
import logging
import logging.handlers
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import msgspec

QUEUED_LINES_MAX = 10_000
COME_BY_S = 0.05
LAST_LINES_S = 1.0  # of the few seconds that a server has to end in

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
            **_fields(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class PlainFormatter(logging.Formatter):
    """A record for whoever looks at a terminal: the time of day, what happened, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        fields = "".join(f"  {key}={value}" for key, value in _fields(record).items())
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{at}  {level}{record.getMessage()}{fields}{trace}"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    own = {key: value for key, value in record.__dict__.items() if key not in _PLAIN_FIELDS}
    return {**getattr(record, "concerns", {}), **own}


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


class _Writer(logging.StreamHandler[TextIO]):
    """Used by one thread only, so it needs no lock: nobody waits for it who must not."""

    def createLock(self) -> None:  # noqa: N802 - logging's name
        self.lock = None

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """The line is lost, and stderr, where logging would complain, is what failed."""


class _Unbuffered(io.TextIOBase):
    """Straight to the descriptor: a buffer has a lock, and a thread that hangs in it takes the exit along."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, text: str) -> int:
        left = text.encode(errors="backslashreplace")
        while left:
            left = left[os.write(self._descriptor, left) :]
        return len(text)


class _BoundedListener:
    """The thread that writes. `stop` waits for the last line, but not for a reader who has gone to sleep."""

    def __init__(self, lines: queue.Queue[Any], writer: logging.Handler) -> None:
        self._lines, self._writer = lines, writer
        self._thread = threading.Thread(target=self._write, name="logs", daemon=True)
        self._thread.start()

    def _write(self) -> None:
        """Comes by rather than waits: to wake this thread for a line would cost whoever logs more than the line."""
        while True:
            try:
                record = self._lines.get_nowait()
            except queue.Empty:
                time.sleep(COME_BY_S)
                continue
            if record is None:
                return
            self._writer.handle(record)

    def stop(self) -> bool:
        """Whether everything was written."""
        until = time.monotonic() + LAST_LINES_S
        try:
            self._lines.put(None, timeout=LAST_LINES_S)
        except queue.Full:
            return False
        self._thread.join(max(0.0, until - time.monotonic()))
        return not self._thread.is_alive()


def _stderr() -> TextIO:
    if sys.__stderr__ is None:  # closed before we began: its number may be somebody else's by now
        return open(os.devnull, "w")
    return cast("TextIO", _Unbuffered(sys.__stderr__.fileno()))


@contextmanager
def logging_to(
    stream: TextIO | None = None, level: str = "info", *, plain: bool = False
) -> Iterator[BoundedQueueHandler]:
    """Everything that `mediasrv` and its dependencies log goes to `stream` (stderr) until the end of the block."""
    writer = _Writer(_stderr() if stream is None else stream)
    writer.setFormatter(PlainFormatter() if plain else JsonFormatter())
    lines: queue.Queue[Any] = queue.Queue(QUEUED_LINES_MAX)
    handler, listener = BoundedQueueHandler(lines), _BoundedListener(lines, writer)
    root, level_before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(level.upper())
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(level_before)
        if listener.stop() and handler.dropped:
            gone = logging.LogRecord(__name__, logging.WARNING, "", 0, "lines dropped", None, None)
            gone.lines = handler.dropped
            writer.handle(gone)
