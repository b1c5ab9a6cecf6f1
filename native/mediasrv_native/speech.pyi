"""The gate and Silero, one call each, for tests and benchmarks: audio as bytes of int16."""

from typing import Final

QUIET: Final[int]
ONSET: Final[int]
SPEECH: Final[int]
OFFSET: Final[int]

CHUNK_SAMPLES: Final[int]
REMEMBERED_CHUNKS: Final[int]

class Gate:
    def __init__(self, rate_hz: int) -> None: ...
    def process(self, pcm_10ms: bytes, residual_dbfs: float = -120) -> int: ...
    @property
    def is_active(self) -> bool:
        """Whether the last 10 ms were loud enough to be speech: the verdict without its hangover."""
    @property
    def noise_dbfs(self) -> float: ...
    @property
    def speech_dbfs(self) -> float: ...

def power_spectrum(pcm: bytes) -> bytes:
    """Of 256 samples at 8 kHz, as float32: what the gate looks at."""

class SileroWeights:
    """Immutable, for any number of streams."""
    def __init__(self, file: bytes) -> None:
        """`file`: safetensors; WrongArgument when it is not the network's."""
    @property
    def nbytes(self) -> int: ...

class Silero:
    """16 kHz."""
    def __init__(self, weights: SileroWeights) -> None: ...
    def reset(self) -> None: ...
    def remember(self, pcm: bytes) -> None:
        """Keeps the last chunks of it for a later judgement."""
    def process(self, pcm: bytes) -> float | None:
        """The highest probability of a voice in the chunks that these samples complete; None: in none."""
    @property
    def nbytes(self) -> int: ...

def benchmark(
    pcm_8khz: bytes, weights: SileroWeights | None = None, frames: int = 2000
) -> dict[str, float]: ...
