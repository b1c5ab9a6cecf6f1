"""The jitter buffer's table: how long people wait for how few holes, against NetEQ's control and fixed delays.

Every buffer has one knob for delay against concealment: ours and NetEQ's the quantile of delays that is waited for
(ours the least delay besides, where even the highest quantile is small), a fixed one its delay. Turning it over its
range gives each a curve on each network. What is compared is the delay at equal concealment: that of NetEQ as it is
shipped (quantile 0.95), or, where our curve does not come down so far, the least that it reaches. The resolution is
a sample of the telephone's clock in delay, and one frame in 200 seconds in concealment: where nothing but what the
network lost is concealed, curves are upright, and half a frame would decide. The strict figure stands beside it.

Ours is the kernel itself, on speech, with stretching that succeeds only where the sound lets it; the others are
timing alone, which stretches whenever it wants to. Each point is the mean of runs at four phases between the sender's
packets and our ticks, each with its own seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import inf, isfinite
from pathlib import Path
from statistics import fmean

from mediasrv.bench.netem import Profile
from mediasrv.bench.quality import pictures
from mediasrv.bench.quality.fronts import Points, delay_at, front
from mediasrv.bench.quality.networks import NETWORKS, PACKET_MS, Trace, observe
from mediasrv.bench.quality.playout import Buffer, FixedBuffer, Outcome, Piece, play
from mediasrv.bench.quality.pool import spread
from mediasrv.bench.quality.references.neteq import NetEq
from mediasrv.bench.quality.table import Case, Plan, Table
from mediasrv.bench.speech import FRAME_SAMPLES, RATE_HZ, talk_bed
from mediasrv_native.jitter import JitterBuffer
from mediasrv_native.kernels import g711_decode_u

SECONDS, BRIEF_SECONDS = 120.0, 30.0
PHASES_MS = (2.5, 7.5, 12.5, 17.5)
MIN_MS, MAX_MS = 20, 400  # of the target, for ours and NetEQ's alike
OUR_QUANTILE, SHIPPED_QUANTILE = 0.93, 0.95  # as each is delivered
QUANTILES = (0.3, 0.5, 0.7, 0.8, 0.9, OUR_QUANTILE, SHIPPED_QUANTILE, 0.98, 0.995, 0.999)
LEAST_MS = (40, 50, 60, 70, 80, 100, 120)  # further points of ours, with the highest quantile
FIXED_MS = (20, 40, 60, 80, 100, 140, 180, 240, 320, 400)
RESOLUTION_MS = 1000 / RATE_HZ
RESOLUTION_CONCEALED = 20 / 200_000
MUST_SHARE = 0.8


class Ours:
    """The kernel behind the account's face, fed with speech."""

    def __init__(self, quantile: float, speech: Sequence[bytes], min_ms: int = MIN_MS) -> None:
        self._buffer = JitterBuffer(RATE_HZ, min_ms=min_ms, max_ms=MAX_MS, quantile=quantile)
        self._speech = speech

    def packet(self, index: int, at_ms: float) -> None:
        frame = self._speech[index % len(self._speech)]
        self._buffer.put(frame, index * FRAME_SAMPLES, round(at_ms * 1e6))

    def tick(self, due_ms: float) -> Iterable[Piece]:
        per_ms = FRAME_SAMPLES / PACKET_MS
        _, made = self._buffer.take(round(due_ms * 1e6))
        missing = made.concealed + made.noise
        pieces = [Piece(missing / per_ms, None)] if missing else []
        return [*pieces, Piece(made.played / per_ms, made.rtp_begin / per_ms)] if made.played else pieces


@dataclass(frozen=True, slots=True)
class Contender:
    name: str
    buffers: Sequence[Callable[[], Buffer]]  # one for each position of the knob
    shipped: int  # the position at which it is delivered

    def curve(self, traces: Sequence[Trace]) -> Points:
        return [_mean([play(trace, make(), phase) for trace, phase in zip(traces, PHASES_MS, strict=True)])
                for make in self.buffers]  # fmt: skip


def _mean(outcomes: Sequence[Outcome]) -> Outcome:
    return Outcome(fmean(o.delay_ms for o in outcomes), fmean(o.concealed for o in outcomes))


