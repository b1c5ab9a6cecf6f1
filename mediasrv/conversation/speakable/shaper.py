"""One reply, shaped line by line: markup out, figures into words, a proper end, and not too long.

A reply that has become too long is cut at the end of a sentence. A sentence of several lines must therefore be whole
before it is known whether it is still said; only the first words of a reply do not wait for that.
"""

from __future__ import annotations

from mediasrv.conversation.speakable.figures import said_figures
from mediasrv.conversation.speakable.markup import without_markup

_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？", "।", "॥")
_CLOSERS = "\"')]}»”’"
_FENCE = "```"
_DANDA_LANGUAGES = frozenset(("hi", "bn", "mr", "ne", "pa", "or", "as", "sa", "mai", "kok", "doi", "brx"))


class Shaper:
    """`most_words`: of the whole reply."""

    def __init__(self, most_words: int, language: str = "en") -> None:
        self._left, self._language = most_words, language.partition("-")[0]
        self._sentence: list[str] = []  # its lines, while it is not whole
        self._in_code = False
        self._silent = True
        self.cut = False

    def shape(self, line: str) -> list[str]:
        """What may be said by now; nothing more, once the reply was cut."""
        text = self._spoken(line)
        if not text or self.cut:
            return []
        self._sentence.append(text)
        return self._say() if self._silent or _is_whole(text) or self._is_too_long() else []

    def _is_too_long(self) -> bool:
        """Whatever it ends with, the sentence will not be said: a model may never come to its end."""
        return sum(len(line.split()) for line in self._sentence) > self._left

    def close(self) -> list[str]:
        """What is left at the reply's end."""
        return self._say() if self._sentence and not self.cut else []

    def _say(self) -> list[str]:
        lines, self._sentence = self._sentence, []
        words = sum(len(line.split()) for line in lines)
        if words > self._left:
            self.cut = True
            return self._beginning(lines) if self._silent else []
        self._left, self._silent = self._left - words, False
        if not _is_whole(lines[-1]) and not lines[-1].endswith((",", ";", ":", "-", "–", "—")):
            lines[-1] = self._ended(lines[-1])
        return lines

    def _beginning(self, lines: list[str]) -> list[str]:
        """Of a first sentence that is too long by itself: better the half of it than silence."""
        text = self._ended(" ".join(" ".join(lines).split()[: self._left]))
        return [text] if _has_words(text) else []

    def _spoken(self, line: str) -> str:
        """Code is not read aloud: it may take many lines, and every one would be noise."""
        if _FENCE in line:
            before, _, after = line.partition(_FENCE)
            line, self._in_code = (after, False) if self._in_code else (before, after.count(_FENCE) % 2 == 0)
        elif self._in_code:
            return ""
        text = without_markup(line)
        if self._language == "en":
            text = said_figures(text)
        return text if _has_words(text) else ""

    def _ended(self, text: str) -> str:
        bare = text.rstrip(" ,;:-–—")
        return bare + ("।" if self._language in _DANDA_LANGUAGES else ".")


def _is_whole(text: str) -> bool:
    return text.rstrip(_CLOSERS).endswith(_SENTENCE_ENDS)


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)
