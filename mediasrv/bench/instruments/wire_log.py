"""What the wire saw, as Python reads it: packets sent and heard, gaps, and where a voice stopped.

A packet is *audible* when its mean power lies above -50 dBFS (0 dBFS: a full-scale square wave). The agent's voice
is near -21 dBFS, a 5 ms fade-out of it in an otherwise silent packet near -30, comfort noise below -60.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from mediasrv.clock import NS_PER_MS
from mediasrv_native.wire import FRAME_NS, HEARD_FORMAT, SENT_FORMAT

AUDIBLE_DBFS = -50.0
_SENT, _HEARD = struct.Struct(SENT_FORMAT), struct.Struct(HEARD_FORMAT)

Stall = tuple[int, int]


class Sent(NamedTuple):
    at_ns: int
    due_ns: int
    stream: int
    timestamp: int
    utterance: int  # 0: the bed
    offset: int  # of the packet's first sample in the utterance
    sequence: int


class Heard(NamedTuple):
    at_ns: int
    stream: int
    timestamp: int
    ssrc: int
    capture: int
    sequence: int
    octets: int
    level_dbfs: float
    payload_type: int
    marker: bool

    @property
    def audible(self) -> bool:
        return self.level_dbfs > AUDIBLE_DBFS


def sent_records(log: bytes) -> Iterator[Sent]:
    return (Sent(*fields[:7]) for fields in _SENT.iter_unpack(log))


def heard_records(log: bytes) -> Iterator[Heard]:
    for (
        at_ns,
        stream,
        timestamp,
        ssrc,
        capture,
        sequence,
        octets,
        centidb,
        kind,
        marker,
    ) in _HEARD.iter_unpack(log):
        yield Heard(
            at_ns, stream, timestamp, ssrc, capture, sequence, octets, centidb / 100, kind, bool(marker)
        )


def away_ns(stalls: Sequence[Stall], start_ns: int, end_ns: int) -> int:
    """How much of an interval the machine was away: overlapping stalls of several processors count once."""
    total, covered = 0, start_ns
    for stalled, woke in sorted(stalls):
        begin, end = max(stalled, covered), min(woke, end_ns)
        if end > begin:
            total, covered = total + end - begin, end
    return total


class Gaps(NamedTuple):
    """The longest time between two packets of one stream."""

    max_ms: float  # less the time the machine was away
    max_raw_ms: float  # as it was
    over_40_ms: int  # how many exceeded two frames, machine's time taken off
    over_60_ms: int  # and three


class Cadence:
    """How evenly packets came, over many streams, packet by packet: nothing is kept but what was uneven."""

    def __init__(self) -> None:
        self.packets = 0
        self.lost = 0  # sequence numbers that never came, counted across wraps
        self._last: dict[int, Heard] = {}
        self._longest_even_ns = 0
        self._uneven: list[tuple[int, int]] = []

    def add(self, packet: Heard) -> None:
        self.packets += 1
        before = self._last.get(packet.stream)
        self._last[packet.stream] = packet
        if before is None:
            return
        step = (packet.sequence - before.sequence) & 0xFFFF
        self.lost += step - 1 if 1 < step < 0x8000 else 0
        gap_ns = packet.at_ns - before.at_ns
        if gap_ns > FRAME_NS * 3 // 2:
            self._uneven.append((before.at_ns, packet.at_ns))
        else:
            self._longest_even_ns = max(self._longest_even_ns, gap_ns)

    def gaps(self, stalls: Sequence[Stall]) -> Gaps:
        raw = [end - start for start, end in self._uneven]
        own = [end - start - away_ns(stalls, start, end) for start, end in self._uneven]
        return Gaps(
            round(max([self._longest_even_ns, *own]) / NS_PER_MS, 3),
            round(max([self._longest_even_ns, *raw]) / NS_PER_MS, 3),
            sum(gap > 2 * FRAME_NS for gap in own),
            sum(gap > 3 * FRAME_NS for gap in own),
        )


class Stop(NamedTuple):
    last_audible_ns: int
    quiet_ms: float  # how long it was seen to be quiet afterwards


def first_stop(packets: Sequence[Heard], from_ns: int, quiet_ms: float) -> Stop | None:
    """The last audible packet before the first silence of `quiet_ms`, at or after the last packet before `from_ns`.

    None: the voice was not heard to stop, or the log ends before it was quiet that long.
    """
    last: Heard | None = None
    for packet in packets:
        if last is not None and packet.at_ns > from_ns:
            quiet = (packet.at_ns - last.at_ns) / NS_PER_MS
            if quiet >= quiet_ms:
                return Stop(last.at_ns, quiet)
        if packet.audible:
            last = packet
    return None


def first_audible(packets: Sequence[Heard], from_ns: int) -> Heard | None:
    """Of packets in the order they came in."""
    begin = bisect_left(packets, from_ns, key=attrgetter("at_ns"))
    return next((packet for packet in islice(packets, begin, None) if packet.audible), None)


def sent_ns(sent: Sequence[Sent], utterance: int, sample: int) -> int | None:
    """When a labelled sample of an utterance was on the wire: the send time of the packet that holds it.

    Looked for from the end, because it is the last utterance that is asked about; they are numbered in order."""
    for packet in reversed(sent):
        if packet.utterance < utterance:
            break
        if packet.utterance == utterance and packet.offset <= sample < packet.offset + 160:
            return packet.at_ns
    return None
