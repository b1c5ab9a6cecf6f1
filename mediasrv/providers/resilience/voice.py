"""A voice that is several: the next one goes on where one broke off, from the word that was cut.

What was handed over will be heard, so the rest begins with the first word that did not sound to its end: by the voice's
own word times, and without them by the share of the text that so much sound usually is.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from random import Random

import trio

from mediasrv.audio import duration_ms
from mediasrv.providers.protocols import ProviderError, SpeechChunk, TextToSpeech, WordTime
from mediasrv.providers.resilience.member import Member, Told, nobody, none_left, waits_for_all, willing
from mediasrv.providers.resilience.patience import Patience
from mediasrv.providers.resilience.silence import Silence

CHARACTERS_A_SECOND = (
    12.0  # of slow speech, for voices that tell no times: rather a word twice than one left out
)


class SteadyVoice:
    """A TextToSpeech; `first_s` is how long a member without a limit of its own may take for its first sound, `next_s`
    any for each further one."""

    def __init__(
        self,
        name: str,
        members: Sequence[Member[TextToSpeech]],
        chance: Random,
        *,
        first_s: float = 3.0,
        next_s: float = 3.0,
        patience: Patience | None = None,
        told: Told = nobody,
    ) -> None:
        self.name = name
        self._members, self._chance, self._told = members, chance, told
        self._first_s, self._next_s, self._patience = first_s, next_s, patience or Patience()
        self.waits = waits_for_all(members, first_s, next_s, self._patience)

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        errors: list[ProviderError] = []
        spoken = _Spoken(text)
        for member in willing(self._members, trio.current_time, self._told):
            failed = 0
            while True:
                try:
                    async with aclosing(self._say(member, spoken, voice)) as chunks:
                        async for chunk in chunks:
                            yield chunk
                except ProviderError as error:
                    failed += 1
                    self._told(member.name, "failed")
                    if not spoken.rest():
                        return  # it broke off behind the last word
                    pause_s = member.pause_s(failed, error, self._patience, self._chance)
                    if pause_s is None:
                        errors.append(error)
                        break
                    await trio.sleep(pause_s)
                else:
                    self._told(member.name, "used")
                    return
        raise none_left(self.name, errors)

    async def _say(
        self, member: Member[TextToSpeech], spoken: _Spoken, voice: str
    ) -> AsyncGenerator[SpeechChunk, None]:
        spoken.begin()
        with member.asked(trio.current_time):
            silence, sounded, text = (
                Silence(member.name, member.first_s or self._first_s),
                False,
                spoken.rest(),
            )
            async with aclosing(member.provider.stream(text, voice)) as chunks:
                while (chunk := await silence.next(chunks)) is not None:
                    if chunk.pcm:
                        sounded = True
                        member.breaker.succeeded()
                        silence.broken(self._next_s)
                    yield replace(spoken.take(chunk), speaker=chunk.speaker or member.name)
            if not sounded and any(character.isalnum() for character in text):
                raise ProviderError(member.name, "words, and no sound", retryable=False)
            if not sounded:
                member.breaker.given_up()  # there was nothing to be spoken, so nothing was learnt


class _Spoken:
    """How far a text has come, over all voices that spoke of it."""

    def __init__(self, text: str) -> None:
        self._starts = [match.start() for match in re.finditer(r"\S+", text)]  # of its words
        self._text = text
        self._first_word = 0  # that the voice speaks that speaks now
        self._ms_before = 0.0  # sounded when it began
        self._ms = 0.0
        self._words: list[WordTime] = []  # its, in its own time
        self._told = False  # something was handed on
        self._another = False  # and since then another voice began

    def begin(self) -> None:
        """Another voice takes over, or the same once more."""
        self._first_word = self._next_word()
        self._ms_before, self._words, self._another = self._ms, [], self._told

    def take(self, chunk: SpeechChunk) -> SpeechChunk:
        """The chunk, with its words where they lie in the whole passage, and where in it the voice begins."""
        self._words.extend(chunk.words)
        self._ms += duration_ms(chunk.pcm, chunk.rate_hz) if chunk.pcm else 0.0
        from_word, self._another = self._first_word if self._another else None, False
        self._told = True
        if self._ms_before and chunk.words:
            moved = tuple(
                WordTime(word.text, word.start_ms + self._ms_before, word.end_ms + self._ms_before)
                for word in chunk.words
            )
            chunk = replace(chunk, words=moved)
        return replace(chunk, from_word=from_word)

    def rest(self) -> str:
        """What has not sounded to its end."""
        return self._text_from(self._next_word())

    def _next_word(self) -> int:
        own_ms = self._ms - self._ms_before
        if not own_ms:
            return self._first_word
        if self._words:
            return self._first_word + sum(word.end_ms <= own_ms for word in self._words)
        sounded = self._text_from(self._first_word)[: int(own_ms / 1000 * CHARACTERS_A_SECOND)]
        return self._first_word + len(sounded.split()[:-1])

    def _text_from(self, word: int) -> str:
        if not word:
            return self._text
        return self._text[self._starts[word] :] if word < len(self._starts) else ""
