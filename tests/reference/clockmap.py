"""The skew between two clocks by trying every line: that of two packets below which no other packet lies."""

from __future__ import annotations

from itertools import combinations

SECONDS = 40  # that are looked back upon
SKEW_MOST = 500e3  # ns a second
ERROR, SEEN_S = (
    10e3,
    3.0,
)  # a slope is believed when it can be seen to 10 ppm, and never on less than three seconds

Point = tuple[float, float]  # second of the sender's clock, ns of delay


def skew_ppm(packets: list[Point]) -> float:
    """What is believed of it when the last packet's second begins; packets in the order of their time stamps."""
    least: dict[int, Point] = {}
    for at_s, delay_ns in packets:
        second = int(at_s)
        if second not in least or delay_ns < least[second][1]:
            least[second] = (at_s, delay_ns)
    blocks = [least[second] for second in sorted(least)][:-1][-SECONDS:]
    if len(blocks) < 2:
        return 0.0
    (left, low), (right, high) = edge(blocks)
    slope = max(-SKEW_MOST, min(SKEW_MOST, (high - low) / (right - left)))
    above_ns = sum(abs(ns - high - slope * (at_s - right)) for at_s, ns in blocks) / len(blocks)
    seen_s, needed_s = blocks[-1][0] - blocks[0][0], SEEN_S + above_ns / ERROR
    return slope * seen_s**2 / (seen_s**2 + needed_s**2) / 1e3


def edge(blocks: list[Point]) -> tuple[Point, Point]:
    """Of all lines through two that leave none below, the one that spans the middle, and the longest of equals."""
    below_all = [
        (a, b)
        for a, b in combinations(blocks, 2)
        if all((ns - a[1]) * (b[0] - a[0]) >= (b[1] - a[1]) * (at_s - a[0]) - 1.0 for at_s, ns in blocks)
    ]
    middle_s = sum(at_s for at_s, _ in blocks) / len(blocks)
    in_order = sorted(below_all, key=lambda ends: (ends[0][0], -ends[1][0]))
    return next(((a, b) for a, b in in_order if b[0] >= middle_s), in_order[-1])
