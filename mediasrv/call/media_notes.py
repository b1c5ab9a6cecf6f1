"""What the engine tells and no agent decides by: written into the timeline, in the same words for every agent."""

from __future__ import annotations

from mediasrv.media import (
    DtmfSent,
    Held,
    MediaBack,
    MediaEvent,
    MediaFault,
    MediaTimeout,
    RecordingOver,
    Released,
    SourceLocked,
    Starved,
)
from mediasrv.telemetry import Timeline


def note_media(timeline: Timeline, event: MediaEvent) -> None:
    match event:
        case Starved() | Held() | Released():
            timeline.note(type(event).__name__.lower(), source=event.at.source)
        case SourceLocked():
            timeline.note("source_locked", remote=list(event.remote))
        case MediaTimeout() | MediaBack() | MediaFault():
            timeline.note("media", state=type(event).__name__)
        case DtmfSent():
            timeline.note("key_sent", at_ns=event.at_ns, digit=event.digit)
        case RecordingOver():
            timeline.note(
                "recording_over", at_ns=event.at_ns, file=event.path.name, duration_ms=event.duration_ms,
                errno=event.errno,
            )  # fmt: skip
