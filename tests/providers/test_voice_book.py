"""Voices by our own names: whose they are, who is asked for them, and who stands in when theirs is gone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing, asynccontextmanager
from random import Random

import pytest

from mediasrv.call.speech.ready import ReadySpeech
from mediasrv.config import ProviderSettings, VoiceSettings
from mediasrv.errors import ConfigError
from mediasrv.media import VoiceLevels
from mediasrv.providers import adapters
from mediasrv.providers.formant import speak
from mediasrv.providers.house import ProviderHouse
from mediasrv.providers.protocols import ProviderError, SpeechChunk
from mediasrv.providers.resilience import Member, SteadyVoice
from mediasrv.providers.voice_book import VoiceBook
from tests.media.test_voice_level import TEXT, at_gain, loudness_dbfs
from tests.providers.failing import Voice, failure

ANNA = VoiceSettings("eleven", "EXAVITQu4", "en-GB", "female", "calm, warm")
BOOK = VoiceBook({
    "anna": ANNA,
    "ben": VoiceSettings("other", "ben-1", "en", "male", "calm"),
    "cleo": VoiceSettings("other", "cleo-1", "en-US", "female", "brisk"),
    "cora": VoiceSettings("other", "cora-1", "en-US", "female", "warm"),
    "devi": VoiceSettings("third", "devi-1", "hi-IN", "female", "calm, warm"),
    "any": VoiceSettings("fourth", "any-1"),
})  # fmt: skip


@pytest.mark.parametrize(
    ("provider", "voice"),
    [("eleven", "EXAVITQu4"), ("other", "cora-1"), ("third", ""), ("fourth", "any-1"), ("fifth", "")],
    ids=["its own", "like it in language, sound and style", "another language", "says nothing", "has none"],
)
def test_a_voice_is_spoken_by_the_nearest_that_a_provider_has(provider: str, voice: str) -> None:
    assert BOOK.spoken_by(provider, "anna", "eleven") == voice


def test_how_it_sounds_comes_before_its_style() -> None:
    assert BOOK.spoken_by("other", "anna", "eleven") != "ben-1"
    male = VoiceBook({**BOOK.voices, "anna": VoiceSettings("eleven", "x", "en", "male", "warm")})
    assert male.spoken_by("other", "anna", "eleven") == "ben-1"


def test_a_voice_that_nobody_declared_is_the_first_providers_and_nobody_elses() -> None:
    assert BOOK.spoken_by("eleven", "EXA", "eleven") == "EXA"
    assert BOOK.spoken_by("other", "EXA", "eleven") == ""


def test_whose_voice_it_is_is_asked_first_and_the_agents_own_list_after_it() -> None:
    assert BOOK.speakers("anna", ["other", "eleven"]) == ["eleven", "other"]
    assert BOOK.speakers("anna", []) == ["eleven"]
    assert BOOK.speakers("", ["other"]) == ["other"]
    assert BOOK.speakers("EXA", []) == ["voice"]


def test_a_voice_of_a_provider_that_is_none_or_only_thinks_is_refused_at_the_start() -> None:
    declared = {"mind": ProviderSettings("ollama"), "mouth": ProviderSettings("formant")}
    for provider in ("mind", "nobody", ""):
        with pytest.raises(ConfigError, match=r"voices.anna.provider.*: mouth"):
            ProviderHouse(declared, voices={"anna": VoiceSettings(provider)})


class Asked:
    """A voice that says with which voice it was asked to speak."""

    def __init__(self, name: str, *, fails: bool) -> None:
        self.name, self._fails = name, fails
        self.voices: list[str] = []

    async def stream(self, text: str, voice: str):
        self.voices.append(voice)
        if self._fails:
            raise failure(retryable=False)
        yield SpeechChunk(b"\1\0", 8_000)


async def test_a_fall_back_is_not_asked_for_a_voice_that_is_not_its_own(
    autojump_clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"eleven": Asked("eleven", fails=True), "other": Asked("other", fails=False)}

    @asynccontextmanager
    async def opened(declared):
        yield asked[declared.name]

    monkeypatch.setitem(adapters.VOICES, "formant", opened)  # type: ignore[index]
    declared = {name: ProviderSettings("formant") for name in asked}
    voices = {name: voice for name, voice in BOOK.voices.items() if voice.provider in asked}
    async with ProviderHouse(declared, voices=voices) as house:
        for wanted in ("anna", "EXA"):
            tts = house.voice(["eleven", "other"], wanted)
            async with aclosing(tts.stream("Good day.", wanted)) as chunks:
                assert [chunk.speaker async for chunk in chunks] == ["other"]
    assert (asked["eleven"].voices, asked["other"].voices) == (["EXAVITQu4", "EXA"], ["cora-1", ""])


async def test_a_soft_voice_and_the_loud_one_that_stands_in_for_it_are_heard_at_one_loudness(
    autojump_clock,
) -> None:
    """Both speak under the name of the company; each has its own gain, from its first second on."""
    pcm = speak(TEXT, 8_000, "mid").pcm
    soft = SpeechChunk(at_gain(pcm, -15), 8_000)
    loud = SpeechChunk(at_gain(pcm, 6), 8_000)
    gone: Sequence[Sequence[object]] = ([soft], [soft], [ProviderError("soft", "gone", retryable=False)])
    members = [Member("soft", Voice("soft", gone)), Member("loud", Voice("loud", [[loud]]))]
    tts = SteadyVoice("company", members, Random(1))
    ready = ReadySpeech(lambda: tts, "", VoiceLevels())
    heard: list[tuple[str, float]] = []
    for _ in range(4):
        async with aclosing(tts.stream(TEXT, "")) as chunks:
            heard += [(c.speaker, loudness_dbfs(ready.levelled(tts.name, c).pcm)) async for c in chunks]
    assert [speaker for speaker, _ in heard] == ["soft", "soft", "loud", "loud"]
    assert heard[1][1] == pytest.approx(-20, abs=2)
    assert heard[2][1] == pytest.approx(-20, abs=2)  # the first that it ever said
