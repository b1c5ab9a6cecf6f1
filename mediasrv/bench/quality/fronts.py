"""Delay against concealment as a curve: what a buffer can do best, and what it takes for so few holes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf

from mediasrv.bench.quality.playout import Outcome

Points = Sequence[Outcome]


def front(points: Points) -> Points:
    """What no other point beats in both, from the least delay to the least concealment."""
    best: list[Outcome] = []
    for point in sorted(points, key=lambda p: (p.delay_ms, p.concealed)):
        if not best or point.concealed < best[-1].concealed:
            best.append(point)
    return best


def delay_at(points: Points, concealed: float) -> float:
    """The least delay at which no more than that is concealed; infinite when the curve does not come down so far."""
    best = front(points)
    if best[0].concealed <= concealed:
        return best[0].delay_ms
    for above, below in pairwise(best):
        if below.concealed <= concealed:
            part = (above.concealed - concealed) / (above.concealed - below.concealed)
            return above.delay_ms + part * (below.delay_ms - above.delay_ms)
    return inf
