"""Concealment of lost audio and comfort noise (native/c/kernels/ms_conceal.h, ms_comfort.h): audio as bytes of int16."""

from collections.abc import Mapping
from typing import Final, NamedTuple

METHODS: Final[Mapping[str, int]]  # waveform, repeat, linear, spectral, auto

class Noise(NamedTuple):
    power: float  # per sample
    reflections: tuple[float, ...]  # up to eight, at the rate of whoever uses it

class Concealer:
    def __init__(self, rate_hz: int, method: int = 0) -> None: ...
    def good(self, pcm: bytes) -> bytes:
        """The same sound; merged with what was made up when a gap is before it."""
    def lost(self, samples: int) -> bytes: ...
    def told(self, noise: Noise) -> None:
        """What the line's quiet is like, as the other side says."""
    @property
    def loss(self) -> float:
        """Recent share of lost samples, 0-1."""

def comfort_parse(payload: bytes) -> Noise:
    """RFC 3389; NativeError when there is nothing."""

def comfort_write(noise: Noise) -> bytes: ...
def comfort_at_rate(noise: Noise, from_hz: int, to_hz: int) -> Noise: ...

class ComfortGenerator:
    def __init__(self, rate_hz: int, seed: int = 1) -> None: ...
    def aim(self, noise: Noise) -> None:
        """At once the first time, then gliding."""
    def make(self, samples: int) -> bytes: ...

class ComfortListener:
    def __init__(self, rate_hz: int) -> None: ...
    def listen(self, pcm: bytes) -> None: ...
    def told(self, noise: Noise) -> None: ...
    def learnt(self) -> Noise: ...

class ComfortSender:
    """Of silence at rate_hz, described for a codec of codec_hz."""

    def __init__(self, rate_hz: int, codec_hz: int) -> None: ...
    def describe(self, pcm: bytes) -> bytes | None:
        """10 to 60 ms of silence; the payload to send now, or None."""
    def interrupt(self) -> None: ...

def benchmark(pcm_8khz: bytes, frames: int = 2000) -> dict[str, float]: ...
