"""Sound in pieces that know nothing of samples, and words out of characters."""

from __future__ import annotations

import pytest

from mediasrv.providers.protocols import WordTime
from mediasrv.providers.sound import Characters, PcmPieces
from tests.fakes.providers.speech import tone, wav

PCM = tone(10, 16_000)
LIST = b"LIST" + (7).to_bytes(4, "little") + b"INFOabc\0"  # of odd length, hence padded


@pytest.mark.parametrize(
    "data",
    [
        PCM,
        wav(PCM, 22_050),
        wav(PCM, 22_050, length=0),
        wav(PCM, 22_050, length=2**32 - 1),
        wav(PCM, 22_050, extra=LIST),
    ],
)
def test_samples_are_the_same_however_they_are_cut(data: bytes) -> None:
    for cut in (1, 2, 3, 7, 44, 45, len(data)):
        pieces = PcmPieces(16_000)
        found = b"".join(pieces.feed(data[at : at + cut]) for at in range(0, len(data), cut))
        assert found == PCM, cut
        assert pieces.rate_hz == (16_000 if data is PCM else 22_050)


def test_every_piece_is_of_whole_samples() -> None:
    pieces = PcmPieces(16_000)
    assert all(len(pieces.feed(PCM[at : at + 3])) % 2 == 0 for at in range(0, len(PCM), 3))


@pytest.mark.parametrize(
    "data",
    [b"ID3\x04rest", b"OggS....", b"fLaC....", wav(PCM, 8_000)[:22] + b"\2\0" + wav(PCM, 8_000)[24:],
     wav(PCM, 8_000)[:20] + b"\7\0" + wav(PCM, 8_000)[22:],
     b"RIFF\0\0\0\0WAVE" + (b"junk" + (60).to_bytes(4, "little") + bytes(60)) * 80],
)  # fmt: skip
def test_what_cannot_be_played_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        PcmPieces(16_000).feed(data)


def test_sound_that_begins_like_a_file_and_is_none_is_sound() -> None:
    data = b"RIDE"
    pieces = PcmPieces(16_000)
    assert pieces.feed(data[:2]) + pieces.feed(data[2:]) == data


def test_words_are_told_when_they_are_whole() -> None:
    characters = Characters()
    assert characters.feed([("h", 0, 10), ("i", 10, 20)]) == ()
    assert characters.feed([(" ", 20, 25), ("y", 25, 30)]) == (WordTime("hi", 0, 20),)
    assert characters.feed([("o", 30, 40), ("u", 40, 50), ("\n", 50, 50)]) == (WordTime("you", 25, 50),)
    assert characters.close() == ()
    characters.feed([("x", 60, 70)])
    assert characters.close() == (WordTime("x", 60, 70),)


def test_times_that_go_backwards_do_not_take_words_along() -> None:
    characters = Characters()
    words = (
        characters.feed([("a", 100, 200), (" ", 0, 0), ("b", 50, 20), (" ", 0, 0), ("c", -5, -1)])
        + characters.close()
    )
    assert all(0 <= word.start_ms <= word.end_ms for word in words)
    assert [word.start_ms for word in words] == sorted(word.start_ms for word in words)
