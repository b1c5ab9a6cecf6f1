"""What is heard while a reply is long in coming: first words, then a soft tone, and nothing once the reply sounds.

The turn table says when a silence has lasted, and never says so while the caller speaks. Here is only what is done
against it: a line that is ready is said between two passages; after the lines comes the tone, behind the voice, which
ends when a passage begins, when the caller speaks and when the turn is over.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from functools import cache

from mediasrv.call.settings import Masking
from mediasrv.media import Clip, StreamFace

TONE_HZ, RATE_HZ = 400, 8_000
PERIOD_S, SOUND_S = 1.4, 0.25  # no silence between two is longer than is bearable
AMPLITUDE = 1_000  # -33 dBFS: there, and not in the way


@dataclass(slots=True)
class HoldSound:
    """The tone behind one turn's voice."""

    stream: StreamFace
    sounds: bool = False

    def start(self) -> None:
        if not self.sounds:
            self.sounds = True
            self.stream.background(hold_tone())  # fades in 20 ms: it ends with its turn, in the same tick

    def stop(self) -> None:
        if self.sounds:
            self.sounds = False
            self.stream.background(None)


def line_for(masking: Masking, turn: int, step: int) -> str:
    """What is said at this step; nothing: it is time for the tone."""
    lines = (masking.acknowledgement,) if masking.acknowledge_ms else ()
    if masking.fillers:  # another one each time, or it sounds like a machine
        lines = (*lines, masking.fillers[turn % len(masking.fillers)])
    return lines[step] if step < len(lines) else ""


def lines_of(masking: Masking) -> tuple[str, ...]:
    if not masking.enabled:
        return ()
    return (*((masking.acknowledgement,) if masking.acknowledge_ms else ()), *masking.fillers)


@cache
def hold_tone() -> Clip:
    """A soft bell every 1.4 s, to be looped: it ends in silence."""
    length = round(SOUND_S * RATE_HZ)
    bell = (
        AMPLITUDE * math.sin(math.pi * k / length) * math.sin(2 * math.pi * TONE_HZ * k / RATE_HZ)
        for k in range(length)
    )
    samples = array("h", [round(value) for value in bell])
    samples.extend([0] * (round(PERIOD_S * RATE_HZ) - length))
    return Clip(samples.tobytes(), RATE_HZ)
