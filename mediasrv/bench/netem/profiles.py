"""Paths as they are met, by name: what tests, simulations and benchmarks mean by `wifi`."""

from __future__ import annotations

from collections.abc import Mapping

from mediasrv.bench.netem.impairments import (
    Bottleneck,
    Jitter,
    Loss,
    Profile,
    RatedBottleneck,
    RouteChange,
    Spikes,
)
from mediasrv.bench.netem.rates import lte_like

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
        Profile("cable", 14.0, Jitter("gamma", 3.0, shape=0.7), Loss(good=0.001), spikes=Spikes(25.0, 60.0)),
        Profile(
            "adsl_uplink",
            22.0,
            Jitter("uniform", 3.0),
            bottleneck=Bottleneck(
                640_000, 16_000, download_every_s=15.0, download_s=2.0, fill_bytes_per_s=4_000
            ),
        ),
        Profile(
            "lte",
            32.0,
            Jitter("gamma", 5.0, shape=0.8),
            Loss(good=0.001),
            bottleneck=RatedBottleneck(lte_like(1, typical_bits_per_s=1_500_000, swing=0.8), 60_000),
        ),
        Profile(
            "lte_moving",
            38.0,
            Jitter("gamma", 7.0, shape=0.7),
            Loss(good=0.002, bad=0.5, to_bad=0.002, to_good=0.2),
            bottleneck=RatedBottleneck(
                lte_like(2, typical_bits_per_s=600_000, swing=1.0, handover_every_s=12.0), 40_000
            ),
        ),
        Profile(
            "lte_cell_edge",
            45.0,
            Jitter("gamma", 9.0, shape=0.7),
            Loss(good=0.005, bad=0.6, to_bad=0.004, to_good=0.2),
            bottleneck=RatedBottleneck(
                lte_like(3, typical_bits_per_s=250_000, swing=0.7, handover_every_s=20.0), 20_000
            ),
        ),
        Profile(
            "umts",
            70.0,
            Jitter("normal", 15.0, 9.0),
            Loss(good=0.006, bad=0.5, to_bad=0.004, to_good=0.25),
            spikes=Spikes(20.0, 180.0),
        ),
        Profile(
            "wifi_roaming",
            15.0,
            Jitter("gamma", 8.0, shape=0.5),
            Loss(good=0.004, bad=0.9, to_bad=0.002, to_good=0.08),
            spikes=Spikes(30.0, 350.0),
            route=RouteChange(30.0, 8.0),
        ),
        Profile(
            "vpn", 55.0, Jitter("gamma", 4.0, shape=0.6), spikes=Spikes(12.0, 110.0)
        ),  # inside TCP: late, never lost
        Profile(
            "transatlantic", 85.0, Jitter("normal", 2.0, 1.5), Loss(good=0.002), route=RouteChange(60.0, 12.0)
        ),
        Profile(
            "two_paths",
            45.0,
            Jitter("uniform", 3.0),
            Loss(good=0.003),
            reorder=0.25,
            reorder_ms=15.0,
            duplicate=0.002,
        ),
        Profile(
            "powerline",
            8.0,
            Jitter("uniform", 4.0),
            Loss(bad=0.9, to_bad=0.01, to_good=0.5),
            spikes=Spikes(3.0, 45.0),
        ),
        Profile("cheap_clock", 25.0, Jitter("uniform", 6.0), Loss(good=0.002), skew_ppm=-120.0),
    )
}
