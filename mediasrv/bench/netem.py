"""One direction of an imperfect network, as pure state: a datagram and the time go in, deliveries come out.

A link is a chain, in the order in which a real path does it to a packet:

    lost?  ->  bottleneck queue  ->  path (route, skew, spikes)  ->  jitter  ->  out of order?  ->  twice?

Each impairment draws from a random stream of its own, derived from the seed. So the same seed gives the same
run, and making a link lossier does not change the jitter of the packets that survive.

Two kinds of lateness are kept apart, because receivers must tell them apart too. *Jitter* here is queueing:
a late packet holds up those behind it, and order is kept. *Reordering* is another path: a packet leaves the
order of the queue altogether. Only `reorder` ever lets one packet overtake another.

Left out on purpose: fragmentation, corruption (UDP drops what is corrupt), and congestion that answers to
what we send, beyond the bottleneck queue itself.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

IP_AND_UDP_BYTES = 28  # what each datagram costs on the wire besides its payload (IPv4)


@dataclass(frozen=True, slots=True)
class Jitter:
    """Extra delay of each packet, never negative; `scale_ms` is its mean, or the top of a uniform one.

    `gamma` has the heavy tail of a shared radio: with shape 0.5, one packet in a hundred is 6.6 means late.
    """

    kind: Literal["none", "uniform", "normal", "gamma"] = "none"
    scale_ms: float = 0.0
    deviation_ms: float = 0.0  # normal only
    shape: float = 1.0  # gamma only; below 1 the tail grows

    def draw_ms(self, source: random.Random) -> float:
        if self.kind == "uniform":
            return source.uniform(0.0, self.scale_ms)
        if self.kind == "normal":
            return max(0.0, source.gauss(self.scale_ms, self.deviation_ms))
        if self.kind == "gamma":
            return source.gammavariate(self.shape, self.scale_ms / self.shape)
        return 0.0


@dataclass(frozen=True, slots=True)
class Loss:
    """Gilbert-Elliott: a good state and a bad one, each with its own chance to lose a packet."""

    good: float = 0.0
    bad: float = 1.0
    to_bad: float = 0.0  # chance per packet
    to_good: float = 1.0

    @property
    def mean(self) -> float:
        """The share of packets lost in the long run."""
        if self.to_bad == 0.0:
            return self.good
        in_bad = self.to_bad / (self.to_bad + self.to_good)
        return in_bad * self.bad + (1.0 - in_bad) * self.good


@dataclass(frozen=True, slots=True)
class Spikes:
    """Now and then the path stops, and lets go of everything at once: a scan for networks, a hand-over."""

    every_s: float = 0.0  # mean time between two; 0: never
    height_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class RouteChange:
    """Now and then the path's delay becomes another one, for good, within `step_ms` of the first."""

    every_s: float = 0.0
    step_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """A queue with a rate and an end, which somebody else's download may fill as well.

    While the download lasts it leaves us `share` of the rate; the queue drops what finds it full.
    """

    bits_per_s: float
    queue_bytes: int
    download_every_s: float = 0.0  # mean quiet time between two; 0: no download
    download_s: float = 0.0
    fill_bytes_per_s: float = 0.0  # how fast a download makes the queue grow


@dataclass(frozen=True, slots=True)
class Profile:
    """What a path does to packets. All chances are per packet; 0 means never."""

    name: str = "clean"
    delay_ms: float = 1.0
    jitter: Jitter = Jitter()
    loss: Loss = Loss()
    reorder: float = 0.0
    reorder_ms: float = 30.0  # how much sooner (up to the path's delay) or later another path may be
    duplicate: float = 0.0
    skew_ppm: float = 0.0  # the sender's clock against ours: the delay drifts
    spikes: Spikes = Spikes()
    route: RouteChange = RouteChange()
    bottleneck: Bottleneck | None = None


Delivery = tuple[float, bytes]


@dataclass(slots=True)
class LinkStatistics:
    sent: int = 0
    lost: int = 0
    overflowed: int = 0
    duplicated: int = 0
    reordered: int = 0


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


