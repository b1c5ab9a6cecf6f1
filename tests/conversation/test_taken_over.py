"""Voices that die and are followed by others, laid against what they really said."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from random import Random

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from mediasrv.conversation.playout_truth import CHARACTERS_PER_S, PlayoutTruth
from mediasrv.providers.protocols import ProviderError, SpeechChunk, WordTime
from mediasrv.providers.resilience import Member, SteadyVoice

RATE = 8_000
TEN = "one two three four five six seven eight nine ten"
AS_FAST_AS_GUESSED_MS = 1_000 // CHARACTERS_PER_S  # a character; who is slower is overestimated


@dataclass(slots=True)
class Attempt:
    text: str
    ms_a_character: int
    sounded_ms: int = 0

    def words(self) -> list[WordTime]:
        words, at_ms = list[WordTime](), 0
        for word in self.text.split():
            end_ms = at_ms + (len(word) + 1) * self.ms_a_character
            words.append(WordTime(word, at_ms, end_ms))
            at_ms = end_ms
        return words

    def whole_words(self) -> int:
        return sum(word.end_ms <= self.sounded_ms for word in self.words())


@dataclass(slots=True)
class Voice:
    """Says each word for so long as its characters and a blank take, in pieces, until it dies.

    It tells its times before any sound ("ahead"), with the piece in which a word begins ("along"), or a piece later
    ("behind"); "" tells none. `attempts` is shared: all that was ever asked, in order.
    """

    name: str
    tells: str
    attempts: list[Attempt]
    ms_a_character: int = 60
    piece_ms: int = 200
    dies_ms: int = 10**9
    retryable: bool = False
    ends_ms: int = 10**9  # without a word of complaint

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        attempt = Attempt(text, self.ms_a_character)
        self.attempts.append(attempt)
        words = attempt.words()
        lead_ms = {"": -math.inf, "ahead": math.inf, "along": 0, "behind": -self.piece_ms}[self.tells]
        length_ms = min(words[-1].end_ms, self.ends_ms)
        if self.tells == "ahead":
            yield SpeechChunk(b"", RATE, tuple(words))
            words.clear()
        while attempt.sounded_ms < min(length_ms, self.dies_ms):
            until_ms = round(min(attempt.sounded_ms + self.piece_ms, length_ms, self.dies_ms))
            told = tuple(word for word in words if word.start_ms < until_ms + lead_ms)
            del words[: len(told)]
            pcm = bytes((until_ms - attempt.sounded_ms) * RATE // 1_000 * 2)
            attempt.sounded_ms = until_ms
            yield SpeechChunk(pcm, RATE, told)
            await trio.lowlevel.checkpoint()
        if self.dies_ms < length_ms:
            raise ProviderError(self.name, "it died", retryable=self.retryable)


@dataclass(slots=True)
class Performance:
    """A passage as the truth knows it, and as it was."""

    text: str
    attempts: list[Attempt]
    truth: PlayoutTruth = field(default_factory=lambda: PlayoutTruth(RATE))
    samples: int = 0

    def claimed(self, sample: int) -> int:
        heard = self.truth.heard(sample).split()
        assert heard == self.text.split()[: len(heard)]
        return len(heard)

    def sounded(self, sample: int) -> int:
        """Up to which word, by number, more than half of it had sounded by this sample."""
        furthest, start = 0, 0
        for attempt in self.attempts:
            made = min(sample - start, attempt.sounded_ms * 8)
            halves = [(word.start_ms + word.end_ms) * 8 / 2 for word in attempt.words()]
            furthest = max(furthest, self.first_word(attempt) + sum(made > half for half in halves))
            start += attempt.sounded_ms * 8
            if sample <= start:
                break
        return furthest

    def first_word(self, attempt: Attempt) -> int:
        return len(self.text.split()) - len(attempt.text.split())

    def begun(self, sample: int) -> int:
        """The word with which the attempt began that sounds here."""
        first_word, start = 0, 0
        for attempt in self.attempts:
            if attempt.sounded_ms and start <= sample:
                first_word = self.first_word(attempt)
            start += attempt.sounded_ms * 8
        return first_word


def performed(text: str, voices: Sequence[Voice]) -> Performance:
    performance = Performance(text, voices[0].attempts)
    truth = performance.truth

    async def perform() -> None:
        steady = SteadyVoice("v", [Member(voice.name, voice) for voice in voices], Random(1))
        truth.passage(text)
        try:
            async with aclosing(steady.stream(text, "")) as chunks:
                async for chunk in chunks:
                    if chunk.from_word is not None:
                        truth.take_over(chunk.from_word)
                    truth.place(chunk.words)
                    performance.samples += len(chunk.pcm) // 2
                    truth.sound(performance.samples)
        except ProviderError:
            truth.close(whole=False)
        else:
            truth.close()

    trio.run(perform, clock=trio.testing.MockClock(autojump_threshold=0))
    return performance


@pytest.mark.parametrize("then", ["", "ahead", "along", "behind"])
@pytest.mark.parametrize("first", ["ahead", "along", "behind"])
def test_each_voice_s_part_is_judged_by_what_that_voice_told(first: str, then: str) -> None:
    attempts = list[Attempt]()
    voices = [Voice("a", first, attempts, dies_ms=1_200), Voice("b", then, attempts)]
    performance = performed(TEN, voices)
    assert [len(attempt.text.split()) for attempt in attempts] == [10, 6]
    # 1,200 ms are 20 characters, "one two three four f"; the second voice says "five" from 0 to 300 ms, "six" to 540,
    # "seven" to 900, "eight" to 1,260.
    for heard_ms, words in ((1_150, 4), (1_340, 4), (1_360, 5), (1_730, 6), (1_930, 7), (2_000, 7)):
        assert performance.claimed(heard_ms * 8) == words, heard_ms
    assert performance.claimed(performance.samples) == 10


@pytest.mark.parametrize("then", ["", "ahead", "along", "behind"])
def test_of_a_voice_that_told_nothing_only_what_the_next_does_not_say_again_is_known(then: str) -> None:
    attempts = list[Attempt]()
    voices = [Voice("a", "", attempts, dies_ms=1_200), Voice("b", then, attempts)]
    performance = performed(TEN, voices)
    # Of slow speech 1,200 ms are 14 characters, "one two three ": of "three" nobody can be sure. The second voice says
    # it from 0 to 360 ms, "four" to 660, "five" to 960.
    assert attempts[1].text.startswith("three")
    for heard_ms, words in ((0, 0), (1_200, 2), (1_370, 2), (1_390, 3), (1_720, 4), (2_020, 5)):
        assert performance.claimed(heard_ms * 8) == words, heard_ms
    assert performance.claimed(performance.samples) == 10


def test_words_of_a_voice_that_never_came_to_them_are_never_heard() -> None:
    attempts = list[Attempt]()
    voices = [Voice("a", "ahead", attempts, dies_ms=0), Voice("b", "", attempts)]
    performance = performed(TEN, voices)
    assert performance.claimed(0) == 0
    assert performance.claimed(980 * 8) == performance.sounded(980 * 8) == 3


def test_a_word_that_is_said_twice_is_heard_from_the_first_time_on() -> None:
    attempts = list[Attempt]()
    voices = [Voice("a", "along", attempts, dies_ms=440), Voice("b", "along", attempts)]
    performance = performed(TEN, voices)
    assert attempts[1].text.startswith("two")  # 40 ms of it were missing
    assert performance.claimed(440 * 8) == performance.claimed(450 * 8) == 2


def test_a_voice_that_ends_without_a_sound_has_not_said_the_rest() -> None:
    attempts = list[Attempt]()
    voices = [
        Voice("a", "along", attempts, dies_ms=500),
        Voice("b", "", attempts, ends_ms=0),
        Voice("c", "along", attempts),
    ]
    assert performed(TEN, voices).samples > 20_000
    assert attempts[2].text == attempts[1].text


def test_words_of_a_voice_that_died_and_told_nothing_are_not_heard_sooner_for_it() -> None:
    """What it did not say of the last word was taken for a share of all of them."""
    attempts = list[Attempt]()
    performance = performed("a a aaaa", [Voice("a", "", attempts, AS_FAST_AS_GUESSED_MS, dies_ms=440)])
    assert performance.truth.said() == "a a aaaa"  # of the last, 176 of 330 ms
    for heard_ms, most in ((60, 0), (190, 1), (420, 2)):
        assert performance.claimed(heard_ms * 8) <= performance.sounded(heard_ms * 8) <= most, heard_ms
    assert performance.claimed(200 * 8) >= 1


def test_what_is_said_again_after_a_hold_begins_in_the_part_that_sounds() -> None:
    attempts = list[Attempt]()
    voices = [
        Voice("a", "ahead", attempts, dies_ms=500),
        Voice("b", "", attempts, dies_ms=500),
        Voice("c", "along", attempts),
    ]
    truth = performed(TEN, voices).truth
    assert truth.word_start(490 * 8) == 480 * 8
    assert truth.word_start(600 * 8) is None  # nobody knows, and surely not a word of the voice before
    assert truth.word_start(1_010 * 8) == 1_000 * 8


@st.composite
def companies(draw: st.DrawFn) -> list[Voice]:
    attempts = list[Attempt]()
    voices = list[Voice]()
    for k in range(draw(st.integers(1, 4))):
        tells = draw(st.sampled_from(("", "ahead", "along", "behind")))
        slowest = 130 if tells in ("ahead", "along") else AS_FAST_AS_GUESSED_MS
        voices.append(
            Voice(
                f"voice {k}",
                tells,
                attempts,
                draw(st.integers(30, slowest)),
                draw(st.integers(20, 700)),
                draw(st.one_of(st.sampled_from((0, 10**9)), st.integers(0, 3_000))),
                draw(st.booleans()),
            )
        )
    return voices


TEXTS = st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=20).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(TEXTS, companies(), st.data())
def test_no_word_is_claimed_that_did_not_sound_and_none_is_left_out(
    text: str, voices: list[Voice], data: st.DataObject
) -> None:
    performance = performed(text, voices)
    told = all(voice.tells in ("ahead", "along") for voice in voices)
    for before, after in zip(performance.attempts, performance.attempts[1:], strict=False):
        goes_on_at = performance.first_word(after) - performance.first_word(before)
        assert goes_on_at <= before.whole_words()
        if told:
            assert goes_on_at == before.whole_words()

    claimed = 0
    for sample in sorted(data.draw(st.lists(st.integers(0, performance.samples), max_size=20))):
        assert performance.claimed(sample) >= claimed
        claimed = performance.claimed(sample)
        assert performance.begun(sample) <= claimed <= performance.sounded(sample + 2)
        if told:
            assert claimed == performance.sounded(sample)
