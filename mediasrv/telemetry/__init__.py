"""What the server tells about itself: logs, counters, and each call's timeline."""

from mediasrv.telemetry.counters import Counters
from mediasrv.telemetry.files import FileSink
from mediasrv.telemetry.logs import concerning, logging_to
from mediasrv.telemetry.secret_while import SecretWhile
from mediasrv.telemetry.timeline import Kind, MemorySink, RecordSink, Timeline

__all__ = [
    "Counters",
    "FileSink",
    "Kind",
    "MemorySink",
    "RecordSink",
    "SecretWhile",
    "Timeline",
    "concerning",
    "logging_to",
]
