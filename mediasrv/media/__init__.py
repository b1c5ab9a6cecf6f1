"""The media plane for trio: an engine of native threads, and streams into it.

Only this room imports the native package. Sound never waits for Python: what is here decides and is told; the
engine's threads keep the time. `manual=True` runs the same code without threads or sockets, in virtual time.
"""

from mediasrv.audio import EarsChunk, Span
from mediasrv.media.events import (
    Arming,
    Dtmf,
    Finished,
    Generation,
    Held,
    HoldId,
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
from mediasrv.media.face import EngineFace, ReservationFace, StreamFace
from mediasrv.media.spec import Address, Cost, StreamSpec

__all__ = [
    "Address",
    "Arming",
    "Cost",
    "Dtmf",
    "EarsChunk",
    "EngineFace",
    "Finished",
    "Generation",
    "Held",
    "HoldId",
    "MarkReached",
    "MediaBack",
    "MediaEvent",
    "MediaFault",
    "MediaTimeout",
    "Offset",
    "Onset",
    "Position",
    "ReleaseReason",
    "Released",
    "ReservationFace",
    "SourceLocked",
    "Span",
    "Starved",
    "StreamFace",
    "StreamSpec",
]
