"""Tones with a cadence: the right sines, no clicks, the same in any pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv_native.tones import Tones
from tests.reference import sounds


def made(tones: Tones, n: int) -> sounds.Samples:
    return np.frombuffer(tones.process(n)[0], np.int16).astype(np.float64)


def test_between_the_edges_it_is_the_two_sines() -> None:
    pcm = made(Tones(8_000, (440, 480), (-12, -12), 500), 4_000)
    at = np.arange(4_000) / 8_000
    wanted = sounds.amplitude(-12) * (np.sin(2 * np.pi * 440 * at) + np.sin(2 * np.pi * 480 * at))
    assert np.max(np.abs(pcm - wanted)[32:]) < 3


def test_the_cadence_is_kept_and_the_end_is_silent() -> None:
    tones = Tones(8_000, (425, 0), (-10, 0), 100, 50, 400)
    pcm, sounding = tones.process(4_000)
    loud = np.abs(np.frombuffer(pcm, np.int16).reshape(-1, 80)).max(axis=1) > 1_000
    assert sounding == 3_200
    assert loud.tolist() == ([True] * 10 + [False] * 5) * 2 + [True] * 10 + [False] * 10


def test_no_edge_clicks() -> None:
    pcm = made(Tones(8_000, (425, 0), (0, 0), 33, 20, 200), 2_000)
    steepest_of_the_sine = 2 * np.pi * 425 / 8_000 * 32_768
    assert np.max(np.abs(np.diff(pcm, prepend=0, append=0))) < 1.1 * steepest_of_the_sine


@given(st.lists(st.integers(0, 500), max_size=12))
def test_pieces_change_nothing(pieces: list[int]) -> None:
    whole, parts = (Tones(16_000, (350, 440), (-9, -13), 30, 10, 110) for _ in range(2))
    assert b"".join(parts.process(n)[0] for n in pieces) == whole.process(sum(pieces))[0]


@pytest.mark.parametrize(
    ("rate_hz", "hz", "dbfs"),
    [
        (11_025, (440, 0), (-9, 0)), (8_000, (0, 440), (-9, -9)), (8_000, (4_000, 0), (-9, 0)),
        (8_000, (440, 480), (-3, -3)), (8_000, (float("nan"), 0), (-9, 0)),
        (8_000, (440, 0), (float("inf"), 0)), (8_000, (440, -5), (-9, -9)), (8_000, (440, 0), (1, 0)),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_refused(
    rate_hz: int, hz: tuple[float, float], dbfs: tuple[float, float]
) -> None:
    with pytest.raises(ValueError, match="range"):
        Tones(rate_hz, hz, dbfs, 100)
