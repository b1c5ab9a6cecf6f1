"""What the engine tells, and what it is told: positions, holds, spans of heard audio, events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal, NewType

Generation = NewType("Generation", int)
HoldId = NewType("HoldId", int)


@dataclass(frozen=True, slots=True)
class Position:
    """How far the voice has come, in samples at the stream's rate since the generation began.

    `source` rewinds when a release goes back to a mark; `wire` only grows; `heard` is the part of `source` that
    has probably reached the caller's ear, give or take `heard_error`.
    """

    generation: Generation
    wire: int
    source: int
    heard: int
    heard_error: int
    at_ns: int
    hold: HoldId | None = None


@dataclass(frozen=True, slots=True)
class Arming:
    """What the engine itself does at speech onset while this passage plays."""

    on_onset: Literal["hold", "duck", "ignore"] = "hold"
    lease_ms: int = 1_500
    on_lease: Literal["release", "stay"] = "release"


class ReleaseReason(Enum):
    COMMAND = 0
    LEASE = 1
    FLUSH = 2
    DENIAL = 3  # it was no speech that the engine held the voice for


@dataclass(frozen=True, slots=True)
class Onset:
    """Speech began. `hold` is the hold (or duck) that the engine took in the same tick, if the passage was armed."""

    at_ns: int
    rtp_extended: int
    hold: HoldId | None


@dataclass(frozen=True, slots=True)
class Offset:
    """Speech ended; `at_ns` is when the last of it arrived.

    `denied`: it was no speech after all, and times are those of the onset. The engine has let go of the voice.
    """

    at_ns: int
    rtp_extended: int
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Lull:
    """Within speech that nobody can say has ended: 60 ms without sound; `over`: it goes on. `at_ns`: since when."""

    at_ns: int
    rtp_extended: int
    over: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    hold: HoldId
    at: Position


@dataclass(frozen=True, slots=True)
class Released:
    hold: HoldId
    reason: ReleaseReason
    at: Position


@dataclass(frozen=True, slots=True)
class MarkReached:
    name: str
    at: Position


@dataclass(frozen=True, slots=True)
class Finished:
    """The last sample of a finished generation was sent."""

    at: Position


@dataclass(frozen=True, slots=True)
class Starved:
    at: Position


@dataclass(frozen=True, slots=True)
class Dtmf:
    digit: str
    duration_ms: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class DtmfSent:
    """A key that we pressed is out."""

    digit: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class MediaTimeout:
    at_ns: int


@dataclass(frozen=True, slots=True)
class MediaBack:
    at_ns: int


@dataclass(frozen=True, slots=True)
class SourceLocked:
    """Packets come from here, and from now on only these are heard and answered."""

    remote: tuple[str, int]
    at_ns: int


@dataclass(frozen=True, slots=True)
class MediaFault:
    """The stream's socket failed for good."""

    errno: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """What became of it; `errno` 0: all is well."""

    path: Path
    duration_ms: int
    lost_ms: int  # that the writer came too late for: silence in the file
    errno: int


@dataclass(frozen=True, slots=True)
class RecordingOver:
    """A recording has ended, and its file is closed; `errno` 0: because it was told to, or its stream left."""

    path: Path
    duration_ms: int
    errno: int
    at_ns: int


MediaEvent = (
    Onset | Offset | Lull | Held | Released | MarkReached | Finished | Starved | Dtmf | DtmfSent
    | MediaTimeout | MediaBack | SourceLocked | MediaFault | RecordingOver
)  # fmt: skip
