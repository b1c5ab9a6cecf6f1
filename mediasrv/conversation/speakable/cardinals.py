"""Numbers in English words: 1,984 things, the 3rd of them, and the year 1984."""

from __future__ import annotations

ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1_000, "thousand"))
LARGEST = 10**15 - 1

_IRREGULAR = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip


def cardinal(number: int) -> str:
    """Up to LARGEST; beyond it nobody follows, and digits are read."""
    if number < 0:
        return f"minus {cardinal(-number)}"
    if number > LARGEST:
        return digits(str(number))
    words = []
    for scale, name in SCALES:
        if number >= scale:
            words.append(f"{_below_thousand(number // scale)} {name}")
            number %= scale
    if number or not words:
        words.append(_below_thousand(number))
    return " ".join(words)


def ordinal(number: int) -> str:
    head, dash, last = cardinal(number).rpartition("-")
    if not dash:
        head, dash, last = cardinal(number).rpartition(" ")
    if last in _IRREGULAR:
        return head + dash + _IRREGULAR[last]
    return head + dash + (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")


def year(number: int) -> str:
    """As in "nineteen eighty-four", "nineteen oh five", "two thousand and six", "twenty twenty-six"."""
    century, rest = divmod(number, 100)
    if number % 1_000 < 10:
        return f"{cardinal(number - rest)} and {cardinal(rest)}" if rest else cardinal(number)
    if not rest:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def decimal(whole: str, fraction: str) -> str:
    """The digits after the point one by one."""
    said = cardinal(int(whole or "0"))
    return f"{said} point {digits(fraction)}" if fraction else said


def digits(text: str) -> str:
    return " ".join(ONES[int(character)] for character in text if character.isdecimal())


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = [f"{ONES[hundreds]} hundred"] if hundreds else []
    if rest or not hundreds:
        words.append(_below_hundred(rest))
    return " and ".join(words)


def _below_hundred(number: int) -> str:
    if number < len(ONES):
        return ONES[number]
    tens, ones = divmod(number, 10)
    return f"{TENS[tens]}-{ONES[ones]}" if ones else TENS[tens]
