"""The engine's events in the words of the rooms above."""

from __future__ import annotations

from collections.abc import Callable

from mediasrv.media.events import (
    Dtmf,
    DtmfSent,
    Finished,
    Generation,
    Held,
    HoldId,
    Lull,
    MarkReached,
    MediaBack,
    MediaEvent,
    MediaFault,
    MediaTimeout,
    Offset,
    Onset,
    Position,
    Released,
    ReleaseReason,
    SourceLocked,
    Starved,
)
from mediasrv_native import engine as native
from mediasrv_native.engine import NativeEvent, NativePosition

DTMF_DIGITS = "0123456789*#ABCD"  # RFC 4733 section 3.2


def position(p: NativePosition) -> Position:
    return Position(
        generation=Generation(p.generation),
        wire=p.wire,
        source=p.source,
        heard=p.heard,
        heard_error=p.heard_error,
        at_ns=p.at_ns,
        hold=HoldId(p.hold) if p.hold else None,
    )


def _onset(e: NativeEvent) -> MediaEvent:
    return Onset(e.at_ns, e.rtp_extended, HoldId(e.hold) if e.hold else None)


def _released(e: NativeEvent) -> MediaEvent:
    return Released(HoldId(e.hold), ReleaseReason(e.reason), position(e.position))


def _locked(e: NativeEvent) -> MediaEvent:
    return SourceLocked(e.remote if e.remote is not None else ("", 0), e.at_ns)


_MEANING: dict[int, Callable[[NativeEvent], MediaEvent]] = {
    native.EVENT_ONSET: _onset,
    native.EVENT_OFFSET: lambda e: Offset(e.at_ns, e.rtp_extended, e.reason == native.OFFSET_DENIED),
    native.EVENT_LULL: lambda e: Lull(e.at_ns, e.rtp_extended, e.reason == native.LULL_OVER),
    native.EVENT_HELD: lambda e: Held(HoldId(e.hold), position(e.position)),
    native.EVENT_RELEASED: _released,
    native.EVENT_FINISHED: lambda e: Finished(position(e.position)),
    native.EVENT_STARVED: lambda e: Starved(position(e.position)),
    native.EVENT_DTMF: lambda e: Dtmf(DTMF_DIGITS[e.code], e.arg, e.at_ns),
    native.EVENT_DTMF_SENT: lambda e: DtmfSent(DTMF_DIGITS[e.code], e.at_ns),
    native.EVENT_MEDIA_TIMEOUT: lambda e: MediaTimeout(e.at_ns),
    native.EVENT_MEDIA_BACK: lambda e: MediaBack(e.at_ns),
    native.EVENT_LOCKED: _locked,
    native.EVENT_FAULT: lambda e: MediaFault(e.code, e.at_ns),
}


def media_event(event: NativeEvent, mark_name: Callable[[int], str]) -> MediaEvent | None:
    """What the rooms above are told; None for what is between the engine and its stream."""
    if event.kind == native.EVENT_MARK:
        return MarkReached(mark_name(event.name), position(event.position))
    meaning = _MEANING.get(event.kind)
    return None if meaning is None else meaning(event)
