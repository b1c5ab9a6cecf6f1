"""The table of keys in band: what is taken for one and is none, and what is one and is missed.

*Talk-off*: half an hour each of speech, of music and of several talking at once. Speech is of as many voices as the
machine has; espeak-ng reads the same sentences as nineteen languages would, in several timbres, which makes vowels that
no English has. Every key told is a false one.

*Told*: keys of 50 ms with pauses of 50 ms, 10 ms more than the shortest that ITU-T Q.24 asks for, clean and with what a
line does to them. One that is told once and rightly counts.

Beside ours stands spandsp's detector, as many telephone systems use it, where the library is installed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from ctypes.util import find_library
from itertools import cycle, islice, product
from shutil import which

import numpy as np

from mediasrv.bench.quality import material
from mediasrv.bench.quality.material import Samples
from mediasrv.bench.quality.table import Case, Figures, Plan, Table
from mediasrv_native.tones import Detector

RATE_HZ, FRAME = 8_000, 160
TALK_OFF_S, BRIEF_TALK_OFF_S, PIECE_S = 1_800.0, 120.0, 20.0
KEYS, BRIEF_KEYS, KEY_S = 1_600, 160, 0.05
LANGUAGES = (
    "en-gb", "en-us", "de", "fr", "it", "es", "pt", "nl", "sv", "pl",
    "ru", "tr", "fi", "cs", "el", "ro", "hu", "da", "nb",
)  # fmt: skip
TIMBRES = ("", "+f1", "+f3", "+f5", "+m2", "+m5")
LOW_HZ, HIGH_HZ = (697, 770, 852, 941), (1_209, 1_336, 1_477, 1_633)
KEYPAD = ("123A", "456B", "789C", "*0#D")
SYMBOLS = "0123456789*#ABCD"  # by RFC 4733's numbers
LEVEL_DBFS = -16.0  # of each tone

Finder = Callable[[Samples], str]


# ---- contenders ----------------------------------------------------------------------------------------------------


def ours(pcm: Samples) -> str:
    detector, octets, size = Detector(RATE_HZ), pcm.tobytes(), 2 * FRAME
    told = (detector.process(octets[at : at + size]) for at in range(0, len(octets), size))
    return "".join(SYMBOLS[key[0]] for key in told if key is not None)


def spandsp_of(library: ctypes.CDLL) -> Finder:
    library.dtmf_rx_init.restype = ctypes.c_void_p

    def spandsp(pcm: Samples) -> str:
        state, digits = (
            ctypes.c_void_p(library.dtmf_rx_init(None, None, None)),
            ctypes.create_string_buffer(128),
        )
        found = []
        for at in range(0, len(pcm), FRAME):
            part = pcm[at : at + FRAME].tobytes()
            library.dtmf_rx(state, part, len(part) // 2)
            library.dtmf_rx_get(state, digits, len(digits) - 1)
            found.append(digits.value.decode("ascii"))
        library.dtmf_rx_free(state)
        return "".join(found)

    return spandsp


def contenders() -> Mapping[str, Finder]:
    name = find_library("spandsp")
    return {"ours": ours} | ({"spandsp": spandsp_of(ctypes.CDLL(name))} if name else {})


# ---- what is no key ------------------------------------------------------------------------------------------------


def voices() -> Sequence[str]:
    espeak = [f"espeak:{language}{timbre}" for timbre, language in product(TIMBRES, LANGUAGES)]
    return (*material.voices(), *(espeak if which("espeak-ng") else ()))


def speech(seconds: float, seed: int) -> Iterator[Samples]:
    for number, voice in enumerate(islice(cycle(voices()), round(seconds / PIECE_S))):
        yield material.speech(voice, RATE_HZ, PIECE_S, seed + number)


def music(seconds: float, seed: int) -> Iterator[Samples]:
    return (material.music(RATE_HZ, PIECE_S, seed + k) for k in range(round(seconds / PIECE_S)))


def babble(seconds: float, seed: int) -> Iterator[Samples]:
    count = round(seconds / PIECE_S)
    return (material.babble(RATE_HZ, PIECE_S, seed + k, -24, talkers=2 + k % 4) for k in range(count))


def talk_off_case(name: str, pieces: Iterator[Samples], finders: Mapping[str, Finder]) -> Case:
    sound = np.concatenate(list(pieces))
    minutes = len(sound) / RATE_HZ / 60
    figures: dict[str, Figures] = {
        who: {"false_keys": len(find(sound)), "minutes": round(minutes, 1)} for who, find in finders.items()
    }
    return Case(f"talk-off: {name}", figures)


# ---- what is one ---------------------------------------------------------------------------------------------------


def pressed(symbol: str, *, off: float = 1.0, high_db: float = 0.0) -> Samples:
    """A key and its pause; `off` by so much, the high tone louder by so many dB."""
    row = next(k for k, keys in enumerate(KEYPAD) if symbol in keys)
    at = np.arange(round(KEY_S * RATE_HZ)) / RATE_HZ
    low = np.sin(2 * np.pi * LOW_HZ[row] * off * at)
    high = np.sin(2 * np.pi * HIGH_HZ[KEYPAD[row].index(symbol)] * off * at) * 10 ** (high_db / 20)
    loudest = 32_768 * np.sqrt(2) * 10 ** (LEVEL_DBFS / 20) * 10 ** (-max(high_db, 0) / 20)
    return material.to_int16(np.concatenate([(low + high) * loudest, np.zeros(len(at))]))


def told_case(
    name: str,
    finders: Mapping[str, Finder],
    plan: Plan,
    *,
    off: float = 1.0,
    high_db: float = 0.0,
    snr_db: float = 60.0,
) -> Case:
    chance = np.random.default_rng(plan.seed)
    symbols = [SYMBOLS[k] for k in chance.integers(16, size=BRIEF_KEYS if plan.brief else KEYS)]
    line = np.concatenate([pressed(symbol, off=off, high_db=high_db) for symbol in symbols])
    heard = material.mixed(line, material.white(RATE_HZ, 30, plan.seed), snr_db, RATE_HZ)
    length = len(heard) // len(symbols)
    figures: dict[str, Figures] = {}
    for who, find in finders.items():
        silence = np.zeros(RATE_HZ // 10, np.int16)
        each = [
            find(np.concatenate([heard[k * length : (k + 1) * length], silence])) for k in range(len(symbols))
        ]
        right = sum(told == symbol for told, symbol in zip(each, symbols, strict=True))
        figures[who] = {"told_share": round(right / len(symbols), 4)}
    return Case(f"keys: {name}", figures)


# ---- the table -----------------------------------------------------------------------------------------------------


def run(plan: Plan) -> Table:
    finders, seconds = contenders(), BRIEF_TALK_OFF_S if plan.brief else TALK_OFF_S
    talk_off = [
        talk_off_case("speech", speech(seconds, plan.seed), finders),
        talk_off_case("music", music(seconds, plan.seed), finders),
        talk_off_case("babble", babble(seconds, plan.seed), finders),
    ]
    told = [
        told_case("clean", finders, plan),
        told_case("1.5 % too high", finders, plan, off=1.015),
        told_case("1.5 % too low", finders, plan, off=0.985),
        told_case("high tone 3 dB louder", finders, plan, high_db=3),
        told_case("high tone 7 dB softer", finders, plan, high_db=-7),
        told_case("noise at 20 dB", finders, plan, snr_db=20),
        told_case("noise at 15 dB", finders, plan, snr_db=15),
    ]
    false_keys = sum(case.contenders["ours"]["false_keys"] for case in talk_off)
    least_told = min(case.contenders["ours"]["told_share"] for case in told)
    summary = {
        "false_keys": int(false_keys),
        "told_share_worst": least_told,
        "talk_off_reached": false_keys == 0,
    }
    return Table("keys", (*talk_off, *told), summary)
