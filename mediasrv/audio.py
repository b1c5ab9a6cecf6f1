"""What all rooms agree on about sound: 16-bit little-endian mono PCM, in frames of 20 ms."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

PTIME_MS = 20
EARS_RATE_HZ = 16_000
BYTES_PER_SAMPLE = 2


def samples_in(ms: float, rate_hz: int) -> int:
    return round(ms * rate_hz / 1000)


def duration_ms(pcm: bytes, rate_hz: int) -> float:
    return len(pcm) / BYTES_PER_SAMPLE * 1000 / rate_hz


class Span(msgspec.Struct, frozen=True, gc=False):
    """A run of heard audio with one origin; `rtp_extended` in the codec's clock, `at_ns` on ours.

    A Struct, because every call has 50 of them a second, and a dataclass takes ten times as long to be made.
    """

    rtp_extended: int
    at_ns: int
    samples: int
    concealed: bool = False
    masked: bool = False
    speech: bool = False
    resync: bool = False
    quiet: bool = False  # the sender was silent on purpose: nothing is missing


@dataclass(frozen=True, slots=True)
class EarsChunk:
    """Heard audio: 16 kHz PCM and the spans that make it up, in order; `at_ns` is the last packet's arrival."""

    pcm: bytes
    spans: tuple[Span, ...]

    @property
    def at_ns(self) -> int:
        return self.spans[-1].at_ns if self.spans else 0

    @property
    def speech(self) -> bool:
        return any(span.speech for span in self.spans)
