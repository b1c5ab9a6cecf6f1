"""A stream's life written down, and lived once more: the border between trio and the engine, from both sides.

`witnessed` stands before an engine that runs, and tells a witness all that an exact repetition needs; `repeated` stands
before one that is driven by what the witness wrote.
"""

from mediasrv.media.again.moments import Birth, Moment, MomentKind
from mediasrv.media.again.repeated import RepeatedEngine, SentOtherwise, repeated_stream
from mediasrv.media.again.witnessed import StreamWitness, WitnessedEngine, WitnessedStream

__all__ = [
    "Birth", "Moment", "MomentKind", "RepeatedEngine", "SentOtherwise", "StreamWitness", "WitnessedEngine",
    "WitnessedStream", "repeated_stream",
]  # fmt: skip
