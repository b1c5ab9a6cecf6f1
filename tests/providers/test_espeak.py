"""espeak-ng, where the extra `local` is installed."""

from __future__ import annotations

import threading
from contextlib import aclosing
from itertools import pairwise

import pytest
import trio
import trio.testing

from mediasrv.providers import espeak
from mediasrv.providers.espeak import EspeakLibrary, EspeakVoice, words_as_written
from mediasrv.providers.protocols import ProviderError, WordTime


async def test_it_says_where_its_words_lie() -> None:
    chunks = [chunk async for chunk in EspeakVoice().stream("Good day, my friend.", "en")]
    words = [word for chunk in chunks for word in chunk.words]
    assert [word.text.strip(",.") for word in words] == ["Good", "day", "my", "friend"]
    sound_ms = sum(len(chunk.pcm) for chunk in chunks) / 2 * 1000 / chunks[0].rate_hz
    assert sound_ms > 500
    assert [w.start_ms for w in words] == sorted(w.start_ms for w in words)
    assert words[-1].end_ms == pytest.approx(sound_ms, abs=30)


@pytest.mark.parametrize(
    "text",
    [
        "Your table at 20:30 is twenty-one, ok - fine? That is 3.5 km/h, or $20.",
        "- so  it   begins",
        "caf\u00e9 na\u00efve \u2026",
    ],
)
async def test_it_tells_each_word_of_the_text_once_whatever_it_makes_of_it(text: str) -> None:
    words = [word async for chunk in EspeakVoice().stream(text, "en") for word in chunk.words]
    assert [word.text for word in words] == text.split()
    assert all(one.end_ms <= next_one.start_ms for one, next_one in pairwise(words))


def test_a_word_begins_with_its_first_mark_and_words_without_a_mark_share_a_time() -> None:
    words = words_as_written("at 20:30 ok - fine", [(0, 0), (3, 200), (6, 500), (9, 800)], 1_700)
    assert [(word.text, word.start_ms, word.end_ms) for word in words] == [
        ("at", 0, 200), ("20:30", 200, 800), ("ok", 800, 1_070), ("-", 1_070, 1_250), ("fine", 1_250, 1_700),
    ]  # fmt: skip
    assert words_as_written("so it is", [], 1_000) == ()
    assert [word.start_ms for word in words_as_written("- so", [(2, 100)], 500)] == [100, 260]


async def test_an_unknown_voice_speaks_english() -> None:
    chunks = [chunk async for chunk in EspeakVoice().stream("Good day.", "klingon-7")]
    assert sum(len(chunk.pcm) for chunk in chunks) > 8_000


async def test_one_thread_at_a_time_is_in_the_library_and_waiting_for_it_can_be_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inside, most, release = 0, 0, threading.Event()

    def slow(self: EspeakLibrary, text: str, voice: str) -> tuple[bytes, int, tuple[WordTime, ...]]:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        release.wait(5)
        inside -= 1
        return b"", 22_050, ()

    async def say() -> None:
        async with aclosing(EspeakVoice().stream("Good day.", "en")) as sound:
            async for _ in sound:
                pass

    monkeypatch.setattr(EspeakLibrary, "speak", slow)
    threads = trio.to_thread.current_default_thread_limiter()
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(say)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert threads.borrowed_tokens == 0, "other rooms' threads are not used up"
        nursery.cancel_scope.cancel()
    # left at once, though the library was still busy
    release.set()
    await say()
    assert most == 1


async def test_a_library_that_cannot_be_loaded_is_a_provider_error_and_only_when_it_speaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded_in: list[threading.Thread] = []

    def cannot_load() -> EspeakLibrary:
        loaded_in.append(threading.current_thread())
        raise ProviderError("espeak", "no such library", retryable=False)

    monkeypatch.setattr(espeak, "library", cannot_load)
    voice = EspeakVoice()
    assert loaded_in == []
    with pytest.raises(ProviderError):
        async for _ in voice.stream("Good day.", "en"):
            pass
    assert loaded_in != [threading.main_thread()]
