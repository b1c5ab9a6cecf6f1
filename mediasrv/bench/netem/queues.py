"""The bottleneck at work: how many bytes wait in front of a packet, and how long they take."""

from __future__ import annotations

import math
import random
from typing import Protocol

from mediasrv.bench.netem.impairments import Bottleneck, RatedBottleneck

IP_AND_UDP_BYTES = 28  # what each datagram costs on the wire besides its payload (IPv4)


class Queue(Protocol):
    def pass_through(self, payload_bytes: int, now: float) -> float | None:
        """Seconds until the packet is through, or None when the queue was full."""


def queue_of(bottleneck: Bottleneck | RatedBottleneck | None, source: random.Random) -> Queue | None:
    if isinstance(bottleneck, RatedBottleneck):
        return RatedQueue(bottleneck, source)
    return SharedQueue(bottleneck, source) if bottleneck else None


class Schedule:
    """Moments of a Poisson process: `due(now)` says whether one has passed since the last question."""

    def __init__(self, every_s: float, source: random.Random) -> None:
        self._every_s, self._source = every_s, source
        self._next_at = math.inf
        self.last_at = -math.inf

    def begin(self, now: float) -> None:
        if self._every_s > 0:
            self._next_at = now + self._source.expovariate(1.0 / self._every_s)

    def due(self, now: float) -> bool:
        passed = False
        while self._next_at <= now:
            passed, self.last_at = True, self._next_at
            self._next_at += self._source.expovariate(1.0 / self._every_s)
        return passed


class SharedQueue:
    """Of one rate, which somebody else's download fills at times."""

    def __init__(self, bottleneck: Bottleneck, source: random.Random) -> None:
        self._b = bottleneck
        self._downloads = Schedule(bottleneck.download_every_s, source)
        self._waiting_bytes = 0.0
        self._at: float | None = None
        self._download_ends_at = -math.inf

    def pass_through(self, payload_bytes: int, now: float) -> float | None:
        self._advance(now)
        size = payload_bytes + IP_AND_UDP_BYTES
        if self._waiting_bytes + size > self._b.queue_bytes:
            return None
        self._waiting_bytes += size
        return self._waiting_bytes * 8.0 / self._b.bits_per_s

    def _advance(self, now: float) -> None:
        if self._at is None:
            self._at = now
            self._downloads.begin(now)
        if self._downloads.due(now):
            self._download_ends_at = self._downloads.last_at + self._b.download_s
        filling_s = max(0.0, min(now, self._download_ends_at) - max(self._at, self._downloads.last_at))
        draining_s = max(0.0, now - self._at - filling_s)
        filled = min(self._waiting_bytes + filling_s * self._b.fill_bytes_per_s, float(self._b.queue_bytes))
        self._waiting_bytes = max(0.0, filled - draining_s * self._b.bits_per_s / 8.0)
        self._at = max(now, self._at)


class RatedQueue:
    """Of a rate that changes: what waits is let through as the trace allows."""

    def __init__(self, bottleneck: RatedBottleneck, source: random.Random) -> None:
        self._rates, self._most_bytes = bottleneck.rates, bottleneck.queue_bytes
        self._offset_s = source.uniform(0.0, bottleneck.rates.seconds)
        self._waiting_bytes = 0.0
        self._at: float | None = None

    def pass_through(self, payload_bytes: int, now: float) -> float | None:
        began_at = now if self._at is None else self._at
        before, by_now = (
            self._rates.bits_until(self._offset_s + at) for at in (began_at, max(began_at, now))
        )
        self._waiting_bytes = max(0.0, self._waiting_bytes - (by_now - before) / 8.0)
        self._at = max(began_at, now)
        size = payload_bytes + IP_AND_UDP_BYTES
        if self._waiting_bytes + size > self._most_bytes:
            return None
        self._waiting_bytes += size
        through_s = self._rates.reach(by_now + self._waiting_bytes * 8.0) - self._offset_s
        return max(0.0, through_s - now)
