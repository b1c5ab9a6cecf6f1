"""Providers that fail: how often they are asked again, who instead, and that nothing is said or heard twice."""

from __future__ import annotations

import math
from contextlib import aclosing
from random import Random

import pytest
import trio

from mediasrv.audio import EarsChunk, Span
from mediasrv.providers.protocols import (
    LlmDelta,
    LlmRequest,
    Message,
    ProviderError,
    SpeechChunk,
    TextDelta,
    TextToSpeech,
    ToolCall,
    ToolFragment,
    ToolRequest,
    Transcript,
    Usage,
    WordTime,
)
from mediasrv.providers.resilience import (
    Breaker,
    BreakerState,
    Member,
    Patience,
    SteadyEars,
    SteadyModel,
    SteadyVoice,
)
from mediasrv.providers.resilience.member import MARGIN_S
from tests.providers.failing import Ears, Model, Voice, failure

REQUEST = LlmRequest([Message("user", "hello")])

# ---- breaker: every state, everything that can happen -----------------------------------------------------------

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


def breaker(state: BreakerState) -> Breaker:
    made = Breaker(failures=2, rest_s=60)
    if state is not CLOSED:
        made.failed(0)
        made.failed(0)
    if state is HALF_OPEN:
        assert made.admits(60)
    return made


@pytest.mark.parametrize(
    ("state", "deed", "then"),
    [
        (CLOSED, lambda b: b.succeeded(), CLOSED),
        (CLOSED, lambda b: b.failed(0), CLOSED),
        (CLOSED, lambda b: (b.failed(0), b.failed(1)), OPEN),
        (CLOSED, lambda b: (b.failed(0), b.succeeded(), b.failed(1)), CLOSED),
        (CLOSED, lambda b: b.given_up(), CLOSED),
        (OPEN, lambda b: b.admits(59.9), OPEN),
        (OPEN, lambda b: b.admits(60), HALF_OPEN),
        (OPEN, lambda b: b.succeeded(), CLOSED),
        (OPEN, lambda b: b.failed(10), OPEN),
        (OPEN, lambda b: b.given_up(), OPEN),
        (HALF_OPEN, lambda b: b.succeeded(), CLOSED),
        (HALF_OPEN, lambda b: b.failed(61), OPEN),
        (HALF_OPEN, lambda b: b.given_up(), HALF_OPEN),
    ],
)
def test_a_breaker_goes_from_state_to_state(state, deed, then) -> None:
    made = breaker(state)
    deed(made)
    assert made.state is then


def test_only_one_request_at_a_time_tries_a_provider_that_rests() -> None:
    made = breaker(HALF_OPEN)
    assert not made.admits(61)
    made.given_up()
    assert made.admits(62)
    assert not made.admits(63)
    assert made.admits(63 + 30)  # who tried has vanished


def test_a_trial_that_fails_is_another_rest() -> None:
    made = breaker(HALF_OPEN)
    made.failed(70)
    assert not made.admits(129)
    assert made.admits(130)


# ---- patience ----------------------------------------------------------------------------------------------------


def test_pauses_double_up_to_the_longest_and_half_of_each_is_chance() -> None:
    patience = Patience(attempts=10, first_pause_s=0.1, longest_pause_s=1)
    for seed in range(20):
        pauses = [patience.pause_s(failed, failure(), Random(seed)) for failed in range(1, 10)]
        for pause_s, whole_s in zip(pauses, [0.1, 0.2, 0.4, 0.8, 1, 1, 1, 1, 1], strict=True):
            assert pause_s is not None
            assert whole_s / 2 <= pause_s <= whole_s


@pytest.mark.parametrize(
    ("failed", "error", "again"),
    [
        (1, failure(retryable=False), False),
        (3, failure(), False),
        (2, failure(), True),
        (1, failure(retry_after_s=0.7), True),
        (1, failure(retry_after_s=30), False),
    ],
)
def test_who_is_asked_again(failed: int, error: ProviderError, again: bool) -> None:
    pause_s = Patience(attempts=3).pause_s(failed, error, Random(1))
    assert (pause_s is not None) is again
    assert not error.retry_after_s or not again or (pause_s or 0) >= error.retry_after_s


