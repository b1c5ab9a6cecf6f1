"""The link itself: the chain of impairments, in the order in which a real path has them."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from mediasrv.bench.netem.impairments import Profile
from mediasrv.bench.netem.queues import Schedule, queue_of

Delivery = tuple[float, bytes]


@dataclass(slots=True)
class LinkStatistics:
    sent: int = 0
    lost: int = 0
    overflowed: int = 0
    duplicated: int = 0
    reordered: int = 0


class Link:
    """One direction of a path with `profile`; call `send` in the order of time."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self.profile = profile
        self.statistics = LinkStatistics()
        self._loss, self._jitter, self._order, self._twice, self._path, queue = (
            random.Random(f"{seed}/{impairment}")
            for impairment in ("loss", "jitter", "order", "twice", "path", "queue")
        )
        self._queue = queue_of(profile.bottleneck, queue)
        self._spikes = Schedule(profile.spikes.every_s, self._path)
        self._routes = Schedule(profile.route.every_s, self._path)
        self._route_ms = 0.0
        self._bad = False
        self._last_sent_at = 0.0
        self._began_at: float | None = None
        self._last_out_at = -math.inf

    def send(self, data: bytes, now: float) -> list[Delivery]:
        """When, and how often, what was sent at `now` arrives: nothing, once, or twice."""
        if self._began_at is None:
            self._begin(now)
        self.statistics.sent += 1
        lost = self._draw_loss(now)  # every stream is drawn from in any case, so that none depends on another
        jitter_ms = self.profile.jitter.draw_ms(self._jitter)
        strays, stray_ms = self._draw_stray()
        twice = self._twice.random() < self.profile.duplicate
        if lost:
            self.statistics.lost += 1
            return []
        queued_s = self._queue.pass_through(len(data), now) if self._queue else 0.0
        if queued_s is None:
            self.statistics.overflowed += 1
            return []
        out_at = self._in_order(now + queued_s + (self._path_ms(now) + jitter_ms) / 1000.0)
        if strays:
            self.statistics.reordered += 1
            arrives_at = max(now, out_at + stray_ms / 1000.0)
        else:
            arrives_at = self._last_out_at = out_at
        if not twice:
            return [(arrives_at, data)]
        self.statistics.duplicated += 1
        return [(arrives_at, data), (arrives_at + self._twice.expovariate(1000.0), data)]

    def _begin(self, now: float) -> None:
        self._began_at = self._last_sent_at = now
        self._spikes.begin(now)
        self._routes.begin(now)

    def _draw_loss(self, now: float) -> bool:
        loss, source = self.profile.loss, self._loss
        turn, drop = source.random(), source.random()
        self._bad = loss.is_bad(self._bad, now - self._last_sent_at, turn)
        self._last_sent_at = now
        return drop < (loss.bad if self._bad else loss.good)

    def _draw_stray(self) -> tuple[bool, float]:
        source, reach_ms = self._order, self.profile.reorder_ms
        strays = source.random() < self.profile.reorder
        return strays, source.uniform(-reach_ms, reach_ms)

    def _path_ms(self, now: float) -> float:
        profile, began_at = self.profile, self._began_at
        assert began_at is not None
        if self._routes.due(now):
            self._route_ms = self._path.uniform(-1.0, 1.0) * profile.route.step_ms
        self._spikes.due(now)
        spike_ms = max(0.0, profile.spikes.height_ms - (now - self._spikes.last_at) * 1000.0)
        drift_ms = (now - began_at) * profile.skew_ppm / 1000.0
        return max(0.0, profile.delay_ms + self._route_ms + drift_ms) + spike_ms

    def _in_order(self, at: float) -> float:
        return max(at, self._last_out_at)
