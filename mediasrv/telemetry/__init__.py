"""What the server tells about itself: logs, counters, and each call's timeline."""

from mediasrv.telemetry.timeline import Kind, MemorySink, RecordSink, Timeline

__all__ = ["Kind", "MemorySink", "RecordSink", "Timeline"]
