"""Sound that says whose it is and when it was made.

Three tones at a time. Two of them, one of each bank, name the call, from its first sample to its last; the third is the
hand of a clock, which moves on every 60 ms and is where it was after 480 ms. So whoever hears 20 ms of it knows whether
they are a call's own, another's or nobody's, and whoever hears them in a row knows whether some are missing, stand
twice or came late: the clock jumps.

Every tone is a multiple of 50 Hz. In a window of 20 ms it has a whole number of periods, wherever the window begins, so
that the tones do not disturb each other and one matrix reads them all. All of them pass through the narrow band of a
telephone; companding puts its noise 30 dB and more below them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mediasrv.audio import EARS_RATE_HZ, PTIME_MS

STEP_HZ = 50
FIRST_BANK_HZ = tuple(range(300, 1_600, STEP_HZ))
SECOND_BANK_HZ = tuple(range(1_600, 2_900, STEP_HZ))
CLOCK_HZ = tuple(range(2_900, 3_300, STEP_HZ))
CALLS_MAX = len(FIRST_BANK_HZ) * len(SECOND_BANK_HZ)
HAND_MS = 60  # the clock stands still so long
TURN_MS = HAND_MS * len(CLOCK_HZ)
AMPLITUDE = 4_000  # of each tone: together they peak at -8.7 dBFS
SPEAKS_RATE_HZ = 8_000

FRAME = EARS_RATE_HZ * PTIME_MS // 1000
QUIET_POWER = (AMPLITUDE / 20) ** 2  # of a tone that is hardly there any more: -26 dB
PURE = 0.6  # of a bank's power that its strongest tone must have
_TONES_HZ = (*FIRST_BANK_HZ, *SECOND_BANK_HZ, *CLOCK_HZ)
_BANKS = (
    slice(0, len(FIRST_BANK_HZ)),
    slice(len(FIRST_BANK_HZ), len(FIRST_BANK_HZ) + len(SECOND_BANK_HZ)),
    slice(len(FIRST_BANK_HZ) + len(SECOND_BANK_HZ), len(_TONES_HZ)),
)
_PHASES = 2j * np.pi * np.outer(np.arange(FRAME), _TONES_HZ) / EARS_RATE_HZ
_READER = (np.exp(-_PHASES) * 2 / FRAME).astype(np.complex64)


@dataclass(frozen=True, slots=True)
class Frame:
    """What 20 ms of sound say."""

    call: int | None  # None: silence, or nothing that can be read
    hand: int | None  # None: it moves within this frame
    silent: bool = False


def turn_of(call: int) -> bytes:
    """A whole turn of the clock, at 8 kHz: said again and again it has no seam."""
    if not 0 <= call < CALLS_MAX:
        raise ValueError(f"there are {CALLS_MAX} calls that can be told apart")
    first, second = divmod(call, len(SECOND_BANK_HZ))
    at_s = np.arange(SPEAKS_RATE_HZ * TURN_MS // 1000) / SPEAKS_RATE_HZ
    hand = np.repeat(np.array(CLOCK_HZ), SPEAKS_RATE_HZ * HAND_MS // 1000)
    # Phases apart from each other, or the peaks of all calls would be as high as they can be.
    tones = (FIRST_BANK_HZ[first], 0.0), (SECOND_BANK_HZ[second], 2.0), (hand, 4.0)
    sound = sum(np.sin(2 * np.pi * hz * at_s + phase) for hz, phase in tones)
    samples: NDArray[np.int16] = np.round(AMPLITUDE * sound).astype("<i2")
    return samples.tobytes()


def read(pcm: bytes) -> list[Frame]:
    """What is heard at 16 kHz, in whole frames of 20 ms."""
    sound = np.frombuffer(pcm, "<i2").reshape(-1, FRAME).astype(np.float32)
    power = np.abs(sound @ _READER) ** 2
    first, second, hand = (_strongest(power[:, bank]) for bank in _BANKS)
    silent = power.sum(axis=1) < QUIET_POWER
    frames = []
    for one, two, three, nothing in zip(first, second, hand, silent, strict=True):
        known = one >= 0 and two >= 0
        call = one * len(SECOND_BANK_HZ) + two if known else None
        frames.append(Frame(call, three if three >= 0 else None, bool(nothing)))
    return frames


def _strongest(bank: NDArray[np.float32]) -> list[int]:
    """The tone that stands out of each frame; -1 where none does."""
    best = bank.argmax(axis=1)
    most = bank[np.arange(len(bank)), best]
    stands_out = (most > QUIET_POWER) & (most > PURE * bank.sum(axis=1))
    strongest: list[int] = np.where(stands_out, best, -1).tolist()
    return strongest
