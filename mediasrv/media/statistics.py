"""What the engine counts, in units that a person can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from operator import itemgetter
from typing import TYPE_CHECKING, cast

import msgspec

from mediasrv.media.native_settings import settings_of
from mediasrv.media.scheduling import Policy
from mediasrv.media.spec import StreamSpec
from mediasrv.media.vad_weights import vad_weights
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
    return native.bytes_per_stream(**settings_of(spec, vad_weights("")))


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """Counted since the stream was added; as of its last tick."""

    packets_received: int = 0
    packets_sent: int = 0
    octets_received: int = 0
    octets_sent: int = 0
    malformed: int = 0  # dropped, and why
    foreign: int = 0
    unknown_type: int = 0
    duplicate: int = 0
    late: int = 0
    oversize: int = 0
    not_hearing: int = 0
    codec_errors: int = 0  # payloads that would not decode: concealed
    lost: int = 0
    reordered: int = 0
    concealed_samples: int = 0
    concealed_speech_samples: int = 0  # of them: while the caller was speaking
    comfort_received: int = 0  # packets that describe silence (RFC 3389)
    comfort_sent: int = 0
    resyncs: int = 0
    ssrc_changes: int = 0
    onsets: int = 0
    denials: int = 0  # onsets that were no speech after all
    holds: int = 0
    leases_expired: int = 0
    starved: int = 0
    ears_overruns: int = 0
    events_lost: int = 0
    events_dropped: int = 0  # that nobody listened to
    ticks: int = 0
    ticks_skipped: int = 0
    jitter_us: int = 0  # RFC 3550 6.4.1
    srtp_forged: int = 0  # packets that the keys did not fit
    srtp_replayed: int = 0
    reports_sent: int = 0  # RTCP
    reports_received: int = 0
    remote_jitter_us: int = 0  # of our stream, as the other side reports it
    peer_bye: int = 0  # 1: the other side said goodbye by RTCP
    rtt_us: int = 0  # of our reports and theirs; 0: not known
    remote_loss: float = 0  # share of our packets, likewise
    mos_listening: float = 0  # E-model (G.107), of what we hear; 0: nothing was heard yet
    mos_conversational: float = 0
    bridge_delay_ms: float = 0  # what people who listen wait for late packets; 0: nobody can listen
    bridge_target_ms: float = 0
    erle_db: float = 0  # how much of the echo is taken off; 0 without a canceller
    skew_ppm: float = 0  # of the sender's clock against ours
    echo_delay_ms: int = -1  # how late our sound comes back; -1: no echo was found
    echo_seen: int = 0  # 1: the line has given something of ours back
    noise_dbfs: float = 0
    speech_dbfs: float = 0

    @classmethod
    def of(cls, counted: Mapping[str, int | float], *, events_dropped: int = 0) -> StreamStatistics:
        told = {**counted, "events_dropped": events_dropped}
        return cls(*_figures_of(told))

    @property
    def loss(self) -> float:
        """Share of packets that never came, 0-1."""
        expected = self.packets_received + self.lost
        return self.lost / expected if expected else 0.0

    def as_dict(self) -> dict[str, int | float]:
        return cast("dict[str, int | float]", msgspec.to_builtins(self))


_figures_of = itemgetter(*(field.name for field in fields(StreamStatistics)))


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
    captured_lost: int  # packets that captures miss
    datagrams: int  # of DTLS, handed on
    datagrams_dropped: int  # more than a handshake can be
    cpu_ns: int
    lateness: Lateness
    slot_work_max_ms: float
    machine_stalls: int
    machine_stall_max_ms: float
    policy: Policy
    cpu: int | None  # None: not pinned, or each thread to another

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
            captured_lost=counted["captured_lost"],
            datagrams=counted["datagrams"],
            datagrams_dropped=counted["datagrams_dropped"],
            cpu_ns=counted["cpu_ns"],
            lateness=Lateness(tuple(counted["lateness"]), counted["lateness_max_ns"] / 1e6),
            slot_work_max_ms=counted["slot_work_max_ns"] / 1e6,
            machine_stalls=counted["machine_stalls"],
            machine_stall_max_ms=counted["machine_stall_max_ns"] / 1e6,
            policy=Policy(counted["policy"]),
            cpu=None if counted["cpu"] == -1 else counted["cpu"],
        )

    @classmethod
    def total(cls, threads: Sequence[EngineStatistics]) -> EngineStatistics:
        """Of several threads: counts are added, the worst of the rest stands for all."""
        if len(threads) == 1:
            return threads[0]
        merged = {name: sum(getattr(one, name) for one in threads) for name in _COUNTED}
        histograms = zip(*(one.lateness.histogram for one in threads), strict=True)
        return cls(
            **merged,
            lateness=Lateness(
                tuple(sum(bucket) for bucket in histograms), max(one.lateness.max_ms for one in threads)
            ),
            slot_work_max_ms=max(one.slot_work_max_ms for one in threads),
            machine_stall_max_ms=max(one.machine_stall_max_ms for one in threads),
            policy=min((one.policy for one in threads), key=lambda policy: policy.value),
            cpu=None,
        )


_COUNTED = (
    "streams", "capacity", "wakeups", "ticks", "late_ticks_skipped", "overruns", "packets_received", "packets_sent",
    "send_errors", "receive_errors", "commands", "commands_refused", "events", "events_deferred", "cpu_ns",
    "captured_lost", "datagrams", "datagrams_dropped", "machine_stalls",
)  # fmt: skip
