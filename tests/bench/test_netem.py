"""Each profile does what it says, in the long run and packet by packet; the same seed does it again."""

from __future__ import annotations

import itertools
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.bench.netem import (
    PROFILES,
    Bottleneck,
    Delivery,
    Jitter,
    Link,
    Loss,
    Profile,
    RatedBottleneck,
    Rates,
    RouteChange,
    Spikes,
    lte_like,
)

PTIME_S = 0.02


def run(profile: Profile, *, packets: int = 5_000, seed: int = 1) -> list[list[Delivery]]:
    link = Link(profile, seed)
    return [link.send(n.to_bytes(4, "big") * 43, n * PTIME_S) for n in range(packets)]


def delays_ms(outcome: list[list[Delivery]]) -> list[float]:
    return [(copies[0][0] - n * PTIME_S) * 1000 for n, copies in enumerate(outcome) if copies]


def losses(outcome: list[list[Delivery]]) -> list[bool]:
    return [not copies for copies in outcome]


@pytest.mark.parametrize("name", PROFILES)
def test_the_same_seed_gives_the_same_deliveries(name: str) -> None:
    assert run(PROFILES[name], packets=2_000) == run(PROFILES[name], packets=2_000)


@pytest.mark.parametrize("name", [name for name in PROFILES if name not in {"clean", "skewed"}])
def test_another_seed_gives_other_deliveries(name: str) -> None:
    assert run(PROFILES[name], packets=2_000, seed=1) != run(PROFILES[name], packets=2_000, seed=2)


@pytest.mark.parametrize("name", PROFILES)
def test_nothing_arrives_before_it_was_sent(name: str) -> None:
    assert all(at >= n * PTIME_S for n, copies in enumerate(run(PROFILES[name])) for at, _ in copies)


@pytest.mark.parametrize("name", [name for name, p in PROFILES.items() if not p.reorder and not p.duplicate])
def test_jitter_alone_never_lets_a_packet_overtake(name: str) -> None:
    arrivals = [at for copies in run(PROFILES[name]) for at, _ in copies]
    assert all(a <= b for a, b in itertools.pairwise(arrivals))


def test_a_clean_link_only_delays() -> None:
    outcome = run(PROFILES["clean"])
    assert [len(copies) for copies in outcome] == [1] * len(outcome)
    assert delays_ms(outcome) == pytest.approx([1.0] * len(outcome))


@pytest.mark.parametrize(
    "loss",
    [Loss(good=0.05), Loss(good=0.002, bad=0.6, to_bad=0.02, to_good=0.2), Loss(to_bad=0.01, to_good=0.5)],
)
def test_the_mean_loss_is_the_profile_s(loss: Loss) -> None:
    lost = losses(run(Profile(loss=loss), packets=60_000))
    assert statistics.fmean(lost) == pytest.approx(loss.mean, rel=0.12)


def test_losses_in_the_bad_state_come_in_bursts_of_its_length() -> None:
    lost = losses(run(Profile(loss=Loss(to_bad=0.01, to_good=0.25)), packets=60_000))
    bursts = [len(list(group)) for is_lost, group in itertools.groupby(lost) if is_lost]
    assert statistics.fmean(bursts) == pytest.approx(4.0, rel=0.1)


def lost_every(seconds: float, loss: Loss) -> list[bool]:
    link = Link(Profile(loss=loss), seed=1)
    return [not link.send(b"", n * seconds) for n in range(40_000)]


def again_share(lost: list[bool]) -> float:
    """How often the packet after a lost one is lost, too."""
    return statistics.fmean(after for before, after in itertools.pairwise(lost) if before)


