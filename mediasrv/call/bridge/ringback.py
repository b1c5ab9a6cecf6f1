"""What a caller hears while the other side rings: the tone of a country, made once."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Literal, NamedTuple

from mediasrv.media import Clip

RATE_HZ = 8_000
AMPLITUDE = 3_300  # each frequency at -20 dBFS
RAMP_S = 0.005  # a tone that begins at once clicks

Country = Literal["eu", "gb", "us"]


class Cadence(NamedTuple):
    """ITU-T E.180: frequencies at once, and how long there is sound and silence in turn."""

    frequencies_hz: tuple[int, ...]
    on_off_s: tuple[float, ...]


CADENCES: Mapping[Country, Cadence] = MappingProxyType(
    {
        "eu": Cadence((425,), (1.0, 4.0)),
        "gb": Cadence((400, 450), (0.4, 0.2, 0.4, 2.0)),
        "us": Cadence((440, 480), (2.0, 4.0)),
    }
)


@cache
def ringback(country: Country) -> Clip:
    """One period, to be looped: it ends in silence."""
    frequencies_hz, on_off_s = CADENCES[country]
    samples = array("h")
    for place, length_s in enumerate(on_off_s):
        count = round(length_s * RATE_HZ)
        samples.extend([0] * count if place % 2 else _tones(frequencies_hz, count))
    return Clip(samples.tobytes(), RATE_HZ)


def _tones(frequencies_hz: tuple[int, ...], count: int) -> list[int]:
    ramp = RAMP_S * RATE_HZ
    sums = (
        sum(math.sin(2 * math.pi * hz * k / RATE_HZ) for hz in frequencies_hz) * AMPLITUDE
        for k in range(count)
    )
    return [round(value * min(1.0, k / ramp, (count - k) / ramp)) for k, value in enumerate(sums)]
