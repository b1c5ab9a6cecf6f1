"""espeak-ng, where the extra `local` is installed."""

from __future__ import annotations

import pytest

from mediasrv.providers.espeak import EspeakVoice, is_installed

pytestmark = pytest.mark.skipif(not is_installed(), reason="the extra `local` is not installed")


async def test_it_says_where_its_words_lie() -> None:
    chunks = [chunk async for chunk in EspeakVoice().stream("Good day, my friend.", "en")]
    words = [word for chunk in chunks for word in chunk.words]
    assert [word.text.strip(",.") for word in words] == ["Good", "day", "my", "friend"]
    sound_ms = sum(len(chunk.pcm) for chunk in chunks) / 2 * 1000 / chunks[0].rate_hz
    assert sound_ms > 500
    assert [w.start_ms for w in words] == sorted(w.start_ms for w in words)
    assert words[-1].end_ms == pytest.approx(sound_ms, abs=30)


async def test_an_unknown_voice_speaks_english() -> None:
    chunks = [chunk async for chunk in EspeakVoice().stream("Good day.", "klingon-7")]
    assert sum(len(chunk.pcm) for chunk in chunks) > 8_000
