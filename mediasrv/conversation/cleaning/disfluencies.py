"""What is said and not meant: fillers, stutters, words said twice, and starts that were taken back.

Each rule is careful in one direction: what it is not sure of stays. "Like" is a filler for some and a verb for all, so
it goes only between commas; "I had had enough" and "that that" are English, and "very very" is meant.
"""

from __future__ import annotations

import re

MOST_CORRECTIONS = 4  # in one breath; more is no correcting
_FILLER = r"(?:u+h+m*|u+m+|e+r+m*|e+h+m+|h+m+|m{2,}|a+h+)"
_FILLERS = re.compile(rf"(?i)(?:^|(?<=[\s,])){_FILLER}\b(?!['’-]\w)(?:,|\.{{2,}}|…)?(?=\s|[.?!]|$)")
_BETWEEN_COMMAS = re.compile(rf"(?i),\s*{_FILLER}\s*,")
_ASIDES = re.compile(r"(?i),\s*(?:you know|like|sort of|kind of)\s*,")
_OPENERS = re.compile(r"(?i)^(?:(?:well|so|okay so|you know|i mean|like)\s*,\s*)+(?=\S)")
_STUTTER = re.compile(r"(?i)\b(\w{1,3})(?:-\1)*-(?=\1\w*)")
_PHRASE = re.compile(r"(?i)\b((?:[^\W\d_][\w'’]*\s+){1,3}[^\W\d_][\w'’]*)(?:[,.…]*\s+\1\b)+")
_WORD = re.compile(r"(?i)\b([^\W\d_][\w'’]*)(?:(?:,|\.{2,}|…)?\s+\1\b)+(?!['’])")
_MEANT = frozenset((  # twice on purpose
    "had", "that", "very", "really", "so", "no", "yes", "bye", "ha", "now", "many", "much", "far", "long",
    "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "double", "hundred",
    "ten", "eleven", "twelve", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
))  # fmt: skip
_ANEW = re.compile(
    r"(?i)^.*\b(?:scratch that|strike that|forget that|let me start (?:over|again))\b[\s,.…-]*(?=\w)"
)
_RATHER = re.compile(
    r"(?i)(?:,|\.{2,}|…|\s[-–—])\s*(?:no,? wait|wait,? no|i mean|sorry|or rather|make that)\b[\s,.…-]*(?=\w)"
)
_BROKEN_OFF = re.compile(
    r"(?i)\b((?:i|we|can|could|do|is|are|what|where|when|how)\b(?:\s+\w+){0,2})\s*(?:-|–|—|…|\.{3})\s+(?=(\w+))"
)
_SPACES = re.compile(r"\s+")
_BEFORE_STOP = re.compile(r"\s+([,.?!])")
_COMMAS = re.compile(r"^[\s,.…]+|,\s*(?=[,.?!])")


def drop_fillers(text: str) -> str:
    dropped = _OPENERS.sub("", _ASIDES.sub("", _FILLERS.sub(" ", _BETWEEN_COMMAS.sub("", text))))
    return text if dropped == text else tidy(dropped, text)


def join_stutters(text: str) -> str:
    """ "b-b-book" is "book"."""
    return _STUTTER.sub("", text)


def drop_repetitions(text: str) -> str:
    """ "I would I would like" is said once, and so is "the the"."""
    return _WORD.sub(_once, _PHRASE.sub(_once, text))


def take_back_false_starts(text: str) -> str:
    """What the caller has taken back is gone, as far as it is plain what that was.

    "Scratch that" takes back all before it. After "no wait" the correction begins with the word that it corrects from:
    "a table at eight, no wait, at nine" is "a table at nine"; without such a word both are kept. And a start that
    breaks off and begins anew with the same word is none: "I want - I need a taxi".
    """
    kept = _BROKEN_OFF.sub(_unless_new, _ANEW.sub("", text))
    for marker in reversed(list(_RATHER.finditer(kept))[-MOST_CORRECTIONS:]):
        kept = _corrected(kept, marker)
    return text if kept == text else tidy(kept, text)


def _corrected(text: str, marker: re.Match[str]) -> str:
    before, after = text[: marker.start()], text[marker.end() :]
    first = after.split()[0].strip(",.?!")
    places = list(re.finditer(rf"(?i)\b{re.escape(first)}\b", before))
    return before[: places[-1].start()] + after if places else text


def tidy(text: str, before: str) -> str:
    """Spaces and commas that nothing stands between any more; the first letter as large as before."""
    was_large = before[:1].isupper()
    neat = _COMMAS.sub("", _BEFORE_STOP.sub(r"\1", _SPACES.sub(" ", text))).strip()
    return neat[:1].upper() + neat[1:] if was_large else neat


def _once(match: re.Match[str]) -> str:
    said = match.group(1)
    return match.group() if not _MEANT.isdisjoint(said.lower().split()) else said


def _unless_new(match: re.Match[str]) -> str:
    began, goes_on = match.group(1).split()[0], match.group(2)
    return "" if began.lower() == goes_on.lower() else match.group()
