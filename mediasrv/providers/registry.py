"""Which providers there are, by kind and name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mediasrv.errors import ConfigError
from mediasrv.providers.espeak import EspeakVoice, is_installed
from mediasrv.providers.protocols import EndOfTurn, LanguageModel, SpeechToText, TextToSpeech
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
