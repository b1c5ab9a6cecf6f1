"""G.711 from the recommendation's decision values, one sample at a time."""

from __future__ import annotations

from itertools import accumulate, pairwise

MU_SEGMENTS = 8
MU_STEPS = 16


def mu_law_outputs() -> list[int]:
    """Table 2 of G.711: the 128 positive output values, ascending, in units of a 14-bit sample."""
    decisions = mu_law_decisions()
    return [0] + [(low + high) // 2 for low, high in pairwise(decisions[1:])]


def mu_law_decisions() -> list[int]:
    """Where one output value's range ends and the next begins: steps of 2, then doubling every 16."""
    steps = [1] + [2] * 15 + [2 << segment for segment in range(1, MU_SEGMENTS) for _ in range(MU_STEPS)]
    return [0, *accumulate(steps)]


def a_law_decisions() -> list[int]:
    """Table 1 of G.711, in units of a 13-bit sample: steps of 2 for two segments, then doubling every 16."""
    steps = [2] * 32 + [2 << segment for segment in range(1, 7) for _ in range(MU_STEPS)]
    return [0, *accumulate(steps)]


def a_law_outputs() -> list[int]:
    decisions = a_law_decisions()
    return [(low + high) // 2 for low, high in pairwise(decisions)]


def interval_of(magnitude: int, decisions: list[int]) -> int:
    """The last interval that begins at or below `magnitude`; beyond the table, its last."""
    inside = [k for k, begin in enumerate(decisions[:-1]) if begin <= magnitude]
    return inside[-1]


def decode_mu(octet: int) -> int:
    magnitude = 4 * mu_law_outputs()[0x7F - (octet & 0x7F)]
    return magnitude if octet & 0x80 else -magnitude


def decode_a(octet: int) -> int:
    toggled = octet ^ 0x55
    magnitude = 8 * a_law_outputs()[toggled & 0x7F]
    return magnitude if toggled & 0x80 else -magnitude
