"""Voices by names of our own: whose they are, what they are like, and which other one comes nearest.

A provider knows its own voices only. When an agent's voice fails and another provider goes on, that one cannot be asked
for the same voice: it speaks with the declared one of its own that is most like it, and with its own choice where none
was declared that speaks the language. What no declaration mentions is a voice of the first provider that is asked.

Likeness is language first (the same region before another), then how it sounds, then the words for its style.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field

from mediasrv.config import VoiceSettings
from mediasrv.errors import ConfigError
from mediasrv.providers.protocols import SpeechChunk, TextToSpeech

UNNAMED = "voice"  # the provider of an agent that names neither one nor a declared voice


@dataclass(frozen=True, slots=True)
class VoiceBook:
    """The voices that the operator has declared."""

    voices: Mapping[str, VoiceSettings] = field(default_factory=dict)

    def check(self, speakers: Mapping[str, object]) -> None:
        """ConfigError for a voice whose provider does not speak, or is none."""
        for name, voice in self.voices.items():
            if voice.provider not in speakers:
                there = ", ".join(sorted(speakers)) or "none"
                problem = f"must be a provider that speaks: {there}"
                raise ConfigError(f"voices.{name}.provider", problem, value=voice.provider)

    def speakers(self, voice: str, named: Sequence[str]) -> list[str]:
        """Who is asked to speak with this voice: its own provider, and then those that the agent names."""
        declared = self.voices.get(voice)
        if declared is None:
            return list(named) or [UNNAMED]
        return [declared.provider, *(name for name in named if name != declared.provider)]

    def spoken_by(self, provider: str, voice: str, first: str) -> str:
        """What `provider` calls the voice with which it speaks in place of `voice`; `first` is asked before it."""
        wanted = self.voices.get(voice)
        if wanted is None:
            return voice if provider == first else ""
        if wanted.provider == provider:
            return wanted.voice
        own = [each for each in self.voices.values() if each.provider == provider]
        likely = [(likeness, each.voice) for each in own if (likeness := _likeness(wanted, each))[0]]
        return max(likely, key=lambda pair: pair[0])[1] if likely else ""


class VoiceOf:
    """A provider's own voice, in place of whichever was named; a TextToSpeech."""

    def __init__(self, tts: TextToSpeech, provider: str, first: str, book: VoiceBook) -> None:
        self.name = tts.name
        self._tts, self._provider, self._first, self._book = tts, provider, first, book

    def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        return self._tts.stream(text, self._book.spoken_by(self._provider, voice, self._first))


def _likeness(wanted: VoiceSettings, other: VoiceSettings) -> tuple[int, bool, int]:
    """Language (0: another one), sound, words of style in common."""
    shared = _words(wanted.style) & _words(other.style)
    return _same_language(wanted.language, other.language), wanted.gender == other.gender, len(shared)


def _same_language(one: str, other: str) -> int:
    one, other = one.lower(), other.lower()
    if one == other:
        return 3
    if not one or not other:
        return 1
    return 2 if one.partition("-")[0] == other.partition("-")[0] else 0


def _words(style: str) -> set[str]:
    return set(re.findall(r"\w+", style.lower()))
