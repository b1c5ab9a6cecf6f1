"""What a recogniser owes the words of: nothing of it is lost or given twice, and silence is not kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.audio import EarsChunk, Span
from mediasrv.conversation.owed_sound import LEAD_MS, MOST_MS, OwedSound

CHUNK_MS = 100


def chunk(number: int, *, speech: bool = True) -> EarsChunk:
    """Each is told from the others by its content."""
    samples = CHUNK_MS * 16
    return EarsChunk(number.to_bytes(2, "little") * samples, (Span(0, 0, samples, speech=speech),))


def numbers(owed: OwedSound) -> list[int]:
    return [int.from_bytes(each.pcm[:2], "little") for each in owed.to_give()]


def test_the_next_recogniser_is_given_what_no_final_transcript_has_covered() -> None:
    owed = OwedSound()
    for number in range(10):
        owed.add(chunk(number))
    assert numbers(owed) == list(range(10))
    owed.cover(300.0)
    owed.begin()
    assert numbers(owed) == list(range(3, 10))
    owed.cover(200.0)  # of its own time, which began with the fourth
    owed.begin()
    assert numbers(owed) == list(range(5, 10))


def test_silence_is_not_kept_but_for_a_little_before_speech() -> None:
    owed = OwedSound()
    for number in range(200):
        owed.add(chunk(number, speech=False))
    owed.add(chunk(200))
    owed.begin()
    given = numbers(owed)
    assert given[-1] == 200
    assert len(given) <= LEAD_MS / CHUNK_MS + 2


def test_of_speech_without_end_the_oldest_goes() -> None:
    owed = OwedSound()
    for number in range(1_000):
        owed.add(chunk(number))
    owed.begin()
    given = numbers(owed)
    assert given == list(range(1_000 - len(given), 1_000))
    assert len(given) == MOST_MS / CHUNK_MS


def test_a_cough_is_forgiven() -> None:
    owed = OwedSound()
    owed.add(chunk(1))
    assert numbers(owed) == [1]
    owed.forgive()
    owed.begin()
    assert numbers(owed) == []


@pytest.mark.parametrize("until_ms", [0.0, -1.0, float("nan"), float("inf")])
def test_a_transcript_that_does_not_say_how_far_it_goes_is_of_all_that_was_given(until_ms: float) -> None:
    owed = OwedSound()
    owed.add(chunk(1))
    assert numbers(owed) == [1]
    owed.cover(until_ms)
    owed.begin()
    assert numbers(owed) == []


@pytest.mark.parametrize("until_ms", [0.0, 1_000.0])
def test_nothing_that_comes_before_its_turn_to_be_given_is_dropped(until_ms: float) -> None:
    """A recogniser that is slow to take what is owed may answer the first of it meanwhile, or have coughs forgiven."""
    owed = OwedSound()
    for number in range(6):
        owed.add(chunk(number))
    giving = owed.to_give()
    next(giving), next(giving)
    owed.cover(until_ms)
    owed.forgive()
    assert [int.from_bytes(each.pcm[:2], "little") for each in giving] == [2, 3, 4, 5]


@given(st.lists(st.sampled_from(["hear", "give", "cover", "begin"]), max_size=120))
def test_every_chunk_is_given_in_order_and_once_to_each_recogniser(steps: list[str]) -> None:
    owed, heard, given_to_this, covered, began = OwedSound(), 0, list[int](), 0, 0
    for do in steps:
        match do:
            case "hear":
                owed.add(chunk(heard))
                heard += 1
            case "give":
                given_to_this += numbers(owed)
                assert given_to_this == list(range(began, heard))
            case "cover" if given_to_this:
                covered = max(covered, (given_to_this[0] + given_to_this[-1] + 1) // 2)
                if covered > began:
                    owed.cover((covered - began) * CHUNK_MS)
            case "begin":
                owed.begin()
                given_to_this, began = [], covered
