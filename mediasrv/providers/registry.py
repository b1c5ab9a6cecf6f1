"""Which providers there are, by kind and name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from mediasrv.errors import ConfigError
from mediasrv.providers.espeak import EspeakVoice, is_installed
from mediasrv.providers.pocketsphinx.expectation import expect
from mediasrv.providers.pocketsphinx.lexicon import model_directory
from mediasrv.providers.pocketsphinx.recogniser import PocketSphinx
from mediasrv.providers.protocols import (
    EndOfTurn,
    LanguageModel,
    ProviderError,
    SpeechToText,
    SttStream,
    TextToSpeech,
)
from mediasrv.providers.script import Script
from mediasrv.providers.scripted import ScriptedLlm, ScriptedStt, ScriptedTts
from mediasrv.providers.voices import FormantVoice, ToneVoice


def espeak_or_built_in() -> TextToSpeech:
    """The extra `local` may be missing: a call with the built-in voice is better than none."""
    return EspeakVoice() if is_installed() else FormantVoice()


VOICES: Mapping[str, Callable[[], TextToSpeech]] = {
    "formant": FormantVoice,
    "tone": ToneVoice,
    "espeak": espeak_or_built_in,
}


@dataclass(frozen=True, slots=True)
class Providers:
    """One call's set; `spare_voice` speaks when the voice fails."""

    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    spare_voice: TextToSpeech | None = None
    end_of_turn: EndOfTurn | None = None


class NoRecogniser:
    """Stands where the extra `local` is missing: says so at once, and the call takes leave."""

    name = "none"

    def open(self, language: str) -> AbstractAsyncContextManager[SttStream]:
        raise ProviderError(self.name, "the extra `local` is not installed", retryable=False)


def local_recogniser(
    subjects: Sequence[Sequence[str]], sounds: Mapping[str, str], spared: Sequence[int]
) -> SpeechToText:
    """One that runs here and expects these sentences; `spared`: processors that are not for it."""
    if model_directory() is None:
        return NoRecogniser()
    return PocketSphinx(expect(subjects, sounds), spared)


def voice(name: str) -> TextToSpeech:
    if name not in VOICES:
        raise ConfigError("voice.kind", f"must be one of {', '.join(VOICES)}", value=name)
    return VOICES[name]()


def scripted(script: Script) -> Providers:
    """A fresh set that begins at the script's first line."""
    return Providers(
        ScriptedStt(script),
        ScriptedLlm(script),
        ScriptedTts(script, voice(script.voice.kind)),
        FormantVoice(),
    )
