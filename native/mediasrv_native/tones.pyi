"""Keys and tones (native/c/kernels: ms_goertzel.h, ms_tones.h, the sender of ms_kernels.h), for tests and benchmarks."""

class Detector:
    def __init__(self, rate_hz: int) -> None: ...
    def process(self, pcm: bytes) -> tuple[int, int] | None:
        """Up to 20 ms; a key that has ended: its code and its duration in ms."""
    @property
    def sounds(self) -> bool: ...

class Tones:
    def __init__(
        self,
        rate_hz: int,
        hz: tuple[float, float],
        dbfs: tuple[float, float],
        on_ms: int,
        off_ms: int = 0,
        total_ms: int = 0,
    ) -> None: ...
    @staticmethod
    def of_key(rate_hz: int, key: int, duration_ms: int) -> Tones: ...
    def process(self, n: int) -> tuple[bytes, int]:
        """That many samples, and how many of them came before the end."""

class DtmfSender:
    def __init__(self, clock_hz: int = 8000) -> None: ...
    def push(self, code: int, duration_ms: int = 100, gap_ms: int = 60) -> None:
        """BufferError when 32 keys wait already."""
    def tick(self, timestamp: int) -> tuple[int, bool, bytes, bool] | None:
        """Time stamp, marker, payload, and whether the key is out."""
    @property
    def busy(self) -> bool: ...

def benchmark(pcm_8khz: bytes, frames: int = 2000) -> dict[str, float]:
    """Nanoseconds for 20 ms at 8 kHz."""
