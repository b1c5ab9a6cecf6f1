"""The comparison itself: what is the same must have one hash, and what differs another."""

from mediasrv.bench.determinism import STREAMS, Plan, perform


def test_the_same_seed_is_the_same_run_and_another_seed_another() -> None:
    (first, _), (again, _), (other, _) = (perform(Plan(minutes=1, seed=seed)) for seed in (3, 3, 4))
    assert first == again
    assert other.digest != first.digest
    assert first.packets_sent > 2_900
    assert first.events > 0


def test_calls_end_and_begin_in_the_middle_of_a_run() -> None:
    outcome, _ = perform(Plan(minutes=12, seed=5))
    assert outcome.calls > STREAMS
