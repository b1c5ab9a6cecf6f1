from __future__ import annotations

import os

import pytest

from mediasrv.media.scheduling import Policy, available_policy, default_threads, spare_cpus
from mediasrv.media.statistics import Lateness, lateness_quantile_ms


def histogram(**counts: int) -> list[int]:
    buckets = [0] * 64
    for name, count in counts.items():
        buckets[int(name[1:])] = count
    return buckets


def test_a_quantile_is_the_upper_edge_of_its_bucket() -> None:
    buckets = histogram(b20=98, b40=2)  # 32 us, and 1 ms
    assert lateness_quantile_ms(buckets, 0.50) == pytest.approx(0.038, abs=0.001)
    assert lateness_quantile_ms(buckets, 0.99) == pytest.approx(1.218, abs=0.001)
    assert lateness_quantile_ms([0] * 64, 0.99) == 0


def test_no_quantile_lies_above_the_maximum() -> None:
    assert Lateness(tuple(histogram(b40=1)), max_ms=1.1).p99_ms == 1.1


def test_the_policy_that_is_had_is_never_a_wish() -> None:
    assert available_policy() in (Policy.FIFO, Policy.SLICE, Policy.NORMAL)
    assert available_policy(Policy.NORMAL) is Policy.NORMAL
    assert available_policy(Policy.SLICE) in (Policy.SLICE, Policy.NORMAL)


def test_the_spare_processors_are_those_we_may_use_but_one() -> None:
    allowed = os.sched_getaffinity(0)
    assert set(spare_cpus()) == allowed - {min(allowed)}
    assert default_threads() == max(1, len(allowed) - 1)
