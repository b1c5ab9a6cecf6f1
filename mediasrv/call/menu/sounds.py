"""What is heard besides a voice: files, and a melody to hold the line with."""

from __future__ import annotations

import math
import wave
from array import array
from functools import cache
from pathlib import Path

from mediasrv.audio import BYTES_PER_SAMPLE
from mediasrv.errors import ConfigError
from mediasrv.media import Clip

LONGEST_S = 600  # a sound is kept in memory, for all calls together
RATES_HZ = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)  # that the engine resamples from

MELODY_RATE_HZ = 8_000
NOTE_S = 0.5
NOTES_HZ = (262, 330, 392, 523, 392, 330, 294, 349, 440, 349, 294, 247)
AMPLITUDE = 9_000


def read_wav(path: Path) -> Clip:
    """A WAV file of 16-bit mono PCM; ConfigError says what is wrong with it."""
    try:
        with wave.open(str(path), "rb") as file:
            form = file.getnchannels(), file.getsampwidth(), file.getframerate()
            if form[:2] != (1, BYTES_PER_SAMPLE) or form[2] not in RATES_HZ:
                rates = ", ".join(str(rate) for rate in RATES_HZ)
                raise ConfigError("file", f"must be 16-bit mono PCM at {rates} Hz", value=str(path))
            if file.getnframes() > LONGEST_S * form[2]:
                raise ConfigError("file", f"must not be longer than {LONGEST_S} s", value=str(path))
            pcm = file.readframes(file.getnframes())
    except OSError as error:
        raise ConfigError("file", f"cannot be read: {error.strerror}", value=str(path)) from error
    except (wave.Error, EOFError) as error:
        raise ConfigError("file", f"is not a WAV file: {error}", value=str(path)) from error
    if not pcm:
        raise ConfigError("file", "has no sound in it", value=str(path))
    return Clip(pcm, form[2])


@cache
def melody() -> Clip:
    """Hold music: broken chords, whose end meets their beginning, because each note falls silent before the next."""
    count = round(NOTE_S * MELODY_RATE_HZ)
    samples = array("h")
    for note_hz in NOTES_HZ:
        step = 2 * math.pi * note_hz / MELODY_RATE_HZ
        swell = (math.sin(math.pi * k / count) ** 2 for k in range(count))
        samples.extend(round(AMPLITUDE * loud * math.sin(step * k)) for k, loud in enumerate(swell))
    return Clip(samples.tobytes(), MELODY_RATE_HZ)