# ---- models ------------------------------------------------------------------------------------------------------


def steady(*models: Model, **more) -> tuple[SteadyModel, list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    members = [Member(model.name, model, Breaker(failures=2)) for model in models]
    return SteadyModel("llm", members, Random(1), told=lambda *what: told.append(what), **more), told


async def said(model: SteadyModel) -> str:
    async with aclosing(model.stream(REQUEST)) as deltas:
        return "".join([delta.text async for delta in deltas if isinstance(delta, TextDelta)])


async def test_a_failure_before_the_first_piece_is_tried_again_and_then_elsewhere(autojump_clock) -> None:
    first, second = Model("a", [[failure()]]), Model("b", [["hi"]])
    model, told = steady(first, second)
    assert await said(model) == "hi"
    assert (first.requests, second.requests) == (2, 1)
    assert told == [("a", "failed"), ("a", "failed"), ("b", "used")]


async def test_what_cannot_be_better_the_second_time_is_not_tried_again(autojump_clock) -> None:
    first = Model("a", [[failure(retryable=False)]])
    model, _ = steady(first, Model("b", [["hi"]]))
    assert await said(model) == "hi"
    assert first.requests == 1


async def test_a_model_that_says_nothing_in_time_is_passed_over(autojump_clock) -> None:
    model, _ = steady(Model("a", [[60.0, "late"]]), Model("b", [["hi"]]), first_s=2.0)
    began = trio.current_time()
    assert await said(model) == "hi"
    assert trio.current_time() - began == pytest.approx(2)


async def test_each_has_the_time_and_the_attempts_that_are_its_own(autojump_clock) -> None:
    late: list[object] = [4.0, failure()]
    hasty, patient = Model("a", [[9.0, "no"]]), Model("b", [late, late, [4.0, "hi"]])
    members = [
        Member("a", hasty, first_s=1.0, patience=Patience(1)),
        Member("b", patient, first_s=5.0, patience=Patience(3, 0.1, 0.1)),
    ]
    model = SteadyModel("mind", members, Random(1), first_s=2.0)
    assert await said(model) == "hi"
    assert trio.current_time() == pytest.approx(1 + 3 * 4 + 2 * 0.1, abs=0.1)
    assert model.waits.first_s == pytest.approx(1 + 3 * 5 + 2 * 0.1 + MARGIN_S)


async def test_after_the_first_piece_nobody_else_goes_on(autojump_clock) -> None:
    second = Model("b", [["other"]])
    model, _ = steady(Model("a", [["half", failure()]]), second)
    async with aclosing(model.stream(REQUEST)) as deltas:
        assert await anext(deltas) == TextDelta("half")
        with pytest.raises(ProviderError):
            await anext(deltas)
    assert second.requests == 0


async def test_one_that_fails_again_and_again_is_left_alone_until_it_has_rested(autojump_clock) -> None:
    first = Model("a", [[failure()], [failure()], ["back"]])
    model, told = steady(first, Model("b", [["hi"]]))
    assert [await said(model) for _ in range(3)] == ["hi"] * 3
    assert first.requests == 2
    assert told.count(("a", "skipped")) == 2
    await trio.sleep(60)
    assert await said(model) == "back"


async def test_when_all_rest_the_first_is_asked_nevertheless(autojump_clock) -> None:
    only = Model("a", [[failure()], [failure()], ["back"]])
    model, _ = steady(only)
    with pytest.raises(ProviderError):
        await said(model)
    assert await said(model) == "back"


async def test_when_nobody_can_the_error_names_them_all(autojump_clock) -> None:
    model, _ = steady(Model("a", [[failure(retryable=False)]]), Model("b", [[failure()]]))
    with pytest.raises(ProviderError) as failed:
        await said(model)
    assert failed.value.retryable


async def test_cancelled_at_any_moment_it_is_gone_at_once(autojump_clock) -> None:
    for cancel_s in (0.0, 0.05, 1.0, 2.05, 3.0):
        model, _ = steady(Model("a", [[1.0, failure()]]), Model("b", [[1.0, "hi", 5.0]]))
        with trio.move_on_after(cancel_s) as scope:
            await said(model)
        assert scope.cancelled_caught
        assert trio.current_time() == pytest.approx(scope.deadline)


CALL = ToolRequest(ToolCall("a", "mail", {}))
WRITING = ToolFragment("word ")


async def deltas_of(model: SteadyModel, request: LlmRequest = REQUEST) -> list[LlmDelta]:
    async with aclosing(model.stream(request)) as deltas:
        return [delta async for delta in deltas]


async def test_a_tool_call_may_be_written_for_as_long_as_it_is_written_steadily(autojump_clock) -> None:
    first, second = Model("a", [[*[1.5, WRITING] * 10, CALL]]), Model("b", [["hi"]])
    model, told = steady(first, second, first_s=2.0)
    assert (await deltas_of(model))[-1] == CALL
    assert told == [("a", "used")]


async def test_a_tool_call_that_is_left_half_written_is_asked_of_another(autojump_clock) -> None:
    for ends in (60.0, failure(retryable=False)):
        first = Model("a", [[WRITING, 1.5, WRITING, ends]])
        model, told = steady(first, Model("b", [["hi"]]), first_s=2.0)
        assert await said(model) == "hi"
        assert told == [("a", "failed"), ("b", "used")]


BILL = Usage("a", "m", {"input_tokens": 3})


@pytest.mark.parametrize("pieces", [[], [" ", "\n"], [BILL]], ids=["nothing", "blanks", "the bill alone"])
async def test_an_answer_with_nothing_in_it_is_asked_of_another(autojump_clock, pieces: list[object]) -> None:
    first = Model("a", [[0.1, *pieces]])
    model, told = steady(first, Model("b", [["hi"]]), patience=Patience(1))
    assert (await said(model)).strip() == "hi"
    assert told == [("a", "failed"), ("b", "used")]


async def test_one_that_answers_with_nothing_again_and_again_is_left_alone(autojump_clock) -> None:
    first = Model("a", [[]])
    model, told = steady(first, Model("b", [["hi"]]))
    assert [await said(model) for _ in range(3)] == ["hi"] * 3
    assert (first.requests, told.count(("a", "skipped"))) == (2, 2)


async def test_nothing_may_be_left_to_say_when_a_tool_speaks_for_itself(autojump_clock) -> None:
    after = LlmRequest([*REQUEST.messages, Message("tool", "done", tool_call_id="a")], may_be_silent=True)
    model, told = steady(Model("a", [[]]), Model("b", [["hi"]]))
    assert await deltas_of(model, after) == []
    assert told == [("a", "used")]


async def test_one_that_has_nothing_to_say_of_what_a_tool_brought_has_failed(autojump_clock) -> None:
    after = LlmRequest([*REQUEST.messages, Message("tool", "done", tool_call_id="a")])
    model, told = steady(Model("a", [[], []]), Model("b", [["hi"]]))
    assert await deltas_of(model, after) == [TextDelta("hi")]
    assert told[-2:] == [("a", "failed"), ("b", "used")]


async def test_blanks_are_no_first_word(autojump_clock) -> None:
    model, told = steady(Model("a", [[0.5, " "] * 100]), Model("b", [["hi"]]), first_s=2.0)
    assert (await said(model)).strip() == "hi"
    assert trio.current_time() == pytest.approx(2)
    assert told == [("a", "failed"), ("b", "used")]


# ---- voices ------------------------------------------------------------------------------------------------------

TEXT = "one two three four"


def sound(ms: float, *words: tuple[str, float, float]) -> SpeechChunk:
    return SpeechChunk(bytes(round(ms * 16) * 2), 16_000, tuple(WordTime(*word) for word in words))


def choir(*voices: Voice) -> SteadyVoice:
    return SteadyVoice("voice", [Member(voice.name, voice) for voice in voices], Random(1))


async def spoken(voice: SteadyVoice, text: str = TEXT) -> tuple[float, list[WordTime]]:
    ms, words = 0.0, list[WordTime]()
    async with aclosing(voice.stream(text, "v")) as chunks:
        async for chunk in chunks:
            ms += len(chunk.pcm) / 32
            words.extend(chunk.words)
    return ms, words


async def test_another_voice_goes_on_with_the_word_that_was_cut(autojump_clock) -> None:
    first = Voice("a", [[sound(500, ("one", 0, 300), ("two", 300, 600)), failure(retryable=False)]])
    second = Voice("b", [[sound(900, ("two", 0, 300), ("three", 300, 600), ("four", 600, 900))]])
    ms, words = await spoken(choir(first, second))
    assert second.texts == ["two three four"]
    assert ms == 1_400
    assert [(word.text, word.start_ms) for word in words[2:]] == [
        ("two", 500),
        ("three", 800),
        ("four", 1_100),
    ]


@pytest.mark.parametrize(
    "ends", [failure(), failure(retryable=False), 60.0], ids=["failed", "for good", "stalled"]
)
async def test_a_voice_that_breaks_off_behind_its_last_word_is_not_followed(autojump_clock, ends) -> None:
    words = [(word, k * 100.0, k * 100.0 + 100) for k, word in enumerate(TEXT.split())]
    first = Voice("a", [[sound(400, *words), ends]])
    second = Voice("b", [[sound(100)]])
    assert (await spoken(choir(first, second)))[0] == 400
    assert second.texts == []


async def test_without_word_times_the_place_is_estimated_and_no_word_is_left_out(autojump_clock) -> None:
    first = Voice(
        "a", [[sound(600), failure(retryable=False)]]
    )  # seven characters: of "two" nobody can be sure
    second = Voice("b", [[sound(100)]])
    await spoken(choir(first, second))
    assert second.texts == ["two three four"]


async def test_a_voice_that_falls_silent_is_replaced(autojump_clock) -> None:
    first = Voice("a", [[sound(300, ("one", 0, 300)), 60.0]])
    second = Voice("b", [[sound(100)]])
    began = trio.current_time()
    await spoken(choir(first, second))
    assert trio.current_time() - began == pytest.approx(3)
    assert second.texts == ["two three four"]


async def test_a_voice_that_tells_words_and_makes_no_sound_is_replaced(autojump_clock) -> None:
    wordy = SpeechChunk(b"", 16_000, (WordTime("one", 0, 300),))
    second = Voice("b", [[sound(100)]])
    await spoken(choir(Voice("a", [[1.0, wordy] * 60]), second))
    assert trio.current_time() == pytest.approx(3)
    assert second.texts == [TEXT]


async def test_a_consumers_time_is_not_a_voices_silence(autojump_clock) -> None:
    second = Voice("b", [[sound(100)]])
    voice = choir(Voice("a", [[2.0, sound(100)] * 3]), second)
    async with aclosing(voice.stream(TEXT, "v")) as chunks:
        async for _ in chunks:
            await trio.sleep(10)
    assert second.texts == []


@pytest.mark.parametrize(
    "pieces", [[], [SpeechChunk(b"", 16_000)], [sound(300, ("one", 0, 300)), failure(retryable=False)]]
)
async def test_a_voice_that_ends_without_a_sound_is_replaced(autojump_clock, pieces: list[object]) -> None:
    """Or with none of what is left to be said."""
    first, mute, third = Voice("a", [pieces]), Voice("b", [[]]), Voice("c", [[sound(100)]])
    members = [Member(voice.name, voice, Breaker(failures=1)) for voice in (first, mute, third)]
    await spoken(SteadyVoice("voice", members, Random(1)))
    assert third.texts == ["two three four" if len(pieces) == 2 else TEXT]
    assert [member.breaker.state for member in members] == [OPEN, OPEN, CLOSED]


async def test_signs_that_nobody_speaks_need_no_sound(autojump_clock) -> None:
    second = Voice("b", [[sound(100)]])
    resting = breaker(OPEN)
    await trio.sleep(60)
    first = Member[TextToSpeech]("a", Voice("a", [[]]), resting)
    await spoken(SteadyVoice("voice", [first, Member("b", second)], Random(1)), "...")
    assert second.texts == []
    assert resting.admits(trio.current_time()), "nothing was learnt, so the next one may try"


async def test_a_third_voice_takes_over_from_the_second(autojump_clock) -> None:
    cut = failure(retryable=False)
    first = Voice("a", [[sound(300, ("one", 0, 300)), cut]])
    second = Voice("b", [[sound(200, ("two", 0, 200)), cut]])
    third = Voice("c", [[sound(400, ("three", 0, 200), ("four", 200, 400))]])
    ms, words = await spoken(choir(first, second, third))
    assert (ms, third.texts) == (900, ["three four"])
    assert [(word.text, word.start_ms) for word in words] == [
        ("one", 0), ("two", 300), ("three", 500), ("four", 700),
    ]  # fmt: skip


# ---- ears --------------------------------------------------------------------------------------------------------

CHUNK_MS = 20


def chunk(number: int, *, speech: bool = False) -> EarsChunk:
    """Each is told from the others by its content."""
    spans = (Span(number * CHUNK_MS * 16, 0, CHUNK_MS * 16, speech=True),) if speech else ()
    return EarsChunk(number.to_bytes(2, "little") * (CHUNK_MS * 16), spans)


def final(text: str, start_ms: float, end_ms: float) -> Transcript:
    return Transcript(text, True, 1.0, start_ms, end_ms)


async def listened(
    ears: SteadyEars, chunks: int, transcripts: int, *, speech: bool = False
) -> list[Transcript]:
    found: list[Transcript] = []
    async with ears.open("en") as stream:

        async def push() -> None:
            for number in range(chunks):
                await stream.push(chunk(number, speech=speech))
                await trio.sleep(CHUNK_MS / 1000)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(push)
            while len(found) < transcripts:
                found.append(await stream.next())
            nursery.cancel_scope.cancel()
    return found


def company(*ears: Ears, **more) -> SteadyEars:
    return SteadyEars("stt", [Member(each.name, each) for each in ears], Random(1), **more)


async def test_what_no_final_transcript_has_covered_is_heard_again_by_the_next(autojump_clock) -> None:
    first = Ears("a", [[(200, final("one", 0, 100)), (300, failure(retryable=False))]])
    second = Ears("b", [[(400, final("two", 20, 300))]])
    found = await listened(company(first, second), 100, 2)
    assert [(t.text, t.start_ms, t.end_ms) for t in found] == [("one", 0, 100), ("two", 120, 400)]
    assert second.heard[0].startswith(chunk(5).pcm)  # the first five chunks are 100 ms
    whole = b"".join(chunk(number).pcm for number in range(5, 100))
    assert whole.startswith(second.heard[0])  # nothing is left out in between


async def test_the_same_recogniser_reconnected_hears_it_again_too(autojump_clock) -> None:
    only = Ears("a", [[(200, failure())], [(300, final("all", 0, 300))]])
    (found,) = await listened(company(only), 100, 1)
    assert (found.text, found.start_ms) == ("all", 0)
    assert only.heard[1].startswith(chunk(0).pcm)


@pytest.mark.parametrize(("words_after_ms", "heard_by"), [(200.0, "b"), (math.inf, "a")])
async def test_four_seconds_without_a_word_are_too_many_for_who_tells_words_and_not_for_who_tells_sentences(
    words_after_ms: float, heard_by: str, autojump_clock
) -> None:
    first = Ears("a", [[(4_000, final("a", 0, 4_000))]], words_after_ms=words_after_ms)
    second = Ears("b", [[(100, final("b", 0, 4_000))]])
    ears = company(first, second, patience=Patience(attempts=1))
    assert [t.text for t in await listened(ears, 300, 1, speech=True)] == [heard_by]


async def test_a_line_that_goes_dead_in_mid_speech_costs_a_recogniser_none_of_its_time(
    autojump_clock,
) -> None:
    first = Ears("a", [[(1_400, final("a", 0, 1_400))]])
    second = Ears("b", [[(0, final("b", 0, 1_400))]])
    async with company(first, second, patience=Patience(attempts=1)).open("en") as stream:
        for pause_s in (10.0, 0.0):
            for number in range(1_200 // CHUNK_MS):
                await stream.push(chunk(number, speech=True))
                await trio.sleep(CHUNK_MS / 1000)
            await trio.sleep(pause_s)
        assert (await stream.next()).text == "a"
    assert second.opened == 0


@pytest.mark.parametrize("tells", [final("", 0, 600), Transcript("", False, 1.0, 0, 600)])
async def test_a_recogniser_that_answers_without_words_lives_and_its_answer_is_handed_on(
    autojump_clock, tells: Transcript
) -> None:
    first = Ears("a", [[(2_000 * k, tells) for k in range(1, 6)]])
    found = await listened(company(first), 600, 5, speech=True)
    assert [t.text for t in found] == [""] * 5
    assert first.opened == 1


@pytest.mark.parametrize("tells", [final("", 0, 600), Transcript("", False, 1.0, 0, 600)])
async def test_one_that_breaks_off_again_and_again_has_proved_nothing_by_answers_without_words(
    autojump_clock, tells: Transcript
) -> None:
    first = Ears("a", [[(600, tells), (700, failure())]])
    second = Ears("b", [[(100, final("hello", 0, 100))]])
    ears = company(first, second, patience=Patience(attempts=2))
    found = await listened(ears, 600, 3, speech=True)
    assert [t.text for t in found] == ["", "", "hello"]
    assert first.opened == 2


async def test_a_recogniser_that_cannot_be_opened_is_passed_over(autojump_clock) -> None:
    first = Ears("a", [[(-1, failure(retryable=False))]])
    second = Ears("b", [[(100, final("hello", 0, 100))]])
    assert [t.text for t in await listened(company(first, second), 50, 1)] == ["hello"]


async def test_when_nobody_hears_the_listener_and_the_speaker_are_told(autojump_clock) -> None:
    ears = company(
        Ears("a", [[(-1, failure(retryable=False))]]), Ears("b", [[(-1, failure(retryable=False))]])
    )
    async with ears.open("en") as stream:
        with pytest.raises(ProviderError):
            await stream.next()
        with pytest.raises(ProviderError):
            await stream.push(chunk(0))


async def test_more_sound_than_the_ring_holds_loses_the_oldest_and_says_how_much(autojump_clock) -> None:
    never = Ears("a", [[(-1, failure(retry_after_s=1.0))], [(400, final("late", 0, 100))]])
    ears = company(never, ring_ms=200)
    async with ears.open("en") as stream:
        for number in range(50):
            await stream.push(chunk(number))
        await trio.sleep(2)
        for number in range(50, 80):
            await stream.push(chunk(number))
            await trio.sleep(0.02)
        found = await stream.next()
        assert found.start_ms == 800  # of a second, 200 ms were left
        assert stream.lost_ms == 800  # type: ignore[attr-defined]


async def test_leaving_takes_the_recogniser_along(autojump_clock) -> None:
    ears = company(Ears("a", [[]]))
    with trio.move_on_after(1):
        async with ears.open("en") as stream:
            await stream.next()
    assert trio.current_time() < 1.1
