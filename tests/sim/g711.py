"""G.711 mu-law for the simulated caller, from the standard's definition: a witness apart from the server's
own.

Tables are made once; a frame is then one `bytes.translate`, which keeps the caller cheap.
"""

from __future__ import annotations

from array import array
from functools import lru_cache

import numpy as np

RATE_HZ = 8_000
FRAME = 160  # samples, and bytes, in 20 ms
BIAS, CLIP = 132, 32_635
AUDIBLE = 300  # amplitude: about -41 dBFS, above comfort noise and below any voice


def _encode_table() -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """The code of every 16-bit sample, indexed by its value as unsigned."""
    sample = np.arange(65_536, dtype=np.int32).astype(np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(sample), CLIP) + BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (segment + 3)) & 0x0F
    sign = np.where(sample < 0, 0x80, 0)
    codes: np.ndarray[tuple[int], np.dtype[np.uint8]] = ~(sign | (segment << 4) | mantissa) & 0xFF
    return codes.astype(np.uint8)


def _decode(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + BIAS << (code >> 4 & 7)) - BIAS
    return -magnitude if code & 0x80 else magnitude


_ENCODE = _encode_table()
_QUIET = bytes(code for code in range(256) if abs(_decode(code)) < AUDIBLE)


@lru_cache(maxsize=256)
def encode(pcm: bytes) -> bytes:
    """16-bit PCM as mu-law."""
    codes: bytes = _ENCODE[np.frombuffer(pcm, dtype="<u2")].tobytes()
    return codes


def decode(payload: bytes) -> array[int]:
    return array("h", (_decode(code) for code in payload))


def audible(payload: bytes) -> bool:
    """A person would notice: some samples rise above what comfort noise ever does."""
    return len(payload.translate(None, _QUIET)) > FRAME // 40


_DECODED = np.array([_decode(code) for code in range(256)], dtype=np.int32)


def scaled(gain: float) -> bytes:
    """For `bytes.translate`: every code as it sounds when it is louder or softer by `gain`."""
    return encode((_DECODED * gain).astype("<i2").tobytes())


def mixed(one: bytes, other: bytes) -> bytes:
    """Both at once; as long as the shorter."""
    count = min(len(one), len(other))
    both = _DECODED[np.frombuffer(one[:count], np.uint8)] + _DECODED[np.frombuffer(other[:count], np.uint8)]
    codes: bytes = _ENCODE[both.clip(-CLIP, CLIP).astype("<i2").view("<u2")].tobytes()
    return codes


@lru_cache(maxsize=8)
def room_noise(seed: int, frames: int = 100, amplitude: float = 20.0) -> tuple[bytes, ...]:
    """The caller's room: frames of noise (faint, about -64 dBFS), to be sent round and round."""
    noise = np.random.default_rng(seed).normal(0.0, amplitude, frames * FRAME).astype("<i2")
    codes = encode(noise.tobytes())
    return tuple(codes[k * FRAME : (k + 1) * FRAME] for k in range(frames))
