"""Tones with a cadence: the right sines, no clicks, the same in any pieces."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediasrv_native.tones import Tones
from tests.reference import sounds
from tests.reference import tones as oracle


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


some_tones = st.builds(
    oracle.Tone,
    rate_hz=st.sampled_from([8_000, 16_000, 24_000, 48_000]),
    hz=st.tuples(st.floats(20, 3_900, width=32), st.one_of(st.just(0.0), st.floats(20, 3_900, width=32))),
    dbfs=st.tuples(st.floats(-60, -6.1), st.floats(-60, -6.1)),
    on_ms=st.integers(10, 300),
    off_ms=st.one_of(st.just(0), st.integers(1, 200)),
    total_ms=st.one_of(st.just(0), st.integers(1, 900)),
)


@given(some_tones, st.integers(0, 20_000))
@settings(deadline=None)
def test_every_tone_is_its_formula(tone: oracle.Tone, n: int) -> None:
    kernel = Tones(tone.rate_hz, tone.hz, tone.dbfs, tone.on_ms, tone.off_ms, tone.total_ms)
    assert np.abs(made(kernel, n) - oracle.made(tone, n)).max(initial=0) < 2


anything = st.floats(width=32)


@given(
    st.integers(-1, 96_000),
    st.tuples(anything, anything),
    st.tuples(anything, anything),
    st.integers(0, 65_535),
)
@settings(deadline=None)
def test_whatever_is_asked_for_is_refused_or_made(
    rate_hz: int, hz: tuple[float, float], dbfs: tuple[float, float], on_ms: int
) -> None:
    for asked in (((440, 480), dbfs), (hz, (-9, -9)), (hz, dbfs)):
        with contextlib.suppress(ValueError):
            assert len(Tones(rate_hz, *asked, on_ms).process(480)[0]) == 960


@given(st.lists(st.integers(0, 500), max_size=12))
@settings(deadline=None)
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
