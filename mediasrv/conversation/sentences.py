"""Sentences out of a stream of tokens, as early as they can be told and as whole as they can be spoken.

A piece is cut at the end of a sentence if one is in sight; else, when it grows too long, at the end of a clause; else
between two words. A full stop ends a sentence only when what follows proves it: white space, and not after an
abbreviation, an initial or a number that goes on. So a stop at the very end of what has come so far waits for one
more character, and costs one token of delay.
"""

from __future__ import annotations

import re

SHORTEST_CHARACTERS = 10
LONGEST_CHARACTERS = 200

_ENDS = ".!?…。！？।॥"  # the last two: danda, double danda
_CLOSERS = "\"')]}»”’"
_CLAUSE = re.compile(r"[,;:–—]\s|\s[-–—]\s")
_ABBREVIATIONS = frozenset((
    "approx", "apt", "ave", "blvd", "co", "corp", "dept", "dr", "e.g", "est", "etc", "ext", "fig", "gen", "gov", "hon",
    "i.e", "inc", "jr", "lt", "ltd", "mr", "mrs", "ms", "no", "nos", "prof", "rd", "rev", "sen", "sgt", "smt", "sr",
    "shri", "st", "tel", "vs", "a.m", "p.m", "u.s", "u.k",
))  # fmt: skip
_NEVER_LAST = frozenset(
    ("dr", "mr", "mrs", "ms", "prof", "st", "shri", "smt", "e.g", "i.e", "vs", "no", "nos")
)


class SentenceAssembler:
    """Feed it text as it comes; it gives back what is ready to be spoken."""

    def __init__(self, shortest: int = SHORTEST_CHARACTERS, longest: int = LONGEST_CHARACTERS) -> None:
        self._shortest, self._longest = shortest, longest
        self._text = ""

    def push(self, text: str) -> list[str]:
        self._text += text
        ready = []
        while (cut := self._cut()) is not None:
            piece, self._text = self._text[:cut].strip(), self._text[cut:]
            if piece:
                ready.append(piece)
        return ready

    def close(self) -> list[str]:
        """What is left when nothing more comes."""
        rest, self._text = self._text.strip(), ""
        return [rest] if rest else []

    def _cut(self) -> int | None:
        end = self._sentence_end()
        if end is not None:
            return end
        if len(self._text.lstrip()) <= self._longest:
            return None
        return self._forced_cut()

    def _sentence_end(self) -> int | None:
        """The first end of a sentence that leaves a piece of a speakable length."""
        text = self._text
        lead = len(text) - len(text.lstrip())
        for k in range(lead, min(len(text), lead + self._longest)):
            if text[k] == "\n":
                return k + 1  # a line is a piece, however short
            if text[k] not in _ENDS:
                continue
            end = k + 1
            while end < len(text) and text[end] in _ENDS + _CLOSERS:
                end += 1
            wide = text[k] in "。！？"  # these need no white space
            if end == len(text) or not (wide or text[end].isspace()):
                continue
            if end - lead >= self._shortest and _is_sentence_end(text, k, end):
                return end
        return None

    def _forced_cut(self) -> int:
        window = self._text[: self._longest + len(self._text) - len(self._text.lstrip())]
        clauses = [m.end() for m in _CLAUSE.finditer(window) if m.end() >= self._shortest]
        if clauses:
            return clauses[-1]
        space = window.rfind(" ")
        return space if space >= self._shortest else len(window)


def _is_sentence_end(text: str, stop: int, end: int) -> bool:
    if text[stop] != ".":
        return True
    follows = text[end:].lstrip()
    if ".." in text[max(0, stop - 1) : stop + 2]:  # "so ... it goes on"
        return bool(follows) and not follows[0].islower()
    word = _word_before(text, stop)
    if len(word) == 1 and word.isalpha() and word.isupper() and word != "I":
        return False  # an initial
    if word.lower() in _NEVER_LAST:
        return False
    if word.lower() in _ABBREVIATIONS:
        return bool(follows) and follows[0].isupper()
    return not (follows and follows[0].islower() and word.isdigit())


def _word_before(text: str, stop: int) -> str:
    start = stop
    while start and not text[start - 1].isspace() and text[start - 1] not in "([\"'":
        start -= 1
    return text[start:stop]
