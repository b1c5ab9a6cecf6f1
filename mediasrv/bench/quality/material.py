"""What is said and what disturbs it: speech of several voices, synthesised by the bench itself, and noises.

Voices are flite's and espeak-ng's where the programs are installed (they sound unlike each other, which is the point),
and the built-in one in any case. Everything is the same for the same arguments on the same machine. Samples are int16
in numpy arrays; levels are dBFS, 0 being a full-scale square wave.
"""

from __future__ import annotations

import functools
import io
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mediasrv.providers.formant import speak
from mediasrv_native.kernels import Resampler

Samples = NDArray[np.int16]
Sound = NDArray[np.int16] | NDArray[np.float64]

SPEECH_DBFS = -24.0  # active speech level, about what telephones send
ACTIVE_BELOW_PEAK_DB = 30.0  # a frame softer than the loudest by more is a pause
ACTIVITY_MS = 10
PAUSE_S = 0.35
FLITE_VOICES = ("slt", "rms", "awb", "kal16")
ESPEAK_VOICES = ("en-gb", "en-us+f3", "en-gb-scotland+m5")
SENTENCES = (
    "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.",
    "It is easy to tell the depth of a well.",
    "These days a chicken leg is a rare dish.",
    "Rice is often served in round bowls.",
    "The juice of lemons makes fine punch.",
    "The box was thrown beside the parked truck.",
    "Four hours of steady work faced us.",
    "A large size in stockings is hard to sell.",
    "The boy was there when the sun rose.",
    "A rod is used to catch pink salmon.",
    "The source of the huge river is the clear spring.",
    "Kick the ball straight and follow through.",
    "Help the woman get back to her feet.",
    "A pot of tea helps to pass the evening.",
    "Smoky fires lack flame and heat.",
    "The soft cushion broke the man's fall.",
    "The salt breeze came across from the sea.",
    "The girl at the booth sold fifty bonds.",
    "My order number is seven, three, nine, five.",
)  # the Harvard sentences (IEEE 297-1969), lists 1 and 2, and one of ours


def voices() -> tuple[str, ...]:
    """Those that this machine has: `flite:slt`, `espeak:en-gb`, `built-in:low` and the like."""
    found = [f"flite:{name}" for name in FLITE_VOICES if shutil.which("flite")]
    found += [f"espeak:{name}" for name in ESPEAK_VOICES if shutil.which("espeak-ng")]
    return tuple(found) or ("built-in:low", "built-in:mid", "built-in:high")


# ---- speech --------------------------------------------------------------------------------------------------------


