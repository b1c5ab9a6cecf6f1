"""What words weigh: are they an interruption, and do they sound finished? Judged in microseconds, by rule."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import Enum

_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_ASKS = re.compile(r"[?？؟][^\w\s]*\s*$")  # a quotation may close after it
_CONTINUES = frozenset((
    "a", "an", "and", "as", "at", "because", "but", "by", "for", "from", "if", "in", "is", "my", "of", "on", "or",
    "our", "so", "than", "that", "the", "then", "to", "um", "uh", "until", "when", "where", "which", "while", "with",
    "would", "your",
))  # fmt: skip
_DIGITS = frozenset((
    "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "double", "triple",
))  # fmt: skip
_LETTER_RUN = 2  # so many single letters in a row are a word that is being spelled
_NUMBER_RUN = 3  # so many digits in a row are a number that is being read out
_WHOLE_NUMBER = 10  # and so many are probably all of it


_AS_IN = (["as", "in"], ["like", "in"])  # "b as in bravo"


class Weight(Enum):
    NOTHING = 0
    BACKCHANNEL = 1
    WORDS = 2
    KEYWORD = 3


class Completeness(Enum):
    """How finished an utterance sounds, and so how long to wait for more."""

    WHOLE = 0
    UNSURE = 1
    OPEN = 2


def tokens(text: str) -> list[str]:
    return _TOKEN.findall(text.lower())


def weigh(
    text: str, backchannels: Collection[str], keywords: Collection[str], enough_words: int = 1
) -> Weight:
    """Whether `text`, said over the agent, is a listener's noise or a wish to speak."""
    said = tokens(text)
    if not said:
        return Weight.NOTHING
    line = f" {' '.join(said)} "
    if any(f" {keyword} " in line for keyword in keywords):
        return Weight.KEYWORD
    meant = [word for word in said if word not in backchannels and word.replace("-", "") not in backchannels]
    if len(meant) >= enough_words:
        return Weight.WORDS
    return Weight.BACKCHANNEL


def completeness(text: str) -> Completeness:
    """Whether more is likely to come: a sentence that ends, a number half read, an 'and ...'."""
    said = tokens(text)
    if not said:
        return Completeness.UNSURE
    if text.rstrip().endswith(("...", "…", ",", "-", ":")) or said[-1] in _CONTINUES:
        return Completeness.OPEN
    digits = trailing_digits(said)
    if _is_spelling(said):
        return Completeness.OPEN
    if _NUMBER_RUN <= digits < _WHOLE_NUMBER:
        return Completeness.OPEN
    if text.rstrip().endswith((".", "?", "!", "।", "。", "？", "！")) or digits >= _WHOLE_NUMBER:
        return Completeness.WHOLE
    return Completeness.UNSURE


def is_question(text: str) -> bool:
    """Whether its last sentence asks something."""
    return _ASKS.search(text) is not None


def _is_spelling(said: list[str]) -> bool:
    """Whether it ends in letters: "m a r", "m-a-r", "b as in bravo" and the like."""
    last = said[-1].split("-")
    if len(last) > 1 and all(len(part) == 1 and part.isalpha() for part in last):
        return True
    if len(said) >= 4 and len(said[-4]) == 1 and said[-3:-1] in _AS_IN:
        return True
    run = 0
    for word in reversed(said):
        if len(word) != 1 or not word.isalpha():
            break
        run += 1
    return run >= _LETTER_RUN


def trailing_digits(said: list[str]) -> int:
    """How many digits the utterance ends with, spoken or written."""
    count = 0
    for word in reversed(said):
        if word.isdigit():
            count += len(word)
        elif word in _DIGITS:
            count += 1
        else:
            break
    return count
