from mediasrv.telemetry import Counters


def test_counts_are_grouped_by_name_then_reason() -> None:
    counters = Counters()
    counters.count("refused", "capacity")
    counters.count("refused", "capacity")
    counters.count("refused", "unknown_number")
    counters.count("answered")
    assert counters.of("refused", "capacity") == 2
    assert counters.of("refused", "never") == 0
    assert counters.snapshot() == {"answered": {"": 1}, "refused": {"capacity": 2, "unknown_number": 1}}
