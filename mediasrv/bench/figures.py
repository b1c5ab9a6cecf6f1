"""Percentiles as the reports give them: values that were measured, never interpolated ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def percentile(values: Iterable[float], percent: float) -> float | None:
    """The smallest measured value that `percent` of all values do not exceed; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def spread(values: Sequence[float], percents: Sequence[int] = (50, 95, 99)) -> dict[str, float | None]:
    """`{"p50": ..., "p99": ..., "max": ...}`, to the microsecond when the values are milliseconds."""
    figures = {f"p{percent}": percentile(values, percent) for percent in percents}
    figures["max"] = max(values, default=None)
    return {name: None if value is None else round(value, 3) for name, value in figures.items()}
