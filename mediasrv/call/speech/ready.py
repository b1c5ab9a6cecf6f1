"""Speech that is made before it is wanted: greetings, prompts, good-byes, "one moment".

An agent's fixed lines are the same in every call, so they are synthesised once for all its calls, with a voice of the
agent's own that no call waits for. What could not be made is not ready, and is synthesised in the call like any other
line: nothing depends on it. Each line was paid for when it was made, so a call that says it pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace

import trio

from mediasrv.conversation.provider_edge import (
    check_sound,
    check_words,
    has_sound,
    in_time,
    provider_errors,
    waits_for,
)
from mediasrv.errors import MediasrvError
from mediasrv.media import VoiceLevels
from mediasrv.providers.protocols import SpeechChunk, TextToSpeech

MOST_LINES = 64
FIRST_SOUND_S, NEXT_SOUND_S = 5.0, 5.0  # nobody waits for it


class ReadySpeech:
    """One agent's lines in one voice; `new_voice` opens what makes them."""

    def __init__(self, new_voice: Callable[[], TextToSpeech], voice: str, levels: VoiceLevels) -> None:
        self._new_voice, self._voice, self.levels = new_voice, voice, levels
        self._lines: dict[str, tuple[SpeechChunk, ...]] = {}
        self._making = trio.Lock()  # two calls that begin together do not make the same line twice

    def get(self, text: str) -> Sequence[SpeechChunk] | None:
        """The line's sound, if it is ready."""
        return self._lines.get(text)

    async def make(self, texts: Iterable[str]) -> None:
        """Makes what is not ready yet; a voice that fails leaves it so."""
        async with self._making:
            for text in texts:
                if text and text not in self._lines and len(self._lines) < MOST_LINES:
                    await self._make(text)

    def levelled(self, voice: str, chunk: SpeechChunk) -> SpeechChunk:
        """At the loudness of all the agent's voices."""
        if not chunk.pcm:
            return chunk
        name = f"{chunk.speaker or voice}/{self._voice}"
        pcm = self.levels.level(name, chunk.pcm, chunk.rate_hz)
        return replace(chunk, pcm=pcm)

    async def _make(self, text: str) -> None:
        made: list[SpeechChunk] = []
        sound_ms = 0.0
        try:
            with provider_errors("voice"):
                tts = self._new_voice()
            stream = tts.stream(text, self._voice)
            first_s, next_s = waits_for(tts, FIRST_SOUND_S, NEXT_SOUND_S)
            sound = in_time(stream, first_s, next_s, tts.name, counts=has_sound)
            async with aclosing(sound) as chunks:
                async for chunk in chunks:
                    check_words(chunk.words, tts.name)
                    sound_ms = check_sound(chunk, sound_ms, tts.name)
                    made.append(replace(self.levelled(tts.name, chunk), usage=None))
        except* MediasrvError:
            sound_ms = 0.0
        if sound_ms:
            self._lines[text] = tuple(made)
