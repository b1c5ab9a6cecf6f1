"""RFC 4733 keys as the document describes them: a whole key at once, and every packet that was ever received."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

TICK_MS = 20
LONGEST_SEGMENT = 0xFFFF  # what the duration field can say (2.3.5)
END_COPIES = 3  # 2.5.1.4
END_BIT, VOLUME = 0x80, 10
KEYS = 16
REORDER_S = 5


@dataclass(frozen=True)
class Key:
    code: int
    duration_ms: int
    gap_ms: int


@dataclass(frozen=True)
class Packet:
    tick: int
    timestamp: int
    marker: bool
    payload: bytes
    done: bool


def durations(total: int, step: int) -> list[int]:
    """How long the key has lasted by the end of each tick, in RTP ticks, over all its segments.

    Each segment is told in steps and filled to its end; one that is begun has a packet before its last one. A rest
    of a single tick leaves no room for that, so such a key is a tick longer.
    """
    total += total > 1 and total % LONGEST_SEGMENT == 1
    ends = {
        min(begin + told, begin + LONGEST_SEGMENT, total)
        for begin in range(0, total, LONGEST_SEGMENT)
        for told in range(step, LONGEST_SEGMENT + step, step)
    }
    rest = (total - 1) % LONGEST_SEGMENT + 1
    if total > LONGEST_SEGMENT and rest <= step:
        ends.add(total - 1)
    return sorted(ends)


def of_key(key: Key, tick: int, timestamp: int, clock_hz: int) -> list[Packet]:
    """Every packet of a key that begins at that tick."""
    ends = durations(key.duration_ms * clock_hz // 1000, clock_hz * TICK_MS // 1000)
    packets = []
    for number, end in enumerate([*ends, *ends[-1:] * (END_COPIES - 1)]):
        segment = (end - 1) // LONGEST_SEGMENT * LONGEST_SEGMENT
        flags = VOLUME | (END_BIT if number >= len(ends) - 1 else 0)
        payload = bytes([key.code, flags]) + (end - segment).to_bytes(2, "big")
        is_done = number == len(ends) + END_COPIES - 2
        packets.append(Packet(tick + number, (timestamp + segment) % 2**32, number == 0, payload, is_done))
    return packets


def sent(keys: Sequence[Key], start: int, clock_hz: int) -> Iterator[Packet]:
    """Of keys that are pressed all at once, the first tick beginning at `start`."""
    tick, step = 0, clock_hz * TICK_MS // 1000
    for key in keys:
        packets = of_key(key, tick, start + tick * step, clock_hz)
        yield from packets
        copies = END_COPIES - 1
        tick = packets[-copies].tick + max(copies, -(-key.gap_ms // TICK_MS))


@dataclass
class Receiver:
    """Which of the packets begins a key, told by the time stamps of all that came before."""

    clock_hz: int = 8_000
    came: list[tuple[int, int, int]] = field(
        default_factory=list
    )  # time stamp, code, duration, of keys alone

    def receive(self, payload: bytes, rtp: int) -> int | None:
        code, duration = payload[0], int.from_bytes(payload[2:4], "big")
        if code >= KEYS:
            return None
        if not self.came:
            self.came.append((rtp, code, duration))
            return code
        newest, its_code, _ = self.came[-1]
        longest = max(d for at, _, d in self._in_progress())
        if rtp == newest:
            self.came.append((rtp, its_code, duration))
            return None
        if newest - REORDER_S * self.clock_hz <= rtp < newest:
            return None
        self.came.append((rtp, code, duration))
        goes_on = code == its_code and longest == LONGEST_SEGMENT and rtp == newest + LONGEST_SEGMENT
        return None if goes_on else code

    def _in_progress(self) -> Iterator[tuple[int, int, int]]:
        """The packets since the time stamp changed last."""
        newest = self.came[-1][0]
        for packet in reversed(self.came):
            if packet[0] != newest:
                return
            yield packet
