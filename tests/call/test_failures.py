"""A provider that fails, a caller who goes, time that runs out: each is a path like any other."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random

import pytest
import trio

from mediasrv.audio import EarsChunk
from mediasrv.call import CallServices, CallSettings, Failures, Patience, run_call
from mediasrv.call.call import Call
from mediasrv.call.scripted_agent import scripted_agent
from mediasrv.call.services import MediaNeeds
from mediasrv.conversation.tools import Prepared, ToolResult, ToolSpec
from mediasrv.ids import SeededTokens
from mediasrv.legs import Ending
from mediasrv.media import MediaTimeout
from mediasrv.providers import registry
from mediasrv.providers.protocols import (
    LlmDelta,
    LlmRequest,
    ProviderError,
    SpeechChunk,
    SpeechToText,
    TextDelta,
    ToolCall,
    ToolRequest,
    Transcript,
    Usage,
    WordTime,
)
from mediasrv.providers.resilience import Member, SteadyEars, SteadyVoice
from mediasrv.providers.script import Script, parse_script
from mediasrv.telemetry import MemorySink
from tests.call.conversing import LONG, converse
from tests.call.test_ahead import an_agent
from tests.fakes.leg import FakeLeg, TrioClock
from tests.fakes.stream import FakeStream

BASE = f"""
greeting = "Good day to you."
[[hears]]
text = "What do you do all day?"
[[reply]]
text = "{LONG}"
"""
SPEECH = [(4.0, 5.2)]


def fault(of: str, kind: str, request: int = 1, after: int = 0) -> str:
    return f'[[fault]]\nof = "{of}"\nkind = "{kind}"\nrequest = {request}\nafter = {after}\nslow_ms = 900\n'


@pytest.mark.parametrize("kind", ["error", "stall"])
@pytest.mark.parametrize("after", [0, 1, 5, 30])
async def test_a_model_that_fails_is_apologised_for_and_the_call_goes_on(
    autojump_clock: object, kind: str, after: int
) -> None:
    call = await converse(BASE + fault("llm", kind, after=after), [*SPEECH, (30.0, 31.0)], hang_up_at=50)
    reply = next(turn for turn in call.turns if turn["kind"] == "reply")
    assert reply["ending"] == "error"
    assert reply["heard"].endswith(Failures().apology)
    assert call.turns[-1]["ending"] in {"completed", "hangup"}
    assert call.record.ending == "caller_hung_up"


SILENT = """
[[reply]]
tools = [{{ name = "work" }}]
[[tool]]
name = "work"
on_cancel = "{policy}"
ends_call = {ends_call}
"""


@pytest.mark.parametrize("policy", ["cancel", "shield"])
async def test_a_model_that_writes_nothing_after_a_tool_is_apologised_for(
    autojump_clock: object, policy: str
) -> None:
    call = await converse(SILENT.format(policy=policy, ends_call="false"), [(1.0, 2.0)], hang_up_at=9)
    (reply,) = (turn for turn in call.turns if turn["kind"] == "reply")
    assert (reply["ending"], reply["heard"]) == ("error", Failures().apology)
    assert reply["error"].endswith("nothing that can be said")
    assert [entry["outcome"] for entry in call.noted("tool_ended")] == ["done"]


async def test_a_model_that_hangs_up_without_a_word_has_not_failed(autojump_clock: object) -> None:
    call = await converse(SILENT.format(policy="cancel", ends_call="true"), [(1.0, 2.0)])
    assert (call.record.ending, call.turns[-1]["error"]) == ("agent_hung_up", "")


@dataclass
class EndsAtOnce:
    """A tool of somebody's own that ends the call, and does not wait to be heard."""

    end_call: Callable[[], None]
    spec: ToolSpec = field(default_factory=lambda: ToolSpec("work"))

    async def prepare(self, call: ToolCall) -> Prepared:
        await trio.lowlevel.checkpoint()
        return Prepared(call)

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        await trio.lowlevel.checkpoint()
        self.end_call()
        return ToolResult(prepared.call.id, "done")


