"""Who is in one call, and who hears whom.

A call has a caller; perhaps somebody it is joined with; perhaps a supervisor. What each of them is sent follows from
that alone, so nobody here connects or disconnects anything by hand: who sits where is changed, `wanted` says purely
which connections there must be, and `settle` makes and breaks only those that differ. A failure in between leaves
nothing that the next `settle` does not mend.

    the callee rings         the caller hears it (early media); it hears nobody, for it has not paid attention yet
    both talk                each hears the other
    one holds                the two are apart, and the other one hears music
    a supervisor listens     and hears both of them and the agent
    whispers                 and is heard by one of them
    barges in                and is heard by both

Streams are heard as they come in (`Listen.HEARD`); the agent's voice, which is said on the caller's stream, is the
only thing that a supervisor must be given besides (`Listen.SAID`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from mediasrv.call.bridge.parties import Seat
from mediasrv.errors import LocalError, StreamClosed
from mediasrv.legs import Leg
from mediasrv.media import Clip, Listen, StreamFace

MUSIC_DB = -12.0


class Mode(Enum):
    """What a supervisor does."""

    LISTEN = "listen"
    WHISPER_CALLEE = "whisper_callee"
    WHISPER_CALLER = "whisper_caller"
    BARGE = "barge"


@dataclass(slots=True, eq=False)
class Supervision:
    leg: Leg
    mode: Mode = Mode.LISTEN


class Wire(NamedTuple):
    """What one stream's peer is sent of another."""

    listener: StreamFace
    source: StreamFace
    what: Listen = Listen.HEARD


class Floor:
    """`callee` is there from its first ring; `joined`: it has answered, too."""

    def __init__(self, caller: Seat) -> None:
        self.caller = caller
        self.callee: Seat | None = None
        self.joined = False
        self.music: Clip | None = None  # for who is put on hold
        self.supervision: Supervision | None = None
        self.beyond: Floor | None = None  # that of two calls together, on which the caller sits, too
        self._wires: set[Wire] = set()
        self._consoled: set[StreamFace] = set()

    @property
    def talking(self) -> bool:
        return self.joined and not any(seat.held for seat in self.seats())

    def seats(self) -> Iterator[Seat]:
        yield self.caller
        if self.callee is not None:
            yield self.callee

    def clear(self) -> None:
        """The caller is alone again."""
        self.callee, self.joined = None, False
        self.settle()

    def settle(self) -> None:
        """Makes the connections what they should be; LocalError when two streams cannot hear each other."""
        wanted = set(self.wanted())
        for wire in self._wires - wanted:
            self._wires.discard(wire)
            with suppress(LocalError, StreamClosed):  # one that has left took its connections along
                wire.listener.disconnect(wire.source, wire.what)
        for wire in wanted - self._wires:
            with suppress(StreamClosed):  # its owner is about to tell that it is gone
                wire.listener.connect(wire.source, wire.what)
                self._wires.add(wire)
        self._console(set(self._on_hold()))
        if self.beyond is not None:
            self.beyond.settle()

    def move_beside(self, stream: StreamFace) -> None:
        """All who are heard here, so that they and that one can hear each other; LocalError: they stay as they were."""
        for wire in self._wires:
            with suppress(LocalError, StreamClosed):
                wire.listener.disconnect(wire.source, wire.what)
        self._wires.clear()
        try:
            for each in self._streams():
                each.move_beside(stream)
        finally:
            self.settle()

    def _streams(self) -> Iterator[StreamFace]:
        for seat in self.seats():
            yield seat.stream
        if self.supervision is not None:
            yield self.supervision.leg.stream

    # ---- what there should be

    def wanted(self) -> Iterator[Wire]:
        caller, callee = self.caller.stream, self.callee.stream if self.callee else None
        if callee is not None and (self.talking or not self.joined):
            yield Wire(caller, callee)
        if callee is not None and self.talking:
            yield Wire(callee, caller)
        if self.supervision is not None:
            yield from self._supervised(self.supervision)

    def _supervised(self, supervision: Supervision) -> Iterator[Wire]:
        ear = supervision.leg.stream
        yield Wire(ear, self.caller.stream, Listen.SAID)
        for seat in self.seats():
            yield Wire(ear, seat.stream)
        for seat in self._heard_by(supervision.mode):
            yield Wire(seat.stream, ear)

    def _heard_by(self, mode: Mode) -> list[Seat]:
        """Whom a supervisor speaks to; with nobody beside the caller, all that is said is said to the caller."""
        callee = self.callee if self.joined else None
        match mode:
            case Mode.LISTEN:
                return []
            case Mode.WHISPER_CALLER:
                return [self.caller]
            case Mode.WHISPER_CALLEE:
                return [callee or self.caller]
            case Mode.BARGE:
                return [self.caller, callee] if callee else [self.caller]

    def _on_hold(self) -> Iterator[StreamFace]:
        """Those who wait for one who holds."""
        if self.callee is None or not self.joined or self.music is None:
            return
        if self.callee.held and not self.caller.held:
            yield self.caller.stream
        if self.caller.held and not self.callee.held:
            yield self.callee.stream

    def _console(self, wanted: set[StreamFace]) -> None:
        for stream in self._consoled - wanted:
            with suppress(StreamClosed):
                stream.background(None)
        for stream in wanted - self._consoled:
            with suppress(StreamClosed):
                stream.background(self.music, MUSIC_DB)
        self._consoled = wanted
