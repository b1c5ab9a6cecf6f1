"""How a receiver fares on a trace: the same account for every kind of buffer.

Time is cut into the ticks of the media plane, 20 ms each. A buffer is told of each packet when it comes, and asked for
20 ms at each tick. It answers in pieces: so many milliseconds of received sound from such a place, or so many that
were made up. What was made up to wait for a packet counts like what was made up for a lost one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from mediasrv.bench.quality.networks import PACKET_MS, Trace

TICK_MS = 20
SETTLE_MS = 10_000.0


@dataclass(frozen=True, slots=True)
class Piece:
    ms: float
    from_ms: float | None  # where it was captured, None: made up
    offset_ms: float = 0.0  # after the tick


class Buffer(Protocol):
    def packet(self, index: int, at_ms: float) -> None: ...
    def tick(self, due_ms: float) -> Iterable[Piece]: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    delay_ms: float  # capture to play beyond the network's least, over all received sound that was played
    concealed: float  # share of the time played that was not from received sound


def play(trace: Trace, buffer: Buffer, phase_ms: float) -> Outcome:
    arrivals, next_arrival = trace.arrivals, 0
    delay_sum, played_ms, concealed_ms = 0.0, 0.0, 0.0
    due_ms = phase_ms
    while due_ms < trace.duration_ms:
        while next_arrival < len(arrivals) and arrivals[next_arrival].at_ms <= due_ms:
            buffer.packet(arrivals[next_arrival].index, arrivals[next_arrival].at_ms)
            next_arrival += 1
        pieces = buffer.tick(due_ms)
        if due_ms > SETTLE_MS:
            for piece in pieces:
                if piece.from_ms is None:
                    concealed_ms += piece.ms
                else:
                    waited_ms = due_ms + piece.offset_ms - piece.from_ms - trace.least_at(piece.from_ms)
                    delay_sum += piece.ms * (waited_ms + PACKET_MS)
                    played_ms += piece.ms
        due_ms += TICK_MS
    return Outcome(delay_sum / max(played_ms, 1.0), concealed_ms / max(concealed_ms + played_ms, 1.0))


class FixedBuffer:
    """Plays everything `delay_ms` after the earliest that the first second's packets allow."""

    def __init__(self, delay_ms: float) -> None:
        self._delay_ms, self._arrived = delay_ms, set[int]()
        self._least_ms: float | None = None

    def packet(self, index: int, at_ms: float) -> None:
        self._arrived.add(index)
        lag_ms = at_ms - index * PACKET_MS
        if self._least_ms is None or (index < 50 and lag_ms < self._least_ms):
            self._least_ms = lag_ms

    def tick(self, due_ms: float) -> Iterable[Piece]:
        if self._least_ms is None:
            return [Piece(TICK_MS, None)]
        place_ms = due_ms - self._least_ms - (self._delay_ms - PACKET_MS)
        index = int(place_ms // PACKET_MS)  # on the packet's edge: standing within it would only cost delay
        arrived = index in self._arrived
        return [Piece(TICK_MS, index * PACKET_MS if arrived else None)]
