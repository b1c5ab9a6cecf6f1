"""What the server says of itself, with the moment it said it: records, and errors in its log."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from mediasrv.clock import Clock
from mediasrv.ids import CallId
from mediasrv.telemetry import Kind


class Witnessed(NamedTuple):
    at_ns: int
    call: str
    kind: Kind
    record: Mapping[str, object]


class WitnessSink:
    """A RecordSink that keeps everything in order and stamps it."""

    def __init__(self, clock: Clock) -> None:
        self.records: list[Witnessed] = []
        self._clock = clock

    def write(self, call: CallId, kind: Kind, record: Mapping[str, object]) -> None:
        self.records.append(Witnessed(self._clock.now_ns(), call, kind, record))


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        fault = ""
        if record.exc_info and record.exc_info[1] is not None:
            fault = f": {describe(record.exc_info[1])}"
        self.lines.append(f"{record.levelname} {record.name}: {record.getMessage()}{fault}")


def describe(error: BaseException) -> str:
    """The errors inside, where they were raised; line numbers, but no addresses that differ from run to run."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(describe(inner) for inner in error.exceptions)
    trail = error.__traceback__
    while trail is not None and trail.tb_next is not None:
        trail = trail.tb_next
    where = f" at {trail.tb_frame.f_code.co_qualname}:{trail.tb_lineno}" if trail is not None else ""
    return f"{type(error).__name__}: {error}{where}"


@contextmanager
def listening_to_the_log() -> Iterator[list[str]]:
    """The warnings and errors that the server logs, without their printing anywhere."""
    logger, listener = logging.getLogger("mediasrv"), _Listener()
    before = logger.propagate, logger.level
    logger.addHandler(listener)
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    try:
        yield listener.lines
    finally:
        logger.removeHandler(listener)
        logger.propagate, logger.level = before