def speech(voice: str, rate_hz: int, seconds: float, seed: int = 1) -> Samples:
    """That long, sentence after sentence with short pauses, at SPEECH_DBFS."""
    order = np.random.default_rng(seed).permutation(len(SENTENCES))
    pause = np.zeros(round(PAUSE_S * rate_hz), np.int16)
    pieces: list[Samples] = []
    while sum(map(len, pieces)) < seconds * rate_hz:
        sentence = SENTENCES[order[len(pieces) // 2 % len(order)]]
        pieces += [said(voice, sentence, rate_hz), pause]
    return at_level(np.concatenate(pieces)[: round(seconds * rate_hz)], rate_hz, SPEECH_DBFS)


def sentence(voice: str, rate_hz: int, number: int) -> Samples:
    """One of SENTENCES, by its number."""
    return said(voice, SENTENCES[number % len(SENTENCES)], rate_hz)


@functools.cache
def said(voice: str, sentence: str, rate_hz: int) -> Samples:
    engine, _, name = voice.partition(":")
    if engine == "built-in":
        return np.frombuffer(speak(sentence, rate_hz, name).pcm, np.int16)
    spoken, spoken_hz = (_flite if engine == "flite" else _espeak)(name, sentence)
    if spoken_hz == rate_hz:
        return spoken
    return np.frombuffer(Resampler(spoken_hz, rate_hz).process(spoken.tobytes()), np.int16)


def _flite(name: str, sentence: str) -> tuple[Samples, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["flite", "-voice", name, "-t", sentence, "-o", str(path)], check=True)
        return _wav(path.read_bytes())


def _espeak(name: str, sentence: str) -> tuple[Samples, int]:
    said = subprocess.run(["espeak-ng", "-v", name, "--stdout", sentence], check=True, stdout=subprocess.PIPE)
    return _wav(said.stdout)


def _wav(data: bytes) -> tuple[Samples, int]:
    with wave.open(io.BytesIO(data)) as file:
        return np.frombuffer(file.readframes(file.getnframes() or 2**30), np.int16), file.getframerate()


# ---- levels --------------------------------------------------------------------------------------------------------


def dbfs(samples: Sound) -> float:
    power = float(np.mean(np.square(samples.astype(np.float64)))) if len(samples) else 0.0
    return 10 * np.log10(power / 32_768.0**2) if power > 0 else -120.0


def active(samples: Sound, rate_hz: int) -> NDArray[np.bool_]:
    """For each 10 ms, whether something is said."""
    frame = rate_hz * ACTIVITY_MS // 1000
    whole = samples[: len(samples) // frame * frame].astype(np.float64).reshape(-1, frame)
    levels = 10 * np.log10(np.mean(np.square(whole), axis=1) + 1e-9)
    loud: NDArray[np.bool_] = levels > levels.max() - ACTIVE_BELOW_PEAK_DB
    return loud


def active_dbfs(samples: Sound, rate_hz: int) -> float:
    """The level of what is said, pauses left out (ITU-T P.56 in spirit)."""
    said = np.repeat(active(samples, rate_hz), rate_hz * ACTIVITY_MS // 1000)
    return dbfs(samples[: len(said)][said])


def at_level(samples: Sound, rate_hz: int, level_dbfs: float) -> Samples:
    gain = 10 ** ((level_dbfs - active_dbfs(samples, rate_hz)) / 20)
    return to_int16(samples.astype(np.float64) * gain)


def to_int16(samples: Sound) -> Samples:
    return np.clip(np.rint(samples), -32_768, 32_767).astype(np.int16)


def mixed(said: Samples, noise: Sound, snr_db: float, rate_hz: int) -> Samples:
    """Speech in noise, at a ratio counted over what is said; the noise is repeated when it is shorter."""
    laid = np.resize(noise.astype(np.float64), len(said))
    gain = 10 ** ((active_dbfs(said, rate_hz) - snr_db - dbfs(laid)) / 20)
    return to_int16(said + laid * gain)


# ---- what disturbs -------------------------------------------------------------------------------------------------


def _shaped(
    rate_hz: int, seconds: float, seed: int, slope_db_per_octave: float, low_hz: float = 20
) -> NDArray[np.float64]:
    """Gaussian noise whose power falls off by so much; below `low_hz` there is nothing."""
    n = round(rate_hz * seconds)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(n))
    hz = np.fft.rfftfreq(n, 1 / rate_hz)
    weights = np.where(hz >= low_hz, (np.maximum(hz, low_hz) / 1_000) ** (slope_db_per_octave / 6.02), 0)
    return np.fft.irfft(spectrum * weights, n)


def _scaled(samples: NDArray[np.float64], level_dbfs: float) -> Samples:
    return to_int16(samples * 10 ** ((level_dbfs - dbfs(samples)) / 20))


def white(rate_hz: int, seconds: float, seed: int = 1, level_dbfs: float = -40) -> Samples:
    return _scaled(_shaped(rate_hz, seconds, seed, 0), level_dbfs)


def pink(rate_hz: int, seconds: float, seed: int = 1, level_dbfs: float = -40) -> Samples:
    return _scaled(_shaped(rate_hz, seconds, seed, -3.01), level_dbfs)


def car(rate_hz: int, seconds: float, seed: int = 1, level_dbfs: float = -40) -> Samples:
    """Rumble: most of it below 300 Hz."""
    return _scaled(_shaped(rate_hz, seconds, seed, -9, low_hz=40), level_dbfs)


def babble(
    rate_hz: int, seconds: float, seed: int = 1, level_dbfs: float = -40, talkers: int = 12
) -> Samples:
    """Many at once, none to be understood."""
    names = voices()
    total = np.zeros(round(rate_hz * seconds))
    for k in range(talkers):
        said = speech(names[k % len(names)], rate_hz, min(seconds, 20), seed * 100 + k)
        total += np.roll(np.resize(said, len(total)), k * rate_hz * 7 // 5)
    return _scaled(total, level_dbfs)


def clicks(
    rate_hz: int, seconds: float, seed: int = 1, level_dbfs: float = -10, a_second: float = 2
) -> Samples:
    """Single cracks of a millisecond, at random."""
    chance = np.random.default_rng(seed)
    out = np.zeros(round(rate_hz * seconds))
    for at in chance.integers(0, len(out) - rate_hz // 500, round(seconds * a_second)):
        crack = chance.standard_normal(rate_hz // 1000) * np.linspace(1, 0, rate_hz // 1000)
        out[at : at + len(crack)] += crack
    return to_int16(out / np.abs(out).max() * 32_768 * 10 ** (level_dbfs / 20))


def tones(
    rate_hz: int, seconds: float, hz: Sequence[float], on_s: float, off_s: float, level_dbfs: float = -16
) -> Samples:
    """A signalling tone with its cadence, without clicks."""
    at = np.arange(round(rate_hz * seconds)) / rate_hz
    sound = sum((np.sin(2 * np.pi * f * at) for f in hz), np.zeros(len(at)))
    into = at % (on_s + off_s)
    gate = np.clip(np.minimum(into, on_s - into) / 0.005, 0, 1) if off_s else np.ones(len(at))
    return to_int16(sound / len(hz) * gate * 32_768 * np.sqrt(2) * 10 ** (level_dbfs / 20))


def music(rate_hz: int, seconds: float, seed: int = 1, level_dbfs: float = -24) -> Samples:
    """Chords with overtones and a beat, as hold music has them."""
    chance = np.random.default_rng(seed)
    at = np.arange(round(rate_hz * seconds)) / rate_hz
    out = np.zeros(len(at))
    for start in np.arange(0, seconds, 0.5):
        root = 220 * 2 ** (chance.integers(0, 12) / 12)
        sounding = slice(np.searchsorted(at, start), np.searchsorted(at, start + 1.2))
        into = at[sounding] - start
        swell = np.exp(-3 * into) * np.minimum(1, into * 50)
        for note in (root, root * 1.26, root * 1.5):
            out[sounding] += swell * sum(np.sin(2 * np.pi * note * k * at[sounding]) / k for k in (1, 2, 3))
    return _scaled(out, level_dbfs)
