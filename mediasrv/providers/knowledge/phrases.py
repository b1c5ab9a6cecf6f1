"""Phrases as callers say them, in a small part of JSGF: `(this | that)`, `[perhaps]`, `<list>`.

A phrase stands for all sentences that it can be read as. Alternatives multiply, since what is beside one may depend on
it. The values of a list do not: the sentences of a phrase take them in turn, until each has been used, so that
`for <people> on <day> at <time>` is as many sentences as its longest list, and not as their product. That is enough for
whoever counts which words stand beside each other, and words that two lists put beside each other are not lost as long
as a word stands between the lists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product

from mediasrv.errors import ConfigError

MOST_SENTENCES = 2_000  # of one phrase
_TOKEN = re.compile(r"\s*(?:([()\[\]|])|<([a-z_]+)>|([a-z]+(?:['-][a-z]+)*))")

Words = tuple[str, ...]


def sentences(phrase: str, lists: Mapping[str, Sequence[str]]) -> list[str]:
    """Every sentence that the phrase stands for, without repetitions; ConfigError when it is none."""
    found: dict[str, None] = {}
    for words in _Phrase(phrase, lists).read():
        for sentence in _filled(words, lists):
            found[sentence] = None
    return list(found)


def _filled(words: Words, lists: Mapping[str, Sequence[str]]) -> list[str]:
    used = [word[1:-1] for word in words if word.startswith("<")]
    count = max((len(lists[name]) for name in used), default=1)
    filled = []
    for k in range(count):
        parts = [lists[word[1:-1]][k % len(lists[word[1:-1]])] if word[0] == "<" else word for word in words]
        filled.append(" ".join(parts))
    return filled


class _Phrase:
    """A reader by recursive descent: alternatives of sequences of words, lists and bracketed alternatives."""

    def __init__(self, phrase: str, lists: Mapping[str, Sequence[str]]) -> None:
        self._phrase, self._lists = phrase, lists
        self._tokens = list(self._split())
        self._at = 0

    def read(self) -> list[Words]:
        readings = self._alternatives()
        if self._at < len(self._tokens):
            raise self._wrong(f"{self._tokens[self._at]!r} is not expected")
        if () in readings:
            raise self._wrong("it can be read as nothing at all")
        return readings

    def _split(self) -> list[str]:
        tokens, at, phrase = [], 0, self._phrase.rstrip()
        while at < len(phrase):
            found = _TOKEN.match(phrase, at)
            if found is None:
                raise self._wrong(f"{phrase[at:].split()[0]!r} is no word")
            sign, name, word = found.groups()
            if name is not None and not self._lists.get(name):
                raise self._wrong(f"there is no list <{name}>")
            tokens.append(sign or (f"<{name}>" if name else word))
            at = found.end()
        return tokens

    def _alternatives(self) -> list[Words]:
        readings = self._sequence()
        while self._peek() == "|":
            self._at += 1
            readings += self._sequence()
        return readings

    def _sequence(self) -> list[Words]:
        readings: list[Words] = [()]
        while self._peek() not in ("", "|", ")", "]"):
            part = self._part()
            if len(readings) * len(part) > MOST_SENTENCES:
                raise self._wrong(f"it stands for more than {MOST_SENTENCES} sentences")
            readings = [before + after for before, after in product(readings, part)]
        return readings

    def _part(self) -> list[Words]:
        token = self._tokens[self._at]
        self._at += 1
        if token not in "([":
            return [(token,)]
        inner = self._alternatives()
        if self._peek() != {"(": ")", "[": "]"}[token]:
            raise self._wrong(f"{token!r} is not closed")
        self._at += 1
        return [*inner, ()] if token == "[" else inner

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _wrong(self, problem: str) -> ConfigError:
        return ConfigError("phrase", problem, value=self._phrase)
