"""The mixer's kernels (native/c/kernels/ms_mixer.h), for tests and benchmarks."""

from typing import Final

from numpy import float32
from numpy.typing import NDArray

CEILING: Final[float]

class Gain:
    def __init__(self, value: float = 1) -> None: ...
    def set(self, target: float, ramp: int) -> None:
        """Walks there in `ramp` samples from now."""
    @property
    def now(self) -> float: ...
    @property
    def is_silent(self) -> bool: ...
    def add(self, total: NDArray[float32], pcm: bytes) -> None:
        """total += pcm, at this gain."""

class Limiter:
    def __init__(self) -> None: ...
    @property
    def gain(self) -> float: ...
    def process(self, total: NDArray[float32]) -> bytes: ...

def benchmark(pcm_8khz: bytes, frames: int = 2000) -> dict[str, float]:
    """Nanoseconds for 20 ms at 8 kHz."""
