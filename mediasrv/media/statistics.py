"""What the engine counts, in units that a person can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediasrv.media.native_settings import settings_of
from mediasrv.media.scheduling import Policy
from mediasrv.media.spec import StreamSpec
from mediasrv_native import engine as native

if TYPE_CHECKING:  # a shape for the type checker; at run time it is a dict
    from mediasrv_native.engine import NativeStatistics

BUCKETS_PER_OCTAVE = 4


def lateness_quantile_ms(histogram: Sequence[int], quantile: float) -> float:
    """Upper edge of the bucket where the quantile lies: at most 19 % too high, never too low.

    Bucket k counts what took [2^(k/4), 2^((k+1)/4)) microseconds.
    """
    total = sum(histogram)
    if total == 0:
        return 0.0
    seen, bucket = 0, 0
    for bucket, count in enumerate(histogram):  # noqa: B007
        seen += count
        if seen >= quantile * total:
            break
    edge_us: float = 2.0 ** ((bucket + 1) / BUCKETS_PER_OCTAVE)
    return edge_us / 1000


def stream_bytes(spec: StreamSpec) -> int:
    """Memory that a stream will take for good, the playout ring apart."""
    return native.bytes_per_stream(**settings_of(spec))


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late the engine's wake-ups were, against their slot."""

    histogram: tuple[int, ...]
    max_ms: float

    def quantile_ms(self, quantile: float) -> float:
        return min(lateness_quantile_ms(self.histogram, quantile), self.max_ms)

    @property
    def p50_ms(self) -> float:
        return self.quantile_ms(0.50)

    @property
    def p99_ms(self) -> float:
        return self.quantile_ms(0.99)


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    """Counted since the engine began; as of the last 20 ms."""

    streams: int
    capacity: int
    wakeups: int
    ticks: int
    late_ticks_skipped: int
    overruns: int  # slots whose work took longer than the slot
    packets_received: int
    packets_sent: int
    send_errors: int
    receive_errors: int
    commands: int
    commands_refused: int  # for want of room, or of sense; not those that came too late
    events: int
    events_deferred: int
    cpu_ns: int
    lateness: Lateness
    slot_work_max_ms: float
    machine_stalls: int
    machine_stall_max_ms: float
    policy: Policy
    cpu: int | None

    @classmethod
    def of(cls, counted: NativeStatistics) -> EngineStatistics:
        return cls(
            streams=counted["streams"],
            capacity=counted["capacity"],
            wakeups=counted["wakeups"],
            ticks=counted["ticks"],
            late_ticks_skipped=counted["late_ticks_skipped"],
            overruns=counted["overruns"],
            packets_received=counted["packets_received"],
            packets_sent=counted["packets_sent"],
            send_errors=counted["send_errors"],
            receive_errors=counted["receive_errors"],
            commands=counted["commands"],
            commands_refused=counted["commands_refused"],
            events=counted["events"],
            events_deferred=counted["events_deferred"],
            cpu_ns=counted["cpu_ns"],
            lateness=Lateness(tuple(counted["lateness"]), counted["lateness_max_ns"] / 1e6),
            slot_work_max_ms=counted["slot_work_max_ns"] / 1e6,
            machine_stalls=counted["machine_stalls"],
            machine_stall_max_ms=counted["machine_stall_max_ns"] / 1e6,
            policy=Policy(counted["policy"]),
            cpu=None if counted["cpu"] == -1 else counted["cpu"],
        )
