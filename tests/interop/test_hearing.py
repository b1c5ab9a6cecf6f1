"""What the tests of sound take for a tone."""

from __future__ import annotations

from array import array

import pytest

from tests.interop.sound import tone, tone_share, tone_share_by_looks

HZ, RATE_HZ, FRAME = 440, 8_000, 160


@pytest.mark.parametrize("missing_ms", [20, 40, 60, 80, 100, 140, 200])
def test_a_hole_is_missed_by_looks_as_it_is_in_the_whole(missing_ms: int) -> None:
    pcm, hole = tone(HZ, 0.2), missing_ms * RATE_HZ // 1_000
    for at in range(0, len(pcm) - hole + 1, FRAME):
        torn = pcm[:at] + array("h", [0] * hole) + pcm[at + hole :]
        whole = tone_share(torn, HZ, RATE_HZ)
        assert tone_share_by_looks(torn, HZ, RATE_HZ) == pytest.approx(whole, abs=0.02)


@pytest.mark.parametrize("at", range(FRAME, 1_600, FRAME))
def test_a_frame_that_is_left_out_is_no_hole(at: int) -> None:
    pcm = tone(HZ, 0.22)
    torn = pcm[:at] + pcm[at + FRAME :]
    assert len(torn) == 1_600
    assert tone_share_by_looks(torn, HZ, RATE_HZ) > 0.8


@pytest.mark.parametrize("at", range(FRAME, 1_440, FRAME))
def test_a_frame_that_is_played_twice_is_no_hole(at: int) -> None:
    pcm = tone(HZ, 0.18)
    torn = pcm[:at] + pcm[at - FRAME :]
    assert len(torn) == 1_600
    assert tone_share_by_looks(torn, HZ, RATE_HZ) > 0.8


def test_another_tone_and_silence_are_not_it() -> None:
    assert tone_share_by_looks(tone(700, 0.2), HZ, RATE_HZ) < 0.1
    assert tone_share_by_looks(array("h", [0] * 1_600), HZ, RATE_HZ) == 0