@pytest.mark.parametrize("every_s", [0.001, 0.02, 0.06, 0.5, 4.0])
def test_a_burst_lasts_a_while_and_not_a_number_of_packets(every_s: float) -> None:
    """An INVITE that is sent again after seconds does not find the burst that took the first."""
    loss = Loss(bad=0.8, to_bad=0.02, to_good=0.2)
    lost, steps = lost_every(every_s, loss), max(1, round(every_s / PTIME_S))
    assert statistics.fmean(lost) == pytest.approx(loss.mean, rel=0.15)
    still_bad = 1.0
    for _ in range(steps):
        still_bad = still_bad * (1 - loss.to_good) + (1 - still_bad) * loss.to_bad
    assert again_share(lost) == pytest.approx(still_bad * loss.bad, rel=0.1)


@pytest.mark.parametrize(
    "jitter", [Jitter("uniform", 8.0), Jitter("gamma", 6.0, shape=0.5), Jitter("normal", 6.0, 2.0)]
)
def test_the_delay_has_the_distribution_s_mean(jitter: Jitter) -> None:
    spaced = [
        Link(Profile(delay_ms=20.0, jitter=jitter), 3)
    ]  # far apart, so that no packet waits for another
    delays = [(spaced[0].send(b"", float(n))[0][0] - n) * 1000 for n in range(20_000)]
    expected = 20.0 + (jitter.scale_ms / 2 if jitter.kind == "uniform" else jitter.scale_ms)
    assert statistics.fmean(delays) == pytest.approx(expected, rel=0.03)


def test_a_gamma_with_a_small_shape_has_a_heavy_tail() -> None:
    link = Link(Profile(delay_ms=0.0, jitter=Jitter("gamma", 6.0, shape=0.5)), 3)
    delays = sorted((link.send(b"", float(n))[0][0] - n) * 1000 for n in range(20_000))
    assert delays[int(0.99 * len(delays))] > 6 * 6.0


def test_more_loss_leaves_the_survivors_delays_as_they_were() -> None:
    jitter = Jitter("uniform", 8.0)  # under the packet spacing: nothing queues behind a lost packet
    whole = run(Profile(jitter=jitter))
    lossy = run(Profile(jitter=jitter, loss=Loss(good=0.2)))
    assert all(copies == whole[n] for n, copies in enumerate(lossy) if copies)


def test_strays_overtake_and_copies_follow() -> None:
    outcome = run(Profile(delay_ms=60.0, reorder=0.05, reorder_ms=50.0, duplicate=0.02), packets=20_000)
    overtaken = sum(b < a for a, b in itertools.pairwise(copies[0][0] for copies in outcome if copies))
    assert overtaken > 100
    assert sum(len(copies) == 2 for copies in outcome) / len(outcome) == pytest.approx(0.02, rel=0.2)
    assert all(copies[0][0] <= copies[1][0] for copies in outcome if len(copies) == 2)


def test_a_spike_holds_packets_and_releases_them_together() -> None:
    delays = delays_ms(
        run(Profile(delay_ms=10.0, spikes=Spikes(every_s=10.0, height_ms=200.0)), packets=20_000)
    )
    assert max(delays) > 180.0
    worst = delays.index(max(delays))
    falling = delays[worst : worst + 5]
    assert [a - b for a, b in itertools.pairwise(falling)] == pytest.approx([20.0] * 4)


def test_a_route_change_moves_the_delay_for_good() -> None:
    delays = delays_ms(
        run(Profile(delay_ms=40.0, route=RouteChange(every_s=20.0, step_ms=25.0)), packets=10_000)
    )
    levels = [round(level, 6) for level, _ in itertools.groupby(delays, key=lambda ms: round(ms, 6))]
    assert 3 <= len(levels) <= 25
    assert all(15.0 <= level <= 65.0 for level in levels)


def test_skew_is_a_drift_of_the_delay() -> None:
    delays = delays_ms(run(Profile(delay_ms=20.0, skew_ppm=100.0), packets=5_001))
    assert delays[-1] - delays[0] == pytest.approx(100e-6 * 5_000 * PTIME_S * 1000)


