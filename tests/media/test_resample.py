from __future__ import annotations

import math
from array import array

import pytest

from mediasrv.media import resampled

TONE_HZ, AMPLITUDE = 440, 8_000


def tone(rate_hz: int) -> bytes:
    step = 2 * math.pi * TONE_HZ / rate_hz
    return array("h", [round(AMPLITUDE * math.sin(step * k)) for k in range(rate_hz)]).tobytes()


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(22_050, 8_000), (8_000, 16_000), (24_000, 8_000), (8_000, 44_100)]
)
def test_a_second_stays_a_second_and_no_sound_of_it_is_late(from_hz: int, to_hz: int) -> None:
    came, meant = array("h", resampled(tone(from_hz), from_hz, to_hz)), array("h", tone(to_hz))
    assert len(came) == len(meant)
    half_a_sample = AMPLITUDE * 2 * math.pi * TONE_HZ / min(from_hz, to_hz) / 2
    inside = range(200, len(came) - 200)  # where the filter has all it reads
    assert max(abs(came[k] - meant[k]) for k in inside) < 1.1 * half_a_sample


def test_the_same_rate_and_no_sound_are_left_as_they_are() -> None:
    assert resampled(b"\1\0", 8_000, 8_000) == b"\1\0"
    assert resampled(b"", 8_000, 16_000) == b""