async def test_nobody_is_asked_to_repeat_himself_by_an_agent_that_is_leaving(autojump_clock: object) -> None:
    agent = scripted_agent(parse_script(SILENT.format(policy="cancel", ends_call="false")))
    agent.tools = lambda end: [EndsAtOnce(end)]
    call = await converse("", [(1.0, 2.0)], agent=agent)
    assert (call.record.ending, call.turns[-1]["heard"]) == ("agent_hung_up", "")


@pytest.mark.parametrize("kind", ["error", "stall"])
@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_voice_that_fails_is_stood_in_for(autojump_clock: object, kind: str, after: int) -> None:
    call = await converse(BASE + fault("tts", kind, request=2, after=after), SPEECH, hang_up_at=30)
    reply = next(turn for turn in call.turns if turn["kind"] == "reply")
    assert reply["error"]
    assert reply["heard"]
    assert call.record.ending == "caller_hung_up"


async def test_a_slow_provider_is_only_slow(autojump_clock: object) -> None:
    call = await converse(
        BASE + fault("llm", "slow") + fault("tts", "slow", request=2), SPEECH, hang_up_at=40
    )
    reply = call.turns[1]
    assert reply["ending"] == "completed"
    assert reply["first_token_ms"] >= 900


@pytest.mark.parametrize("kind", ["error", "stall"])
async def test_a_recogniser_that_dies_is_opened_again(autojump_clock: object, kind: str) -> None:
    call = await converse(BASE + fault("stt", kind), [*SPEECH, (14.0, 15.0)], hang_up_at=30)
    assert call.noted("stt_failed")
    assert any(turn["kind"] == "reply" for turn in call.turns)


async def test_a_recogniser_that_stays_dead_ends_the_call_with_good_bye(autojump_clock: object) -> None:
    faults = "".join(fault("stt", "error", request=k) for k in range(1, 5))
    call = await converse(BASE + faults, SPEECH)
    assert call.record.ending == "fault"
    assert call.turns[-1]["heard"] == Failures().farewell


@dataclass
class BreaksOff:
    """A recogniser that takes the sound, has no words in it, and hangs up."""

    name: str = "breaks"
    words_after_ms: float = 200.0
    opened: int = 0
    answered: bool = False

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[BreaksOff]:
        await trio.lowlevel.checkpoint()
        self.opened, self.answered = self.opened + 1, False
        yield self

    async def push(self, chunk: EarsChunk) -> None:
        await trio.lowlevel.checkpoint()

    async def next(self) -> Transcript:
        await trio.sleep(0.5)
        if self.answered:
            raise ProviderError("breaks", "1011", retryable=True)
        self.answered = True
        return Transcript("", final=True, confidence=1.0, start_ms=0.0, end_ms=0.0)

    def used(self) -> Sequence[Usage]:
        return ()


async def test_answers_without_words_are_no_proof_that_a_recogniser_works(autojump_clock: object) -> None:
    ears = BreaksOff()
    agent = an_agent('[[reply]]\ntext = "At eight."\n', (), lambda these: replace(these, stt=ears))
    call = await converse("", [(1.0, 20.0)], agent=agent)
    assert ears.opened == Failures().stt_attempts
    assert (call.record.ending, call.turns[-1]["heard"]) == ("fault", Failures().farewell)


async def test_a_recogniser_that_is_given_up_is_not_waited_for(autojump_clock: object) -> None:
    call = await converse("".join(fault("stt", "error", request=k) for k in range(1, 5)), SPEECH)
    given_up_ms = call.noted("stt_failed")[-1]["ms"]
    assert call.turns[0]["kind"] == "goodbye"
    assert call.turns[0]["began_ms"] - given_up_ms <= 40


async def test_two_failed_turns_in_a_row_end_the_call_with_good_bye(autojump_clock: object) -> None:
    faults = fault("llm", "error", 1) + fault("llm", "error", 2)
    call = await converse(BASE + faults, [*SPEECH, (14.0, 15.0)])
    assert call.record.ending == "fault"
    assert call.turns[-1]["heard"] == Failures().farewell


