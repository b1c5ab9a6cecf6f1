"""One provider of a list says nothing: the call waits until the next one has been asked, and goes on with it."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, cast

import pytest
import trio

from mediasrv.audio import PTIME_MS, EarsChunk
from mediasrv.call import Call, CallSettings
from mediasrv.call.menu.line import Line
from mediasrv.conversation.provider_edge import has_sound, in_time, waits_for
from mediasrv.ids import DEFAULT_TENANT, CallId
from mediasrv.providers import registry
from mediasrv.providers.protocols import (
    ProviderError,
    SpeechChunk,
    SpeechToText,
    TextToSpeech,
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
from mediasrv.providers.voices import FormantVoice
from mediasrv.telemetry import MemorySink, Timeline
from tests.call.conversing import Outcome, converse
from tests.call.test_line import Seat
from tests.fakes.leg import TrioClock
from tests.fakes.stream import FakeStream
from tests.providers import failing
from tests.providers.failing import Model, failure

ASKED = (1.0, 2.0)
REPLY = "One two three four."
ALWAYS = 600.0  # seconds, of saying nothing
SCRIPT = f'[[reply]]\ntext = "{REPLY}"\n[ears]\notherwise = "and now?"\n'


def sound(ms: int, *words: str) -> SpeechChunk:
    """300 ms to a word."""
    times = tuple(WordTime(word, 300.0 * k, 300.0 * k + 300) for k, word in enumerate(words))
    return SpeechChunk(bytes(ms * 16), 8_000, times)


WHOLE = sound(1_200, "One", "two", "three", "four.")


class Voice(failing.Voice):
    """As its list says with the reply; lines that are made ready beside it are as they should be."""

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        if not REPLY.endswith(text):
            yield sound(600)
            return
        async with aclosing(super().stream(text, voice)) as chunks:
            async for chunk in chunks:
                yield chunk


def in_order(*voices: failing.Voice, failures: int = 5) -> list[Member[TextToSpeech]]:
    return [Member[TextToSpeech](voice.name, voice, Breaker(failures)) for voice in voices]


def several(members: Sequence[Member[TextToSpeech]], first_s: float = 4.0) -> SteadyVoice:
    return SteadyVoice("voices", members, Random(1), first_s=first_s, patience=Patience(2))


def replies(call: Outcome) -> list[dict[str, Any]]:
    return [turn for turn in call.turns if turn["kind"] == "reply"]


async def call_with(
    monkeypatch: pytest.MonkeyPatch,
    members: Sequence[Member[TextToSpeech]],
    *,
    first_s: float = 4.0,
    speech: Sequence[tuple[float, float]] = (ASKED,),
    script: str = SCRIPT,
) -> Outcome:
    monkeypatch.setattr(registry, "ScriptedTts", lambda script, voice: several(members, first_s))
    return await converse(script, list(speech), hang_up_at=60)


@pytest.mark.parametrize("first_s", [2.0, 4.0, 7.0])
async def test_a_voice_that_says_nothing_is_replaced_by_the_next_in_the_list(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch, first_s: float
) -> None:
    first, second = Voice("a", [[ALWAYS]]), Voice("b", [[0.2, WHOLE]])
    members = in_order(first, second, failures=1)
    call = await call_with(monkeypatch, members, first_s=first_s)
    (turn,) = replies(call)
    assert (turn["ending"], turn["heard"], turn["error"]) == ("completed", REPLY, "")
    assert turn["first_audio_ms"] == pytest.approx(first_s * 1000, abs=900)
    assert second.texts == [REPLY]
    assert [member.breaker.state for member in members] == [BreakerState.OPEN, BreakerState.CLOSED]


async def test_a_voice_that_stalls_in_mid_sentence_is_replaced_at_the_word_that_was_cut(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pieces of sound both may have to be waited for: the first until it is dead, and the second."""
    first = Voice("a", [[sound(500, "One", "two"), ALWAYS]])
    second = Voice("b", [[2.0, sound(900, "two", "three", "four.")]])
    members = in_order(first, second, failures=1)
    call = await call_with(monkeypatch, members)
    (turn,) = replies(call)
    assert second.texts == ["two three four."]
    assert (turn["ending"], turn["error"]) == ("completed", "")
    assert members[0].breaker.state is BreakerState.OPEN