def test_a_bottleneck_spaces_a_burst_by_its_rate_and_drops_what_does_not_fit() -> None:
    link = Link(Profile(delay_ms=0.0, bottleneck=Bottleneck(bits_per_s=80_000, queue_bytes=1_000)), 1)
    outcome = [
        link.send(bytes(172), 0.0) for _ in range(10)
    ]  # 200 bytes each on the wire: 20 ms at 80 kbit/s
    assert [copies[0][0] for copies in outcome[:5]] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
    assert outcome[5:] == [[]] * 5
    assert link.statistics.overflowed == 5
    assert link.send(bytes(172), 1.0)[0][0] == pytest.approx(1.02)


def test_a_download_fills_the_queue_and_its_end_drains_it() -> None:
    outcome = run(PROFILES["bufferbloat"], packets=20_000)
    delays = delays_ms(outcome)
    assert max(delays) > 300.0
    assert min(delays) < 25.0
    assert any(losses(outcome))


# ---- rates that change ----------------------------------------------------------------------------------------------

Trace = list[tuple[float, float]]

steps = st.tuples(st.floats(0.01, 10.0), st.just(0.0) | st.floats(1_000.0, 1e7))
traces = st.lists(steps, min_size=1, max_size=8).filter(lambda made: any(rate for _, rate in made))


@given(traces, st.floats(0.0, 200.0))
def test_what_a_trace_lets_through_by_a_moment_was_through_by_then(made: Trace, at_s: float) -> None:
    rates = Rates(tuple(made))
    bits = rates.bits_until(at_s)
    assert rates.reach(bits - 1.0) <= at_s + 1e-6  # a bit less: at the edge of a pause rounding decides
    assert rates.bits_until(rates.reach(bits)) == pytest.approx(bits, rel=1e-6, abs=1.0)


@given(traces, st.integers(1, 5))
def test_a_trace_begins_again_when_it_has_ended(made: Trace, rounds: int) -> None:
    rates = Rates(tuple(made))
    carried = sum(seconds * rate for seconds, rate in made)
    assert rates.bits_until(rounds * rates.seconds) == pytest.approx(rounds * carried, rel=1e-6)


@pytest.mark.parametrize("made", [(), ((0.0, 1.0),), ((1.0, -1.0),), ((1.0, 0.0),)])
def test_a_trace_that_cannot_be_is_refused(made: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="a trace"):
        Rates(made)


def test_a_steady_trace_is_a_queue_of_that_rate() -> None:
    steady = RatedBottleneck(Rates(((7.0, 80_000.0),)), queue_bytes=1_000)
    link = Link(Profile(delay_ms=0.0, bottleneck=steady), 3)
    outcome = [link.send(bytes(172), 0.0) for _ in range(10)]  # 200 bytes each on the wire: 20 ms
    assert [copies[0][0] for copies in outcome[:5]] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
    assert outcome[5:] == [[]] * 5
    assert link.statistics.overflowed == 5


def test_nothing_passes_while_the_rate_is_zero_and_what_waited_follows_at_once() -> None:
    stops = RatedBottleneck(Rates(((1.0, 1e6), (1.0, 0.0))), queue_bytes=100_000)
    delays = delays_ms(run(Profile(delay_ms=0.0, bottleneck=stops), packets=500))
    assert max(delays) == pytest.approx(1_000.0, abs=25.0)
    assert sum(delay < 5.0 for delay in delays) > 200
    arrivals = [n * PTIME_S + delay / 1000 for n, delay in enumerate(delays)]
    assert arrivals == sorted(arrivals)


def test_a_cell_s_rate_wanders_about_its_typical_one() -> None:
    rates = [rate for _, rate in lte_like(5, typical_bits_per_s=500_000, swing=0.8, seconds=2_000.0).steps]
    assert statistics.median(rates) == pytest.approx(500_000, rel=0.15)
    assert min(rates) < 150_000
    assert max(rates) > 1_500_000
    assert lte_like(5, typical_bits_per_s=1.0, swing=1.0) != lte_like(6, typical_bits_per_s=1.0, swing=1.0)


def test_there_are_twenty_paths_and_more_and_no_two_alike() -> None:
    assert len(set(PROFILES.values())) == len(PROFILES) >= 20
