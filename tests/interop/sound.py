"""What a recording contains, by Goertzel's filter: enough to tell a tone from silence, noise and another tone."""

from __future__ import annotations

import math
import struct
import wave
from array import array
from pathlib import Path

WAV_HEADER_BYTES, RATE_AT = 44, 24
LOOK_MS = 40


def tone(hz: float, seconds: float, *, rate_hz: int = 8_000, amplitude: float = 8_000) -> array[int]:
    step = 2 * math.pi * hz / rate_hz
    return array("h", (round(amplitude * math.sin(step * k)) for k in range(int(seconds * rate_hz))))


def write_wav(file: Path, samples: array[int], rate_hz: int = 8_000) -> None:
    with wave.open(str(file), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(rate_hz)
        wav.writeframes(samples.tobytes())


def read_wav(file: Path) -> tuple[array[int], int]:
    with wave.open(str(file), "rb") as wav:
        assert (wav.getnchannels(), wav.getsampwidth()) == (1, 2)
        return array("h", wav.readframes(wav.getnframes())), wav.getframerate()


def tone_share(samples: array[int], hz: float, rate_hz: int) -> float:
    """How much of the power lies at one frequency, 0 to 1."""
    power = sum(sample * sample for sample in samples)
    if not power:
        return 0.0
    twice_cosine, before, last = 2 * math.cos(2 * math.pi * hz / rate_hz), 0.0, 0.0
    for sample in samples:
        before, last = last, sample + twice_cosine * last - before
    at_hz = last * last + before * before - twice_cosine * last * before
    return 2 * at_hz / (len(samples) * power)


def blocks(samples: array[int], rate_hz: int, block_ms: int = 200) -> list[array[int]]:
    length = rate_hz * block_ms // 1000
    return [samples[at : at + length] for at in range(0, len(samples) - length + 1, length)]


def tone_share_by_looks(samples: array[int], hz: float, rate_hz: int) -> float:
    """The mean of short looks: silence counts as in the whole, a jump of the phase only where it is.

    A telephone that is held up leaves out a frame of what came, or plays one twice; over 200 ms that may look like
    half of the tone, and none of it is missing.
    """
    looks = blocks(samples, rate_hz, LOOK_MS)
    return sum(tone_share(look, hz, rate_hz) for look in looks) / len(looks)


def seconds_of_tone(samples: array[int], hz: float, rate_hz: int) -> float:
    """For how long the tone is nearly all that is heard; a telephone that is held up tears small holes into it."""
    looks = blocks(samples, rate_hz, LOOK_MS)
    return LOOK_MS / 1_000 * sum(tone_share(block, hz, rate_hz) > 0.8 for block in looks)


class Listener:
    """How much of a tone a recording has while it is written; what was listened to is not listened to again."""

    def __init__(self, file: Path, hz: float) -> None:
        self._file, self._hz = file, hz
        self._at, self._blocks = WAV_HEADER_BYTES, 0

    def seconds(self) -> float:
        whole = self._file.read_bytes() if self._file.exists() else b""
        if len(whole) < WAV_HEADER_BYTES:
            return 0.0
        (rate_hz,) = struct.unpack_from("<I", whole, RATE_AT)  # the length beside it is written at the end
        new = whole[self._at : len(whole) - len(whole) % 2]
        for block in blocks(array("h", new), rate_hz):
            self._at += 2 * len(block)
            self._blocks += tone_share(block, self._hz, rate_hz) > 0.8
        return 0.2 * self._blocks


def loudness_dbfs(samples: array[int]) -> float:
    power = sum(sample * sample for sample in samples) / max(1, len(samples))
    return 10 * math.log10(power / 32_768**2) if power else -96.0