async def test_a_voice_that_says_nothing_in_five_turns_is_asked_no_more(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Voice("a", [[ALWAYS]]), Voice("b", [[WHOLE]])
    speech = [(at, at + 1) for at in (1.0, 10.0, 19.0, 28.0, 37.0, 46.0)]
    call = await call_with(monkeypatch, in_order(first, second), speech=speech)
    assert [turn["heard"] for turn in replies(call)] == [REPLY] * 6
    assert first.texts == [REPLY] * 5
    assert replies(call)[-1]["first_audio_ms"] < 1_000


@pytest.mark.parametrize("first_s", [4.0, 7.0])
async def test_a_model_that_says_nothing_is_replaced_by_one_that_takes_its_time(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch, first_s: float
) -> None:
    first, second = Model("a", [[ALWAYS]]), Model("b", [[1.2, REPLY]])
    breaker = Breaker(failures=1)
    members = [Member("a", first, breaker), Member("b", second)]
    monkeypatch.setattr(
        registry, "ScriptedLlm", lambda script: SteadyModel("minds", members, Random(1), first_s=first_s)
    )
    call = await converse(SCRIPT, [ASKED], hang_up_at=30)
    (turn,) = replies(call)
    assert (turn["ending"], turn["heard"], turn["error"]) == ("completed", REPLY, "")
    assert breaker.state is BreakerState.OPEN


async def test_whoever_speaks_while_a_voice_is_waited_for_is_heard_at_once(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is learnt of the voice: nobody has waited for it to the end."""
    first, second = Voice("a", [[ALWAYS]]), Voice("b", [[WHOLE]])
    members = in_order(first, second, failures=1)
    call = await call_with(monkeypatch, members, first_s=20.0, speech=[ASKED, (6.0, 7.5)])
    assert replies(call)[0]["ending"] != "completed"
    assert replies(call)[0]["cancel_ms"] < 10
    assert 6_000 < replies(call)[0]["ended_ms"] + replies(call)[0]["began_ms"] < 8_500
    assert first.texts == [REPLY] * 2, "its breaker was closed when the second turn asked"
    assert replies(call)[1]["heard"] == REPLY


async def test_a_menu_waits_for_the_next_voice_too(autojump_clock: object) -> None:
    first, second = Voice("a", [[ALWAYS]]), Voice("b", [[0.2, WHOLE]])
    stream, sink = FakeStream(), MemorySink()
    seat = Seat(stream, Timeline(sink, TrioClock(), CallId("call"), DEFAULT_TENANT), CallSettings())
    members = in_order(first, second, failures=1)
    line = Line(cast("Call", seat), several(members), "", FormantVoice())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.run)
        with trio.fail_after(10):
            await line.say(REPLY, barge_in=False)
        nursery.cancel_scope.cancel()
    assert [voice.source for voice in stream.voices.values()] == [9_600]
    assert members[0].breaker.state is BreakerState.OPEN


# ---- how long is long enough --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
async def test_nobody_who_waits_as_long_as_he_is_told_gives_up_before_the_list_does(
    autojump_clock: object, seed: int
) -> None:
    """Each attempt fails as late as it may and is tried again, or sounds once and stalls; the last of all answers."""
    print(f"seed {seed}")
    chance = Random(seed)
    first_s, attempts, count = chance.uniform(0.5, 8.0), chance.randint(1, 3), chance.randint(1, 4)
    text = "word " * 200 + REPLY
    late: list[object] = [first_s - 0.001, failure(retryable=True, retry_after_s=1.0)]
    cut: list[object] = [sound(300), 2.999, failure(retryable=True, retry_after_s=1.0)]
    deeds = [[chance.choice((late, late, cut)) for _ in range(attempts)] for _ in range(count)]
    deeds[-1][-1] = [first_s - 0.001, sound(300)]
    members = in_order(*(failing.Voice(str(k), each) for k, each in enumerate(deeds)), failures=9)
    voice = SteadyVoice("voices", members, chance, first_s=first_s, patience=Patience(attempts))
    waits = waits_for(voice, 0.1, 0.1)
    heard = [chunk async for chunk in in_time(voice.stream(text, ""), *waits, "voices", counts=has_sound)]
    assert heard


async def test_a_provider_that_is_one_has_the_time_that_it_had(autojump_clock: object) -> None:
    assert waits_for(failing.Voice("a", []), 3.0, 2.0) == (3.0, 2.0)
    alone = several(in_order(Voice("a", [[ALWAYS]])))
    with pytest.raises(ProviderError, match="a: nothing for 4 s"):
        async for _ in in_time(alone.stream(REPLY, ""), *waits_for(alone, 3.0, 3.0), "alone"):
            pass
    assert trio.current_time() == pytest.approx(4.0)


# ---- recognisers --------------------------------------------------------------------------------------------------


@dataclass
class SlowEars:
    """Tells what was said so long after it has been given a second of it; infinite: never."""

    name: str
    words_s: float
    words_after_ms: float = 0.0
    opened: int = 0

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SlowEars]:
        await trio.lowlevel.checkpoint()
        self.opened += 1
        self._speech_ms, self._enough = 0.0, trio.Event()
        yield self

    async def push(self, chunk: EarsChunk) -> None:
        await trio.lowlevel.checkpoint()
        self._speech_ms += PTIME_MS * sum(span.speech for span in chunk.spans)
        if self._speech_ms >= 1_000:
            self._enough.set()

    async def next(self) -> Transcript:
        await self._enough.wait()
        await trio.sleep(self.words_s)
        self._enough, self._speech_ms = trio.Event(), 0.0
        return Transcript("hello", True, 1.0, 0, 0)

    def used(self) -> Sequence[Usage]:
        return ()


@pytest.mark.parametrize("words_s", [0.2, 1.5, 2.5])
async def test_a_recogniser_that_takes_its_time_stands_in_for_one_that_says_nothing(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch, words_s: float
) -> None:
    first, second = SlowEars("a", math.inf), SlowEars("b", words_s)
    breaker = Breaker(failures=1)
    members = [Member[SpeechToText]("a", first, breaker), Member[SpeechToText]("b", second)]
    monkeypatch.setattr(registry, "ScriptedStt", lambda script: SteadyEars("ears", members, Random(1)))
    call = await converse(SCRIPT, [(1.0, 3.0)], hang_up_at=20)
    assert call.noted("stt_failed") == []
    assert [(turn["asked"], turn["heard"]) for turn in replies(call)] == [("hello", REPLY)]
    assert (first.opened, second.opened, breaker.state) == (1, 1, BreakerState.OPEN)


async def test_recognisers_that_all_say_nothing_are_given_up(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [Member[SpeechToText](name, SlowEars(name, math.inf)) for name in ("a", "b")]
    monkeypatch.setattr(registry, "ScriptedStt", lambda script: SteadyEars("ears", members, Random(1)))
    call = await converse(SCRIPT, [(1.0, 3.0)])
    assert call.record.ending == "fault"
    assert len(call.noted("stt_failed")) == 3


async def test_coughs_are_forgiven_by_a_list_of_recognisers_too(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [Member[SpeechToText](name, SlowEars(name, math.inf)) for name in ("a", "b")]
    monkeypatch.setattr(registry, "ScriptedStt", lambda script: SteadyEars("ears", members, Random(1)))
    call = await converse(SCRIPT, [(at, at + 0.15) for at in (2.0, 9.0, 16.0, 23.0, 30.0)], hang_up_at=40)
    assert call.noted("stt_failed") == []
    assert call.record.ending == "caller_hung_up"
