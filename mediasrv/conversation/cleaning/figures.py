"""Spoken numbers in figures: what a tool, a search or a person reading along wants to see.

Three readings of number words, tried in this order. Three and more digits in a row are digits ("one oh one"); seven
and more are a telephone number. Two pairs are a year ("twenty twenty six"). The rest are cardinals ("two hundred and
five"). A single word below ten stays a word, because "one moment" is not "1 moment", unless a unit follows it.
"""

from __future__ import annotations

import re

DIGITS = {
    "zero": 0, "oh": 0, "o": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9,
}  # fmt: skip
_ONES = {word: value for word, value in DIGITS.items() if word not in ("oh", "o")}
_TEENS = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
_ORDINALS = {
    "first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th", "sixth": "6th",
    "seventh": "7th", "eighth": "8th", "ninth": "9th",
}  # fmt: skip
_SCALES = {"million": 1_000_000, "thousand": 1_000}
_REPEATS = {"double": 2, "triple": 3}

_CARDINAL_WORDS = "|".join([*_ONES, *_TEENS, *_TENS, *_SCALES, "hundred"])
_AND = r"(?:(?:(?<=hundred)|(?<=thousand)|(?<=million))[\s-]+and)?"  # elsewhere it stands between two numbers
_RUN = re.compile(
    rf"(?i)\b(?:a\s+(?=hundred\b|thousand\b|million\b))?(?:{_CARDINAL_WORDS})\b"
    rf"(?:{_AND}[\s-]+(?:(?:point|oh|{'|'.join(_ORDINALS)}|{_CARDINAL_WORDS})\b))*"
)
_DIGIT = rf"(?:(?:double|triple)\s+)?(?:{'|'.join(DIGITS)}|\d)"
_DIGIT_RUN = re.compile(
    rf"(?i)(?<![\w.])(?:plus\s+)?{_DIGIT}(?:(?:,?\s+|-){_DIGIT})+(?![\w])(?!\s+(?:hundred|thousand|million|point)\b)"
)
_UNIT = re.compile(
    r"(?i)\s+(?:percent|dollars?|euros?|pounds?|rupees?|cents?|pence|o'?clock|[ap]\.?m\b|kilos?|miles?|meters?|metres?)"
)
_TIME_BEFORE = re.compile(r"(?i)\b(?:at|by|until|till|before|after|from|around|about)\s+$")
_PHONE_DIGITS = 7
_CODE_DIGITS = 3


def write_phones(text: str) -> str:
    return _DIGIT_RUN.sub(lambda match: _digits(match, _PHONE_DIGITS), text)


def write_numbers(text: str) -> str:
    return _RUN.sub(_figures, _DIGIT_RUN.sub(lambda match: _digits(match, _CODE_DIGITS), text))


def _digits(match: re.Match[str], least: int) -> str:
    """Digits that were read out one by one; anything shorter is left to other rules."""
    written, times, plus = "", 1, ""
    for word in re.split(r"[\s,-]+", match.group().lower()):
        if word == "plus":
            plus = "+"
        elif word in _REPEATS:
            times = _REPEATS[word]
        else:
            written, times = written + str(DIGITS.get(word, word)) * times, 1
    return plus + written if len(written) >= least else match.group()


def _figures(match: re.Match[str]) -> str:
    """A run of number words, in as few numbers as it can be read as."""
    words = re.split(r"[\s-]+", match.group().lower())
    before, after = match.string[: match.start()], match.string[match.end() :]
    if len(words) == 1 and words[0] in (*_ONES, *_SCALES, "hundred"):
        return str(_ONES[words[0]]) if words[0] in _ONES and _UNIT.match(after) else match.group()
    if words[0] in ("hundred", *_SCALES):  # "hundreds of", cut short: nothing says how many
        return match.group()
    read = _year(words) or _time(words, before, after)
    return read or " ".join(_numbers(words))


def _year(words: list[str]) -> str:
    """ "nineteen eighty four", "twenty twenty six", "twenty oh five": a century and a year of it."""
    century, k = _below_hundred(words, 0)
    if k == len(words) or not 18 <= century <= 20:
        return ""
    if words[k] == "oh" and len(words) == k + 2 and words[k + 1] in _ONES:
        return f"{century}0{_ONES[words[k + 1]]}"
    year, end = _below_hundred(words, k)
    return f"{century}{year}" if end == len(words) and year >= 10 else ""


def _time(words: list[str], before: str, after: str) -> str:
    """ "at five thirty": only where something says that it is one."""
    hour, k = _below_hundred(words, 0)
    minute, end = _below_hundred(words, k)
    clock = 1 <= hour <= 12 and 10 <= minute < 60 and end == len(words)
    told = _TIME_BEFORE.search(before) or re.match(r"(?i)\s+[ap]\.?m\b", after)
    return f"{hour}:{minute:02}" if clock and told else ""


def _numbers(words: list[str]) -> list[str]:
    """One after the other; words that are in no number stay."""
    found, k = [], 0
    while k < len(words):
        if words[k] in _TENS and k + 1 < len(words) and words[k + 1] in _ORDINALS:
            found.append(str(_TENS[words[k]] + int(_ORDINALS[words[k + 1]][0])) + _ORDINALS[words[k + 1]][1:])
            k += 2
            continue
        value, end = _cardinal(words, k)
        if end == k:
            found.append(words[k])
            k += 1
            continue
        fraction, end = _fraction(words, end)
        lone = end == k + 1 and words[k] in _ONES
        found.append(words[k] if lone else f"{value}{fraction}")
        k = end
    return found


def _cardinal(words: list[str], k: int) -> tuple[int, int]:
    """The number that begins at `k`, and where it ends; nothing, if there is none."""
    total, below = 0, 1_000_000_000
    while k < len(words):
        value, end = _below_thousand(words, k)
        scale = _SCALES.get(words[end]) if end > k and end < len(words) else None
        if scale is not None and scale < below:
            total, below, k = total + value * scale, scale, end + 1
            k += k + 1 < len(words) and words[k] == "and" and words[k + 1] not in _SCALES
            continue
        if end > k and below > 1 and (total == 0 or value < below):
            return total + value, end
        break
    return total, k


def _below_thousand(words: list[str], k: int) -> tuple[int, int]:
    value, end = (1, k + 1) if words[k] == "a" else _below_hundred(words, k)
    if end > k and end < len(words) and words[end] == "hundred":
        end += 1
        rest = end + (end + 1 < len(words) and words[end] == "and")
        more, after = _below_hundred(words, rest)
        return (value * 100 + more, after) if after > rest else (value * 100, end)
    return value, end


def _below_hundred(words: list[str], k: int) -> tuple[int, int]:
    if k >= len(words):
        return 0, k
    word, after = words[k], words[k + 1] if k + 1 < len(words) else ""
    if word in _TENS:
        return (_TENS[word] + _ONES[after], k + 2) if _ONES.get(after) else (_TENS[word], k + 1)
    value = _TEENS.get(word, _ONES.get(word))
    return (0, k) if value is None else (value, k + 1)


def _fraction(words: list[str], k: int) -> tuple[str, int]:
    if k >= len(words) or words[k] != "point":
        return "", k
    end = k + 1
    while end < len(words) and words[end] in DIGITS:
        end += 1
    digits = "".join(str(DIGITS[word]) for word in words[k + 1 : end])
    return (f".{digits}", end) if digits else ("", k)