@pytest.mark.parametrize("at_ms", range(5, 8_000, 170))
async def test_the_caller_may_hang_up_at_any_time(autojump_clock: object, at_ms: int) -> None:
    call = await converse(BASE, SPEECH, hang_up_at=at_ms / 1000)
    assert call.record.ending == "caller_hung_up"


async def test_silence_is_asked_after_and_then_the_call_ends(autojump_clock: object) -> None:
    call = await converse('greeting = "Good day."\n', [])
    assert [turn["kind"] for turn in call.turns] == ["greeting", "prompt", "prompt", "goodbye"]
    assert call.record.ending == "silence"


async def test_the_longest_call_ends_with_good_bye(autojump_clock: object) -> None:
    call = await converse(BASE, SPEECH, settings=CallSettings(max_length_s=8.0))
    assert call.record.ending == "max_length"
    assert call.turns[-2]["ending"] == "timeout"
    assert call.turns[-1]["heard"] == CallSettings().goodbye


async def test_a_caller_who_is_no_longer_there_ends_the_call(autojump_clock: object) -> None:
    call = await converse(BASE, SPEECH, events=[(7.0, MediaTimeout(0))])
    assert call.record.ending == "media_timeout"


async def test_patience_is_a_setting(autojump_clock: object) -> None:
    settings = CallSettings(patience=Patience(prompt_ms=2_000, prompts=0))
    call = await converse('greeting = "Good day."\n', [], settings=settings)
    assert [turn["kind"] for turn in call.turns] == ["greeting", "goodbye"]


class Broken:
    name = "broken"
    needs = MediaNeeds()

    async def lead(self, call: Call) -> Ending:
        call.start_soon(self._break)
        await trio.sleep_forever()
        raise AssertionError

    async def _break(self) -> None:
        await trio.sleep(1)
        raise KeyError("the agent's own mistake")


async def run_broken(leg: FakeLeg) -> tuple[dict[str, object], MemorySink]:
    sink = MemorySink()
    record = await run_call(leg, Broken(), CallServices(TrioClock(), SeededTokens(1), sink))
    return record.as_json(), sink


async def test_a_fault_inside_a_call_ends_that_call_and_is_recorded(autojump_clock: object) -> None:
    leg = FakeLeg(FakeStream())
    record, sink = await run_broken(leg)
    assert record["ending"] == "fault"
    assert "the agent's own mistake" in str(record["error"])
    assert leg.hung_up == [Ending.FAULT]
    assert len(sink.of(leg.info.id, "call")) == 1


async def test_a_caller_who_cancels_before_the_answer_is_not_led(autojump_clock: object) -> None:
    leg = FakeLeg(FakeStream(), gone_before_answer=True)
    record, _ = await run_broken(leg)
    assert (record["ending"], record["answered"]) == ("caller_cancelled", False)


async def test_cancelled_from_outside_the_call_still_says_good_bye(autojump_clock: object) -> None:
    leg, sink = FakeLeg(FakeStream()), MemorySink()
    with trio.move_on_after(0.5) as scope:
        await run_call(leg, Broken(), CallServices(TrioClock(), SeededTokens(1), sink))
    assert scope.cancelled_caught
    assert leg.hung_up == [Ending.DRAIN]
    assert sink.of(leg.info.id, "call")[0]["ending"] == "drain"


# ---- a voice that dies, is silent or talks nonsense --------------------------------------------------------------


async def test_of_a_sentence_whose_voice_died_only_the_sounded_words_were_heard(
    autojump_clock: object,
) -> None:
    script = BASE + fault("tts", "error", request=2, after=3)
    call = await converse(
        script.replace("[[hears]]", '[voice]\nkind = "tone"\n[[hears]]', 1), SPEECH, hang_up_at=40
    )
    reply = next(turn for turn in call.turns if turn["kind"] == "reply")
    first, rest = LONG.split(". ", 1)[0].split(), LONG.split(". ", 1)[1].split()
    assert reply["heard"].split() == first[:3] + rest


