"""The skew between two clocks by trying every line: that of two packets below which no other packet lies."""

from __future__ import annotations

from itertools import combinations

SECONDS = 40  # that are looked back upon
SKEW_MOST = 500e3  # ns a second
ERROR = 10e3  # a slope is believed when it can be seen to 10 ppm,
SEEN_S = 3.0  # and never on less than three seconds
ROUNDING_S = 1e-4  # of a time in single precision

Point = tuple[float, float]  # second of the sender's clock, ns of delay


def skews_ppm(packets: list[Point]) -> list[float]:
    """What may be believed of it when the last packet's second begins; packets in the order of their time stamps."""
    least: dict[int, Point] = {}
    for at_s, delay_ns in packets:
        second = int(at_s)
        if second not in least or delay_ns < least[second][1]:
            least[second] = (at_s, delay_ns)
    blocks = [least[second] for second in sorted(least)][:-1][-SECONDS:]
    return [believed_ppm(blocks, left, right) for left, right in edges(blocks)] or [0.0]


def believed_ppm(blocks: list[Point], left: Point, right: Point) -> float:
    slope = max(-SKEW_MOST, min(SKEW_MOST, (right[1] - left[1]) / (right[0] - left[0])))
    above_ns = sum(abs(ns - right[1] - slope * (at_s - right[0])) for at_s, ns in blocks) / len(blocks)
    seen_s, needed_s = blocks[-1][0] - blocks[0][0], SEEN_S + above_ns / ERROR
    return slope * seen_s**2 / (seen_s**2 + needed_s**2) / 1e3


def edges(blocks: list[Point]) -> list[tuple[Point, Point]]:
    """Of all lines through two that leave none below, those that span the middle: two where it lies on a corner."""
    middle_s = sum(at_s for at_s, _ in blocks) / max(1, len(blocks))
    return [
        (a, b)
        for a, b in combinations(blocks, 2)
        if a[0] - ROUNDING_S <= middle_s <= b[0] + ROUNDING_S
        and all((ns - a[1]) * (b[0] - a[0]) >= (b[1] - a[1]) * (at_s - a[0]) - 1.0 for at_s, ns in blocks)
    ]
