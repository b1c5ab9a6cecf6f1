from __future__ import annotations

from mediasrv.bench.figures import percentile, spread


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile([4, 1, 3, 2], 50) == 2
    assert percentile(range(1, 101), 99) == 99
    assert percentile([7], 1) == 7


def test_of_nothing_there_is_no_figure() -> None:
    assert percentile([], 50) is None
    assert spread([]) == {"p50": None, "p95": None, "p99": None, "max": None}


def test_a_spread_names_its_percentiles_and_the_worst() -> None:
    assert spread([float(v) for v in range(1, 201)], (50, 99)) == {"p50": 100.0, "p99": 198.0, "max": 200.0}