@cache
def _contenders() -> Sequence[Contender]:
    pcm, octets = g711_decode_u(talk_bed()), 2 * FRAME_SAMPLES
    speech = [pcm[at : at + octets] for at in range(0, len(pcm) - octets + 1, octets)]
    ours = [partial(Ours, quantile, speech) for quantile in QUANTILES]
    ours += [partial(Ours, QUANTILES[-1], speech, min_ms) for min_ms in LEAST_MS]
    neteq = [partial(NetEq, quantile, min_ms=MIN_MS, max_ms=MAX_MS) for quantile in QUANTILES]
    return (
        Contender("ours", ours, QUANTILES.index(OUR_QUANTILE)),
        Contender("neteq", neteq, QUANTILES.index(SHIPPED_QUANTILE)),
        Contender(
            "neteq_with_peaks",
            [partial(make, peaks=True) for make in neteq],
            QUANTILES.index(SHIPPED_QUANTILE),
        ),
        Contender("fixed", [partial(FixedBuffer, delay_ms) for delay_ms in FIXED_MS], FIXED_MS.index(60)),
    )


# ---- curves ----------------------------------------------------------------------------------------------------------


def _least_concealed(points: Points) -> float:
    return min(point.concealed for point in points)


def _compare(
    curves: Mapping[str, Points], contenders: Sequence[Contender]
) -> Mapping[str, Mapping[str, float]]:
    shipped = {c.name: curves[c.name][c.shipped] for c in contenders}
    equal = max(shipped["neteq"].concealed, _least_concealed(curves["ours"]))
    figures: dict[str, dict[str, float]] = {}
    for name, points in curves.items():
        figures[name] = {
            "delay_ms": round(shipped[name].delay_ms, 2),
            "concealed_percent": round(100 * shipped[name].concealed, 3),
            "equal_percent": round(100 * equal, 3),
        }
        strict_ms, resolved_ms = delay_at(points, equal), delay_at(points, equal + RESOLUTION_CONCEALED)
        if isfinite(strict_ms):
            figures[name]["delay_at_equal_ms"] = round(strict_ms, 2)
        if isfinite(resolved_ms):
            figures[name]["delay_at_equal_resolved_ms"] = round(resolved_ms, 2)
    return figures


# ---- the table -------------------------------------------------------------------------------------------------------


def _draw(path: Path, title: str, curves: Mapping[str, Points]) -> None:
    """As far as NetEQ's curve reaches and half as far again: short fixed delays would leave no room for the others."""
    most = 1.5 * max(point.concealed for point in curves["neteq"]) + RESOLUTION_CONCEALED
    fronts = {name: [p for p in front(points) if p.concealed <= most] for name, points in curves.items()}
    drawn = {
        name: ([100 * p.concealed for p in best], [p.delay_ms for p in best]) for name, best in fronts.items()
    }
    pictures.curves(path, title, "concealed (%)", "delay beyond the network's least (ms)", drawn)


def _case(profile: Profile, plan: Plan) -> Case:
    contenders = _contenders()
    seconds = BRIEF_SECONDS if plan.brief else SECONDS
    traces = [observe(profile, seconds, plan.seed * len(PHASES_MS) + k) for k in range(len(PHASES_MS))]
    curves = {contender.name: contender.curve(traces) for contender in contenders}
    if plan.pictures is not None:
        _draw(plan.pictures / f"jitter-{profile.name}.png", profile.name, curves)
    return Case(profile.name, _compare(curves, contenders))


def _strict_ms(case: Case, name: str) -> float:
    return case.contenders[name].get("delay_at_equal_ms", inf)


def _resolved_ms(case: Case) -> float:
    return case.contenders["ours"].get("delay_at_equal_resolved_ms", inf)


def _share(cases: Sequence[Case], reference: str) -> float:
    """Of the networks on which nobody waits longer with ours, as far as the trial can tell."""
    return fmean(_resolved_ms(case) <= _strict_ms(case, reference) + RESOLUTION_MS for case in cases)


def _strict_share(cases: Sequence[Case]) -> float:
    return fmean(_strict_ms(case, "ours") <= _strict_ms(case, "neteq") for case in cases)


def run(plan: Plan) -> Table:
    cases = tuple(spread(partial(_case, plan=plan), NETWORKS))
    share = _share(cases, "neteq")
    summary = {
        "networks": len(cases),
        "share_at_or_below_neteq": round(share, 3),
        "share_at_or_below_neteq_strictly": round(_strict_share(cases), 3),
        "share_at_or_below_neteq_with_peaks": round(_share(cases, "neteq_with_peaks"), 3),
        "share_at_or_below_fixed": round(_share(cases, "fixed"), 3),
        "mean_delay_ratio_to_neteq": round(
            fmean(_resolved_ms(case) / _strict_ms(case, "neteq") for case in cases), 3
        ),
        "reached": share >= MUST_SHARE,
    }
    return Table("jitter", cases, summary)
