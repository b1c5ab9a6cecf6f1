"""The jitter buffer and its parts, one call each, for tests and benchmarks: audio as bytes of int16."""

from typing import Final, NamedTuple

CONCEALED: Final = 1
QUIET: Final = 2

TAKEN: Final = 0
LATE: Final = 1
PARTLY_LATE: Final = 2
DUPLICATE: Final = 3

class Made(NamedTuple):
    """What a frame was made of, in samples, and the time stamps it led from and to."""

    played: int
    concealed: int
    noise: int
    stretched: int
    shrunk: int
    rtp_begin: int
    rtp_end: int

class JitterStatistics(NamedTuple):
    packets: int
    duplicate: int
    late: int
    partly_late: int
    out_of_order: int
    restarts: int
    in_samples: int
    refused_samples: int
    held_samples: int
    out_samples: int
    played: int
    concealed_voice: int
    concealed_silence: int
    noise: int
    stretched: int
    shrunk: int
    flushed: int
    filled_before_us: int
    current_ms: float
    target_ms: float
    jitter_ms: float
    loss: float

class JitterBuffer:
    def __init__(self, rate_hz: int, *, min_ms: int = 0, max_ms: int = 0, quantile: float = 0.0) -> None: ...
    def put(self, pcm: bytes, rtp_extended: int, arrival_ns: int, flags: int = 0) -> int: ...
    def take(self, due_ns: int) -> tuple[bytes, Made]: ...
    def reset(self) -> None: ...
    @property
    def statistics(self) -> JitterStatistics: ...
    @property
    def size_bytes(self) -> int: ...

class DelayEstimate:
    def __init__(self, rate_hz: int, quantile: float) -> None: ...
    def arrival(self, rtp_extended: int, arrival_ns: int, calm: bool = False) -> None: ...
    def restart(self) -> None: ...
    def delay_samples(self, rtp_extended: int, arrival_ns: int) -> int: ...
    def front(self, ns: int) -> int: ...
    @property
    def target_ms(self) -> float: ...
    @property
    def quantile_ms(self) -> float: ...
    @property
    def jitter_ms(self) -> float: ...

def find_shift(pcm: bytes, at: int, rate_hz: int, first: int, last: int, likeness: float) -> int: ...
def apply_shift(pcm: bytes, at: int, rate_hz: int, shift: int, samples: int) -> bytes: ...
def benchmark(pcm_8khz: bytes, frames: int = 2000) -> dict[str, float]: ...