async def test_a_voice_that_is_always_stood_in_for_does_not_end_the_call(autojump_clock: object) -> None:
    faults = "".join(fault("tts", "error", request=k) for k in range(1, 12))
    script = (BASE + faults).replace(LONG, "Nothing much.") + '[ears]\notherwise = "and now"\n'
    call = await converse(script, [(4.0, 5.2), (10.0, 11.2), (16.0, 17.2)], hang_up_at=25)
    assert call.record.ending == "caller_hung_up"
    assert [turn["heard"] for turn in call.turns[:4]] == ["Good day to you.", *["Nothing much."] * 3]


async def test_a_tool_waits_for_the_words_not_for_the_voice_that_should_have_said_them(
    autojump_clock: object,
) -> None:
    script = """
    [[reply]]
    text = "Thank you for calling us today."
    tools = [{ name = "hang_up" }]
    then = "Good-bye!"
    [[tool]]
    name = "hang_up"
    on_cancel = "commit_if_heard"
    ends_call = true
    """
    call = await converse(script + fault("tts", "error", request=1), [(1.0, 2.0)], hang_up_at=20)
    assert call.record.ending == "agent_hung_up"
    call = await converse(script + fault("tts", "error", request=1, after=1), [(1.0, 2.0)], hang_up_at=20)
    assert call.record.ending == "caller_hung_up", "half a sentence was not heard"


NONSENSE: dict[str, SpeechChunk | Exception] = {
    "no rate": SpeechChunk(bytes(320), 0),
    "half a sample": SpeechChunk(bytes(321), 8_000),
    "a rate nobody has": SpeechChunk(bytes(320), 7),
    "a word at no time": SpeechChunk(bytes(320), 8_000, (WordTime("a", math.nan, math.nan),)),
    "a word before the beginning": SpeechChunk(bytes(320), 8_000, (WordTime("a", -9e9, 1),)),
    "silence without end": SpeechChunk(bytes(16_000 * 600), 8_000),
    "nothing at all": SpeechChunk(b"", 8_000),
    "an error of its own": KeyError("audio"),
}


class BabblingVoice:
    name = "babbling"

    def __init__(self, babble: SpeechChunk | Exception) -> None:
        self._babble = babble

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        await trio.lowlevel.checkpoint()
        if isinstance(self._babble, Exception):
            raise self._babble
        yield self._babble


