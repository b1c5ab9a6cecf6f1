"""What a path may do to packets, each as a few numbers; a profile is all of it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from mediasrv.bench.netem.rates import Rates


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


STEP_S = 0.02  # of a telephone's packets


@dataclass(frozen=True, slots=True)
class Loss:
    """Gilbert-Elliott: a good state and a bad one, each with its own chance to lose a packet.

    It may change with each packet, and with each 20 ms in which there is none: a burst is a matter of milliseconds, and
    whoever sends once in seconds does not stay in it for half a minute.
    """

    good: float = 0.0
    bad: float = 1.0
    to_bad: float = 0.0  # chance per packet, and per 20 ms without one
    to_good: float = 1.0

    @property
    def mean(self) -> float:
        """The share of packets lost in the long run."""
        return self._in_bad * self.bad + (1.0 - self._in_bad) * self.good

    @property
    def _in_bad(self) -> float:
        return self.to_bad / (self.to_bad + self.to_good) if self.to_bad else 0.0

    def is_bad(self, was_bad: bool, since_s: float, chance: float) -> bool:
        """The state of a packet so long after the last; `chance` is drawn evenly from 0 to 1."""
        steps = max(1, round(since_s / STEP_S))
        mixed = 1.0 - (1.0 - self.to_bad - self.to_good) ** steps
        if was_bad:
            return chance >= (1.0 - self._in_bad) * mixed
        return chance < self._in_bad * mixed


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
class RatedBottleneck:
    """A queue whose rate follows a trace: a radio that everybody in the cell shares.

    Where in the trace a link begins is drawn from its seed.
    """

    rates: Rates
    queue_bytes: int


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
    bottleneck: Bottleneck | RatedBottleneck | None = None
