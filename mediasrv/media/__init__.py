"""The media plane for trio: an engine of native threads, and streams into it.

Only this room imports the native package. Sound never waits for Python: what is here decides and is told; the
engine's threads keep the time. `manual=True` runs the same code without threads or sockets, in virtual time.
"""

from mediasrv.audio import EarsChunk, Span
from mediasrv.media.engine import Engine, EngineSettings, SentPacket
from mediasrv.media.events import (
    Arming,
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
    RecordingOver,
    RecordingResult,
    Released,
    ReleaseReason,
    SourceLocked,
    Starved,
)
from mediasrv.media.face import EngineFace, RecordingFace, ReservationFace, StreamFace
from mediasrv.media.ports import PortRange, PortsExhausted
from mediasrv.media.scheduling import Policy, available_policy, default_threads, spare_cpus
from mediasrv.media.spec import (
    Address,
    CapturedPacket,
    Clip,
    Coding,
    Cost,
    Listen,
    RecordingFormat,
    SrtpKeys,
    SrtpProfile,
    StreamSpec,
)
from mediasrv.media.statistics import EngineStatistics, Lateness, StreamStatistics, stream_bytes
from mediasrv.media.streams import Recording, RecordingFailed, Stream
from mediasrv.media.voice_level import VoiceLevels

__all__ = [
    "Address",
    "Arming",
    "CapturedPacket",
    "Clip",
    "Coding",
    "Cost",
    "Dtmf",
    "DtmfSent",
    "EarsChunk",
    "Engine",
    "EngineFace",
    "EngineSettings",
    "EngineStatistics",
    "Finished",
    "Generation",
    "Held",
    "HoldId",
    "Lateness",
    "Listen",
    "Lull",
    "MarkReached",
    "MediaBack",
    "MediaEvent",
    "MediaFault",
    "MediaTimeout",
    "Offset",
    "Onset",
    "Policy",
    "PortRange",
    "PortsExhausted",
    "Position",
    "Recording",
    "RecordingFace",
    "RecordingFailed",
    "RecordingFormat",
    "RecordingOver",
    "RecordingResult",
    "ReleaseReason",
    "Released",
    "ReservationFace",
    "SentPacket",
    "SourceLocked",
    "Span",
    "SrtpKeys",
    "SrtpProfile",
    "Starved",
    "Stream",
    "StreamFace",
    "StreamSpec",
    "StreamStatistics",
    "VoiceLevels",
    "available_policy",
    "default_threads",
    "spare_cpus",
    "stream_bytes",
]