class Queue:
    """The bottleneck: how many bytes wait in front of a packet, and how long they take."""

    def __init__(self, bottleneck: Bottleneck, source: random.Random) -> None:
        self._b = bottleneck
        self._downloads = Schedule(bottleneck.download_every_s, source)
        self._waiting_bytes = 0.0
        self._at: float | None = None
        self._download_ends_at = -math.inf

    def pass_through(self, payload_bytes: int, now: float) -> float | None:
        """Seconds until the packet is through, or None when the queue was full."""
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


class Link:
    """One direction of a path with `profile`; call `send` in the order of time."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self.profile = profile
        self.statistics = LinkStatistics()
        self._loss, self._jitter, self._order, self._twice, self._path, queue = (
            random.Random(f"{seed}/{impairment}")
            for impairment in ("loss", "jitter", "order", "twice", "path", "queue")
        )
        self._queue = Queue(profile.bottleneck, queue) if profile.bottleneck else None
        self._spikes = Schedule(profile.spikes.every_s, self._path)
        self._routes = Schedule(profile.route.every_s, self._path)
        self._route_ms = 0.0
        self._bad = False
        self._began_at: float | None = None
        self._last_out_at = -math.inf

    def send(self, data: bytes, now: float) -> list[Delivery]:
        """When, and how often, what was sent at `now` arrives: nothing, once, or twice."""
        if self._began_at is None:
            self._begin(now)
        self.statistics.sent += 1
        lost = self._draw_loss()  # every stream is drawn from in any case, so that none depends on another
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
        self._began_at = now
        self._spikes.begin(now)
        self._routes.begin(now)

    def _draw_loss(self) -> bool:
        loss, source = self.profile.loss, self._loss
        turn, drop = source.random(), source.random()
        self._bad = turn >= loss.to_good if self._bad else turn < loss.to_bad
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


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(),
        Profile("lan", delay_ms=0.3, jitter=Jitter("uniform", 0.2)),
        Profile("fibre", delay_ms=12.0, jitter=Jitter("normal", 1.0, 0.5), loss=Loss(good=0.0005)),
        Profile(
            "wifi",
            delay_ms=15.0,
            jitter=Jitter("gamma", 6.0, shape=0.5),
            loss=Loss(good=0.002, bad=0.4, to_bad=0.004, to_good=0.25),
            spikes=Spikes(every_s=20.0, height_ms=90.0),
            duplicate=0.0005,
        ),
        Profile(
            "mobile",
            delay_ms=45.0,
            jitter=Jitter("gamma", 14.0, shape=0.8),
            loss=Loss(good=0.004, bad=0.6, to_bad=0.005, to_good=0.2),
            spikes=Spikes(every_s=15.0, height_ms=250.0),
            route=RouteChange(every_s=30.0, step_ms=25.0),
            skew_ppm=40.0,
        ),
        Profile("lossy", delay_ms=30.0, jitter=Jitter("uniform", 10.0), loss=Loss(good=0.05)),
        Profile(
            "bursty",
            delay_ms=30.0,
            jitter=Jitter("uniform", 10.0),
            loss=Loss(bad=0.8, to_bad=0.02, to_good=0.2),
        ),
        Profile("reordering", delay_ms=40.0, jitter=Jitter("uniform", 8.0), reorder=0.05, duplicate=0.01),
        Profile(
            "bufferbloat",
            delay_ms=20.0,
            jitter=Jitter("uniform", 3.0),
            bottleneck=Bottleneck(
                bits_per_s=1_000_000,
                queue_bytes=50_000,
                download_every_s=8.0,
                download_s=4.0,
                fill_bytes_per_s=15_000,
            ),
        ),
        Profile("satellite", delay_ms=280.0, jitter=Jitter("normal", 12.0, 6.0), loss=Loss(good=0.01)),
        Profile("skewed", delay_ms=20.0, skew_ppm=150.0),
    )
}
