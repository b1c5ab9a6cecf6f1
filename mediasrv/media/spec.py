"""What a stream is asked to be, and what a call asks of the engine before it is accepted."""

from __future__ import annotations

from dataclasses import dataclass

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call will need: streams of the pool, and processor time in thousandths of a core."""

    streams: int = 1
    millicores: float = 2.8


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One RTP stream, as the offer and answer settled it."""

    codec: str = "PCMU"  # PCMU | PCMA
    payload_type: int = 0
    telephone_event_type: int = 0  # 0: none agreed
    remote: Address | None = None
    aec: bool = True
    ns: bool = True
    vad: bool = True
    lock_source: bool = True
    aec_tail_ms: int = 128
    reorder_ms: int = 40
    playout_ms: int = 2_000
    rewind_ms: int = 1_000
    ears_ms: int = 1_000
    far_delay_ms: int = 60
    far_delay_error_ms: int = 40
    media_timeout_ms: int = 20_000

    @property
    def rate_hz(self) -> int:
        return 8_000
