"""What a run came to, in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mediasrv.bench.figures import spread
from mediasrv.bench.instruments.process_meter import Usage
from tools.load.crowd import Crowd, Outcome
from tools.load.verdict import GAP_OF_NOTE_MS

REASONS_SHOWN = 10
HEARD_WITHIN_S = 2.0  # who hangs up before has not heard much


def report(crowd: Crowd, server: Usage | None, generator: Usage) -> dict[str, object]:
    """`server` and `generator`: what their processes used while the calls were there."""
    outcomes = crowd.outcomes
    call_seconds = sum(outcome.lasted_s for outcome in outcomes)
    return {
        "bench": "load",
        "calls": crowd.plan.calls,
        "answered": len(outcomes),
        "failed": failures(crowd),
        "reasons": dict(Counter(_reasons(crowd)).most_common(REASONS_SHOWN)),
        "call_seconds": round(call_seconds, 1),
        "setup_ms": spread([outcome.setup_ms for outcome in outcomes]),
        "first_sound_ms": spread([o.first_sound_ms for o in outcomes if o.first_sound_ms is not None]),
        "sound": _sound(outcomes),
        "line": _line(outcomes),
        "server_cpu_ms_per_call_second": None if server is None else _cpu(server, call_seconds),
        "generator_cpu_ms_per_call_second": _cpu(generator, call_seconds),
    }


def failures(crowd: Crowd) -> int:
    """Calls that were not taken, dropped, or not heard as they should be."""
    return len(crowd.refusals) + sum(bool(_wrong(outcome)) for outcome in crowd.outcomes)


def _reasons(crowd: Crowd) -> list[str]:
    return [*crowd.refusals, *filter(None, map(_wrong, crowd.outcomes))]


def _wrong(outcome: Outcome) -> str:
    verdict = outcome.verdict
    if outcome.dropped:
        return f"dropped: {outcome.dropped}"
    if not verdict.began:
        return "never heard itself" if outcome.lasted_s > HEARD_WITHIN_S else ""
    if verdict.foreign_ms:
        return "heard another call"
    return "gap" if verdict.max_gap_ms > GAP_OF_NOTE_MS else ""


def _sound(outcomes: Sequence[Outcome]) -> dict[str, object]:
    verdicts = [outcome.verdict for outcome in outcomes]
    gaps = [gap for verdict in verdicts for gap in verdict.gaps_ms]
    return {
        "own_s": round(sum(verdict.own_ms for verdict in verdicts) / 1000, 1),
        "silent_ms": sum(verdict.silent_ms for verdict in verdicts),
        "concealed_ms": sum(verdict.concealed_ms for verdict in verdicts),
        "unclear_ms": sum(verdict.unclear_ms for verdict in verdicts),
        "foreign_ms": sum(verdict.foreign_ms for verdict in verdicts),
        "pardoned_ms": sum(verdict.pardoned_ms for verdict in verdicts),
        "jumps": sum(verdict.jumps for verdict in verdicts),
        "gaps": len(gaps),
        "gaps_over_60_ms": sum(gap > GAP_OF_NOTE_MS for gap in gaps),
        "max_gap_ms": max(gaps, default=0),
    }


def _line(outcomes: Sequence[Outcome]) -> dict[str, object]:
    lines = [outcome.line for outcome in outcomes]
    return {
        "packets": sum(line.packets_received for line in lines),
        "lost": sum(line.lost for line in lines),
        "late": sum(line.late for line in lines),
        "jitter_ms": spread([line.jitter_us / 1000 for line in lines]),
        "round_trip_ms": spread([line.rtt_us / 1000 for line in lines if line.rtt_us]),
    }


def _cpu(used: Usage, call_seconds: float) -> dict[str, float]:
    seconds = max(call_seconds, 1e-9)
    return {"control": round(used.control_ms / seconds, 3), "media": round(used.media_ms / seconds, 3)}
