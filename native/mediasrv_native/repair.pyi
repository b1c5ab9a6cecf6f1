"""Concealment of lost audio (native/c/kernels/ms_conceal.h): audio as bytes of int16."""

from collections.abc import Mapping
from typing import Final

METHODS: Final[Mapping[str, int]]  # waveform, repeat, linear, spectral, auto

class Concealer:
    def __init__(self, rate_hz: int, method: int = 0) -> None: ...
    def good(self, pcm: bytes) -> bytes:
        """The same sound; merged with what was made up when a gap is before it."""
    def lost(self, samples: int) -> bytes: ...
    @property
    def loss(self) -> float:
        """Recent share of lost samples, 0-1."""

def benchmark(pcm_8khz: bytes, frames: int = 2000) -> dict[str, float]: ...
