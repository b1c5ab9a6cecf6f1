from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mediasrv.audio import EarsChunk, Span, samples_in
from mediasrv.providers.pocketsphinx.utterances import LEAD_MS, LONGEST_MS, QUIET_MS, Segmenter, Utterance


def chunk(ms: int, *, speech: bool) -> EarsChunk:
    count = samples_in(ms, 16_000)
    return EarsChunk(bytes(2 * count), (Span(0, 0, count, speech=speech),))


def heard(*runs: tuple[int, bool]) -> list[Utterance]:
    """Runs of so many milliseconds of speech or none, in 20 ms pieces."""
    segmenter, found = Segmenter(), list[Utterance]()
    for length_ms, speech in runs:
        for _ in range(length_ms // 20):
            found += segmenter.hear(chunk(20, speech=speech))
    return found


def test_an_utterance_begins_before_the_gate_opened_and_ends_after_it_closed() -> None:
    (utterance,) = heard((1_000, False), (600, True), (1_000, False))
    assert utterance.ended
    assert utterance.start_ms == 1_000 - LEAD_MS
    assert utterance.length_ms == LEAD_MS + 600 + QUIET_MS
    assert utterance.speech_ms == 600


def test_a_breath_between_two_words_is_not_the_end() -> None:
    (utterance,) = heard((600, True), (QUIET_MS - 20, False), (600, True))
    assert not utterance.ended


def test_two_sentences_share_no_sound() -> None:
    first, second = heard((600, True), (200, False), (600, True), (200, False))
    assert first.end_ms <= second.start_ms


def test_speech_without_a_pause_is_cut_and_goes_on() -> None:
    found = heard((int(LONGEST_MS) * 2, True))
    assert len(found) == 2
    assert found[0].length_ms <= LONGEST_MS


@given(st.lists(st.tuples(st.integers(1, 30).map(lambda k: 20 * k), st.booleans()), max_size=20))
def test_no_speech_is_lost_and_none_is_heard_twice(runs: list[tuple[int, bool]]) -> None:
    found = heard(*runs)
    assert sum(u.speech_ms for u in found) == sum(ms for ms, speech in runs if speech)
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(found))
    assert all(u.ended for u in found[:-1])
