"""The comparison itself: what is the same must have one hash, and what differs another."""

from mediasrv.bench.determinism import Plan, perform


def test_the_same_seed_is_the_same_run_and_another_seed_another() -> None:
    first, again, other = (perform(Plan(minutes=1, seed=seed)) for seed in (3, 3, 4))
    assert (first.digest, first.packets_sent, first.events) == (
        again.digest,
        again.packets_sent,
        again.events,
    )
    assert other.digest != first.digest
    assert first.packets_sent > 2_900
    assert first.events > 0
