"""Words out of characters with times: a word is told when what follows it shows that it is whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mediasrv.providers.protocols import WordTime


@dataclass(slots=True)
class Characters:
    """Gathers characters as they come, and gives whole words."""

    _text: str = ""
    _start_ms: float = 0.0
    _end_ms: float = 0.0
    _words: list[WordTime] = field(default_factory=list)

    def feed(self, characters: Iterable[tuple[str, float, float]]) -> tuple[WordTime, ...]:
        """Each character with its beginning and end in milliseconds; the words that are whole by now."""
        for character, start_ms, end_ms in characters:
            if character.isspace():
                self._close()
                continue
            if not self._text:
                self._start_ms = max(0.0, start_ms, self._end_ms)
            self._text += character
            self._end_ms = max(self._start_ms, end_ms)
        return self._taken()

    def close(self) -> tuple[WordTime, ...]:
        """Nothing more comes: the last word."""
        self._close()
        return self._taken()

    def _close(self) -> None:
        if self._text:
            self._words.append(WordTime(self._text, self._start_ms, self._end_ms))
            self._text = ""

    def _taken(self) -> tuple[WordTime, ...]:
        words, self._words = tuple(self._words), []
        return words


def words_of(
    text: Sequence[str], starts: Sequence[float], ends: Sequence[float]
) -> list[tuple[str, float, float]]:
    """The three lists of an alignment side by side; what is of another length is cut."""
    return list(zip(text, starts, ends, strict=False))