@pytest.mark.parametrize("what", NONSENSE)
async def test_a_voice_that_talks_nonsense_is_stood_in_for(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(registry, "ScriptedTts", lambda script, voice: BabblingVoice(NONSENSE[what]))
    call = await converse('greeting = "Good day to you."\n', [], hang_up_at=6)
    assert (call.turns[0]["heard"], call.record.ending) == ("Good day to you.", "caller_hung_up")
    assert call.turns[0]["error"].startswith("babbling: ")


# ---- a model that talks nonsense ---------------------------------------------------------------------------------


class BabblingModel:
    name = "babbling"

    def __init__(self, deltas: Callable[[], Iterator[LlmDelta]]) -> None:
        self._deltas = deltas

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        for delta in self._deltas():
            await trio.lowlevel.checkpoint()
            yield delta


def an_error_of_its_own() -> Iterator[LlmDelta]:
    yield TextDelta("Well, ")
    raise KeyError("choices")


def tools_without_end() -> Iterator[LlmDelta]:
    while True:
        yield ToolRequest(ToolCall("x", "none", {}))


def words_without_end() -> Iterator[LlmDelta]:
    while True:
        yield TextDelta(" ")


@pytest.mark.parametrize("deltas", [an_error_of_its_own, tools_without_end, words_without_end])
async def test_a_model_that_talks_nonsense_is_apologised_for(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch, deltas: Callable[[], Iterator[LlmDelta]]
) -> None:
    monkeypatch.setattr(registry, "ScriptedLlm", lambda script: BabblingModel(deltas))
    call = await converse("", [(1.0, 2.0)], hang_up_at=12)
    assert call.record.ending == "caller_hung_up"
    assert call.turns[0]["heard"].endswith(Failures().apology)


# ---- a recogniser that stalls or fails somewhere else than in its transcripts ------------------------------------


@dataclass
class BadEars:
    """Stalls, or fails with an error of its own, at one place; after two attempts it is well."""

    where: str
    how: str
    attempts: int = 0
    name: str = "bad"
    words_after_ms: float = 0.0

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[BadEars]:
        self.attempts += 1
        await self._misbehave("open")
        yield self
        await trio.lowlevel.checkpoint()

    async def push(self, chunk: EarsChunk) -> None:
        await self._misbehave("push")

    def used(self) -> Sequence[Usage]:
        return ()

    async def next(self) -> Transcript:
        await self._misbehave("next")
        if self.attempts <= 2:
            await trio.sleep_forever()
        self.attempts += 1
        if self.attempts > 4:
            await trio.sleep_forever()
        await trio.sleep(1.0)  # by then it has been given what it answers
        return Transcript("hello", True, 1.0, 0, 0)

    async def _misbehave(self, where: str) -> None:
        await trio.lowlevel.checkpoint()
        if where == self.where and self.attempts <= 2:
            if self.how == "error":
                raise ConnectionError("refused")
            await trio.sleep_forever()


@pytest.mark.parametrize("how", ["error", "stall"])
@pytest.mark.parametrize("where", ["open", "push", "next"])
async def test_a_recogniser_that_fails_anywhere_is_opened_again(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch, where: str, how: str
) -> None:
    monkeypatch.setattr(registry, "ScriptedStt", lambda script: BadEars(where, how))
    speech = [(at, at + 1.5) for at in (1.0, 8.0)] if (where, how) == ("next", "stall") else []
    call = await converse("", speech, hang_up_at=25)
    assert len(call.noted("stt_failed")) == 2
    assert call.record.ending == "caller_hung_up"
    assert any(turn["asked"] == "hello" for turn in call.turns)


def make_ears_steady(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = registry.ScriptedStt

    def ears(script: Script) -> SpeechToText:
        return SteadyEars("ears", [Member("alone", alone(script))], Random(1))

    monkeypatch.setattr(registry, "ScriptedStt", ears)


@pytest.mark.parametrize("how", ["stall", "error"])
@pytest.mark.parametrize("steady", [False, True])
async def test_a_recogniser_that_fails_twice_hears_what_was_said_meanwhile(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch, how: str, steady: bool
) -> None:
    if steady:
        make_ears_steady(monkeypatch)
    faults = "".join(fault("stt", how, request) for request in (1, 2))
    always = '[ears]\notherwise = "What do you do all day?"\n'  # whichever of them hears it
    call = await converse(BASE + faults + always, SPEECH, hang_up_at=40)
    assert call.noted("stt_failed") or (steady and how == "error")
    replies = [turn for turn in call.turns if turn["kind"] == "reply"]
    assert [turn["asked"] for turn in replies] == ["What do you do all day?"]
    assert call.record.ending == "caller_hung_up"


async def test_coughs_do_not_make_a_recogniser_dead(autojump_clock: object) -> None:
    coughs = [(at, at + 0.15) for at in (2.0, 9.0, 16.0, 23.0, 30.0)]
    call = await converse('[ears]\notherwise = ""\n', coughs, hang_up_at=40)
    assert call.noted("stt_failed") == []
    assert call.record.ending == "caller_hung_up"


MUSIC_HEARS = """
[[hears]]
text = ""
[[hears]]
text = "What do you do all day?"
"""


@pytest.mark.parametrize("steady", [False, True])
async def test_music_in_which_a_recogniser_finds_no_words_is_no_failure_and_no_news_of_the_caller(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch, steady: bool
) -> None:
    if steady:
        make_ears_steady(monkeypatch)
    script = 'greeting = "Good day to you."\n' + MUSIC_HEARS + f'[[reply]]\ntext = "{LONG}"\n'
    call = await converse(script, [(4.0, 34.0), (36.0, 37.5)], hang_up_at=60)
    assert call.noted("stt_failed") == []
    assert "" not in [words["text"] for words in call.noted("words")]
    assert [turn["asked"] for turn in call.turns if turn["kind"] == "reply"] == ["What do you do all day?"]
    assert call.record.ending == "caller_hung_up"


@pytest.mark.parametrize("steady", [False, True])
async def test_a_line_that_goes_dead_in_mid_speech_is_not_the_recognisers_failure(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch, steady: bool
) -> None:
    if steady:
        make_ears_steady(monkeypatch)
    script = BASE.replace('day?"', 'day?"\nfirst_word_ms = 2_500')
    call = await converse(script, [(4.0, 5.5)], dead=[(5.4, 15.0)], hang_up_at=40)
    assert call.noted("stt_failed") == []
    (reply,) = (turn for turn in call.turns if turn["kind"] == "reply")
    assert reply["asked"] == "What do you do all day?"
    assert reply["began_ms"] >= 15_000


async def test_a_recogniser_lost_while_the_agent_speaks_is_told_of_before_the_call_ends(
    autojump_clock: object,
) -> None:
    faults = "".join(fault("stt", "error", request=k) for k in range(1, 5))
    call = await converse(f'greeting = "{LONG}"\n' + faults, [], hang_up_at=60)
    assert call.record.ending == "fault"
    assert call.turns[-1]["heard"] == Failures().farewell


async def test_an_interruption_does_not_bring_a_dead_recogniser_back(autojump_clock: object) -> None:
    faults = "".join(fault("stt", "error", request=k) for k in range(1, 5))
    call = await converse(f'greeting = "{LONG}"\n' + faults, [(3.0, 5.0)], hang_up_at=60)
    assert call.record.ending == "fault"
    assert call.turns[-1]["heard"] == Failures().farewell
    assert call.record.duration_ms < 20_000


class WordsApart(BabblingVoice):
    """Tells where its words lie before it makes a sound."""

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        await trio.lowlevel.checkpoint()
        words = tuple(WordTime(word, 200.0 * k, 200.0 * k + 200) for k, word in enumerate(text.split()))
        yield SpeechChunk(b"", 8_000, words)
        yield SpeechChunk(bytes(3_200 * len(words)), 8_000)


async def test_word_times_that_come_without_sound_are_kept(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "ScriptedTts", lambda script, voice: WordsApart(SpeechChunk(b"", 8_000)))
    call = await converse('greeting = "Good day to you."\n', [], hang_up_at=6)
    assert [entry["word"] for entry in call.noted("word")] == ["Good", "day", "to", "you."]


class WordsOnly(BabblingVoice):
    """Tells where all its words lie, makes `sound_ms` of sound, and dies."""

    def __init__(self, sound_ms: int) -> None:
        super().__init__(ProviderError("words only", "it died", retryable=False))
        self._sound_ms = sound_ms

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        words = tuple(WordTime(word, 200.0 * k, 200.0 * k + 200) for k, word in enumerate(text.split()))
        yield SpeechChunk(bytes(16 * self._sound_ms), 8_000, words)
        await trio.lowlevel.checkpoint()
        raise ProviderError(self.name, "it died", retryable=False)


async def test_words_of_a_voice_that_never_sounded_are_not_those_of_the_voice_that_stands_in(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "ScriptedTts", lambda script, voice: WordsOnly(0))
    call = await converse(f'greeting = "{LONG}"\n', [(1.5, 4.0)], hang_up_at=20)
    assert call.turns[0]["interrupted"]
    until_ms = call.noted("turn_ended")[0]["ms"]
    began = [entry["word"] for entry in call.noted("word") if entry["ms"] <= until_ms]
    assert call.turns[0]["heard"].split() in (began, began[:-1])


async def test_marks_of_words_go_on_with_the_voice_that_took_over(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def voices(script: object, voice: object) -> SteadyVoice:
        company = WordsOnly(500), WordsApart(SpeechChunk(b"", 8_000))
        return SteadyVoice("voice", [Member(str(k), each) for k, each in enumerate(company)], Random(1))

    monkeypatch.setattr(registry, "ScriptedTts", voices)
    call = await converse('greeting = "Good day to you."\n', [], hang_up_at=6)
    assert [entry["word"] for entry in call.noted("word")] == ["Good", "day", "to", "to", "you."]
    assert call.turns[0]["heard"] == call.turns[0]["said"] == "Good day to you."
