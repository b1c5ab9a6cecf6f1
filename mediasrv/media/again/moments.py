"""The moments at which an engine touches a stream, as they are written down."""

from __future__ import annotations

from enum import Enum

import msgspec

from mediasrv.media.spec import Address, StreamSpec
from mediasrv_native import engine as native
from mediasrv_native.engine import Captured

NO_PLACE = ("0.0.0.0", 0)


class MomentKind(Enum):
    RECEIVED = "received"
    SENT = "sent"
    OBEYED = "obeyed"
    DEADLINE = "deadline"
    TICKED = "ticked"


KINDS = {
    native.MOMENT_RECEIVED: MomentKind.RECEIVED,
    native.MOMENT_SENT: MomentKind.SENT,
    native.MOMENT_OBEYED: MomentKind.OBEYED,
    native.MOMENT_DEADLINE: MomentKind.DEADLINE,
    native.MOMENT_TICKED: MomentKind.TICKED,
}
NATIVE = {kind: number for number, kind in KINDS.items()}


class Moment(msgspec.Struct, frozen=True, array_like=True):
    """`number` counts over all captured streams; what is sent bears the number of its tick."""

    number: int
    kind: MomentKind
    at_ns: int
    due_ns: int = 0
    peer: Address | None = None
    data: bytes = b""

    @classmethod
    def of(cls, captured: Captured) -> Moment:
        _, kind, number, at_ns, due_ns, peer, data = captured
        return cls(number, KINDS[kind], at_ns, due_ns, peer, data)

    def native(self, stream: int) -> Captured:
        return Captured(stream, NATIVE[self.kind], self.number, self.at_ns, self.due_ns, self.peer, self.data)


class Birth(msgspec.Struct, frozen=True):
    """All that a stream was made with, and what was drawn for it."""

    spec: StreamSpec
    local: Address
    seed: int  # of its noise, whatever place in whatever pool it has
    ssrc: int
    first_sequence: int
    first_timestamp: int
    unix_offset_ns: int
    confirms: bool  # a network has the last word on what is speech
