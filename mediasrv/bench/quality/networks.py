"""What a receiver saw of a sender over an emulated network: the material of the jitter buffer's table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mediasrv.bench.netem import PROFILES, Bottleneck, Jitter, Link, Loss, Profile, RouteChange, Spikes

PACKET_MS = 20
PACKET_BYTES = 172  # G.711 in RTP


@dataclass(frozen=True, slots=True)
class Arrival:
    index: (
        int  # of the packet; its first sample was captured at index * PACKET_MS, and it was sent 20 ms later
    )
    at_ms: float  # since the first capture


@dataclass(frozen=True, slots=True)
class Trace:
    """Arrivals in their order. `least_ms` is the network's own least delay, packet's length included, at the start."""

    name: str
    arrivals: Sequence[Arrival]
    packets: int
    least_ms: float
    drift: float  # how much the least delay grows with time: the skew of the sender's clock

    @property
    def duration_ms(self) -> float:
        return self.packets * PACKET_MS

    def least_at(self, ms: float) -> float:
        return self.least_ms + self.drift * ms


def observe(profile: Profile, seconds: float, seed: int) -> Trace:
    """One packet each 20 ms through a link with this profile."""
    link, packets, arrivals = Link(profile, seed), round(seconds * 1000 / PACKET_MS), []
    for index in range(packets):
        sent_s = (index + 1) * PACKET_MS / 1000
        arrivals += [Arrival(index, at_s * 1000) for at_s, _ in link.send(bytes(PACKET_BYTES), sent_s)]
    arrivals.sort(key=lambda arrival: arrival.at_ms)
    drift = profile.skew_ppm / 1e6
    least_ms = min(a.at_ms - a.index * PACKET_MS - drift * a.index * PACKET_MS for a in arrivals)
    return Trace(profile.name, arrivals, packets, least_ms, drift)


NETWORKS: Sequence[Profile] = (
    *PROFILES.values(),
    Profile("uniform-20", 20.0, Jitter("uniform", 20.0), Loss(good=0.002)),
    Profile("uniform-60", 20.0, Jitter("uniform", 60.0), Loss(good=0.005)),
    Profile("normal-15", 30.0, Jitter("normal", 20.0, 10.0), Loss(good=0.005)),
    Profile("gamma-5", 20.0, Jitter("gamma", 5.0, shape=0.5), Loss(good=0.002)),
    Profile("gamma-20", 30.0, Jitter("gamma", 20.0, shape=0.8), Loss(good=0.01)),
    Profile("gamma-30", 30.0, Jitter("gamma", 30.0, shape=1.0), Loss(bad=0.5, to_bad=0.01, to_good=0.3)),
    Profile("spikes-60", 20.0, Jitter("uniform", 5.0), spikes=Spikes(every_s=5.0, height_ms=60.0)),
    Profile("spikes-120", 20.0, Jitter("uniform", 5.0), spikes=Spikes(every_s=10.0, height_ms=120.0)),
    Profile("routes", 60.0, Jitter("uniform", 6.0), route=RouteChange(every_s=15.0, step_ms=40.0)),
    Profile("dsl", 15.0, Jitter("uniform", 2.0), bottleneck=Bottleneck(512_000, 12_000, 10.0, 3.0, 8_000)),
    Profile("train", 40.0, Jitter("gamma", 10.0, shape=0.6), Loss(good=0.005, bad=0.7, to_bad=0.003, to_good=0.1),
            spikes=Spikes(every_s=8.0, height_ms=160.0), route=RouteChange(every_s=20.0, step_ms=20.0)),
    Profile("skewed-jittery", 20.0, Jitter("gamma", 8.0, shape=0.7), skew_ppm=-200.0),
    Profile("reordering-far", 50.0, Jitter("uniform", 4.0), reorder=0.02, reorder_ms=45.0),
    Profile("office", 8.0, Jitter("normal", 3.0, 2.0), Loss(good=0.001), spikes=Spikes(every_s=30.0, height_ms=40.0)),
)  # fmt: skip
