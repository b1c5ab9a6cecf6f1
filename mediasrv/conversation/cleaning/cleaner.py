"""The rules in their order, and what is kept of their work.

The order matters: a stutter is joined before words are compared, doubled words go before numbers are read ("two two"
may be a number, and is left to that rule), addresses are read before numbers, because both are full of digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from mediasrv.conversation.cleaning.contacts import write_emails
from mediasrv.conversation.cleaning.disfluencies import (
    drop_fillers,
    drop_repetitions,
    join_stutters,
    take_back_false_starts,
)
from mediasrv.conversation.cleaning.figures import write_numbers, write_phones

LONGEST_CHARACTERS = 2_000  # nobody says more in one breath; longer text is no transcript, and is left alone


class Cleaning(Enum):
    NONE = "none"
    LIGHT = "light"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """`confidence`: that of the boldest rule which was applied."""

    raw: str
    text: str
    level: Cleaning
    applied: tuple[str, ...] = ()
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    apply: Callable[[str], str]
    confidence: float  # that what it does is what the caller meant
    cues: tuple[str, ...] = ()  # without any of these there is nothing to look for


_CORRECTS = (
    "wait",
    " that",
    "start over",
    "start again",
    "mean",
    "sorry",
    "rather",
    "-",
    "–",
    "—",
    "…",
    "...",
)
_LIGHT = (
    _Rule("filler", drop_fillers, 0.99),
    _Rule("stutter", join_stutters, 0.97),
    _Rule("repetition", drop_repetitions, 0.95),
)
_FULL = (
    *_LIGHT,
    _Rule("false_start", take_back_false_starts, 0.85, _CORRECTS),
    _Rule("email", write_emails, 0.9, (" dot ", " at ")),
    _Rule("phone", write_phones, 0.9),
    _Rule("number", write_numbers, 0.95),
)
_RULES = {Cleaning.NONE: (), Cleaning.LIGHT: _LIGHT, Cleaning.FULL: _FULL}
_ENGLISH_ONLY = frozenset(("filler", "false_start", "email", "phone", "number"))


def clean(raw: str, level: Cleaning, language: str = "en") -> Cleaned:
    """Never empty where `raw` was not: who has only said "um" is taken to have said that."""
    text, applied, confidence = " ".join(raw.split()), [], 1.0
    if len(text) > LONGEST_CHARACTERS:
        return Cleaned(raw, raw, Cleaning.NONE)
    english = language.partition("-")[0] == "en"
    for rule in _RULES[level]:
        if (rule.name in _ENGLISH_ONLY and not english) or not _is_cued(rule, text):
            continue
        changed = rule.apply(text)
        if changed != text and any(character.isalnum() for character in changed):
            text, confidence = changed, min(confidence, rule.confidence)
            applied.append(rule.name)
    return Cleaned(raw, text, level, tuple(applied), confidence)


def _is_cued(rule: _Rule, text: str) -> bool:
    lower = text.lower()
    return not rule.cues or any(cue in lower for cue in rule.cues)
