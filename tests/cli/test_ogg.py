"""The small files of sound that documents are given."""

from __future__ import annotations

import numpy as np

from tests.reference import ogg
from tools.demo_call.ogg import FRAME_SAMPLES, RATE_HZ, opus_file


def test_an_opus_file_is_read_by_another_reader_and_sounds_as_long_as_what_went_in() -> None:
    seconds = np.arange(RATE_HZ * 3 + 7) / RATE_HZ
    tone = (8_000 * np.sin(2 * np.pi * 440 * seconds)).astype(np.int16)
    written = opus_file(tone.tobytes())
    head, tags, *pages = ogg.pages(written)
    assert (head.flags, head.packets[0][:8], tags.packets[0][:8]) == (ogg.FIRST, b"OpusHead", b"OpusTags")
    assert [page.number for page in pages] == list(range(2, 2 + len(pages)))
    assert pages[-1].flags == ogg.LAST
    heard = np.asarray(ogg.decoded(written)).ravel()
    assert 0 <= len(heard) - len(tone) <= FRAME_SAMPLES
    middle = heard[RATE_HZ : 2 * RATE_HZ].astype(np.float64)
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 440
