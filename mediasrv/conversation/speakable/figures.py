"""Figures, as people say them: $12.50, 3.5 %, 14:30, 21 November 2026, +44 20 7946 0018.

The rules stand from the most particular to the plainest number, and each hands on text in which its own figures are
words already. What could be read in two ways (3/4/2026) is read as it stands, number by number.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mediasrv.conversation.speakable.cardinals import LARGEST, cardinal, decimal, digits, ordinal, year

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MONTH = "(" + "|".join(rf"{month[:3]}(?:{month[3:]})?" for month in _MONTHS) + r"|Sept)\b"
_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "USD": ("dollar", "dollars", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "INR": ("rupee", "rupees", "paisa", "paise"),
    "Rs": ("rupee", "rupees", "paisa", "paise"),
}
_CURRENCY = "|".join(map(re.escape, _CURRENCIES))
_UNITS = {
    "km/h": "kilometres an hour", "mph": "miles an hour", "km": "kilometres", "cm": "centimetres", "mm": "millimetres",
    "kg": "kilograms", "mg": "milligrams", "ml": "millilitres", "GB": "gigabytes", "MB": "megabytes", "min": "minutes",
    "sec": "seconds", "hrs": "hours", "sqft": "square feet",
}  # fmt: skip
_SHARES = {
    "1/2": "one half",
    "1/3": "one third",
    "2/3": "two thirds",
    "1/4": "one quarter",
    "3/4": "three quarters",
    "24/7": "twenty-four seven",
}

_WHOLE = r"\d{1,3}(?:,\d{3})+|\d{1,15}"
_SCALE = r"(?:\s?(thousand|million|billion|trillion|[kKmM]|bn|lakh|crore)\b)?"
_SCALE_NAMES = {"k": "thousand", "K": "thousand", "m": "million", "M": "million", "bn": "billion"}
_PHONE_DIGITS = range(7, 16)


def _money(match: re.Match[str]) -> str:
    one, many, cent, cents = _CURRENCIES[match.group(1)]
    whole, fraction, scale = match.group(2).replace(",", ""), match.group(3) or "", match.group(4)
    if scale:
        return f"{decimal(whole, fraction)} {_SCALE_NAMES.get(scale, scale)} {many}"
    said = f"{cardinal(int(whole))} {one if int(whole) == 1 else many}"
    part = int(fraction.ljust(2, "0")[:2]) if fraction else 0
    if not part:
        return said
    change = f"{cardinal(part)} {cent if part == 1 else cents}"
    return f"{said} and {change}" if int(whole) else change


def _phone(match: re.Match[str]) -> str:
    """In the groups in which it is written; one long row of digits, in threes and a last four."""
    written = match.group()
    groups = re.findall(r"\d+", written)
    if sum(map(len, groups)) not in _PHONE_DIGITS:
        return written
    if len(groups) == 1:
        groups = _in_threes(groups[0])
    plus = "plus " if written.startswith("+") else ""
    return plus + ", ".join(digits(group) for group in groups)


def _in_threes(row: str) -> list[str]:
    groups = []
    while len(row) > 4:
        groups.append(row[:3])
        row = row[3:]
    return [*groups, row]


def _clock(match: re.Match[str]) -> str:
    hour, minute, half = int(match.group(1)), int(match.group(2)), (match.group(3) or "").lower()
    half = f" {half[0]}.m." if half else ""
    if hour > 23 or minute > 59:
        return match.group()
    if not minute:
        return cardinal(hour) + (half or (" o'clock" if 0 < hour < 13 else " hundred hours"))
    return f"{cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)}{half}"


def _hour(match: re.Match[str]) -> str:
    return f"{cardinal(int(match.group(1)))} {match.group(2)[0].lower()}.m."


def _iso_date(match: re.Match[str]) -> str:
    y, m, d = (int(group) for group in match.groups())
    if not (1 <= m <= 12 and 1 <= d <= 31):
        return match.group()
    return f"{_MONTHS[m - 1]} {ordinal(d)}, {year(y)}"


def _slash_date(match: re.Match[str]) -> str:
    """Only where it says itself which is the day; else the reader knows no better than we do."""
    a, b, y = (int(group) for group in match.groups())
    if a > 12 >= b >= 1 and a <= 31:
        return f"{_MONTHS[b - 1]} {ordinal(a)}, {year(y)}"
    if b > 12 >= a >= 1 and b <= 31:
        return f"{_MONTHS[a - 1]} {ordinal(b)}, {year(y)}"
    return f"{cardinal(a)}, {cardinal(b)}, {year(y)}"


def _month_day(match: re.Match[str]) -> str:
    day = int(match.group(2))
    if not 1 <= day <= 31:
        return match.group()
    tail = f", {year(int(match.group(3)))}" if match.group(3) else ""
    return f"{_month(match.group(1))} {ordinal(day)}{tail}"


def _day_month(match: re.Match[str]) -> str:
    day = int(match.group(1))
    if not 1 <= day <= 31:
        return match.group()
    tail = f", {year(int(match.group(3)))}" if match.group(3) else ""
    before = match.string[: match.start()].rstrip().lower()
    the = "" if before.endswith(" the") or before == "the" else "the "
    return f"{the}{ordinal(day)} of {_month(match.group(2))}{tail}"


def _month(written: str) -> str:
    return next(month for month in _MONTHS if month.startswith(written[:3]))


def _a_year(match: re.Match[str]) -> str:
    """Four figures after a word, with nothing behind them that they could count: "in 1984", not "1984 shares"."""
    return year(int(match.group()))


def _number(match: re.Match[str]) -> str:
    """What is left: a code with zeros in front, or too long for a number, is read digit by digit."""
    sign, whole, fraction = match.group(1), match.group(2), match.group(3) or ""
    plain = whole.replace(",", "")
    if (plain.startswith("0") and len(plain) > 1) or int(plain) > LARGEST:
        return (
            (f"{sign}" if sign else "") + digits(plain) + (f" point {digits(fraction)}" if fraction else "")
        )
    return ("minus " if sign else "") + decimal(plain, fraction)


_Put = str | Callable[[re.Match[str]], str]
_RULES: tuple[tuple[re.Pattern[str], _Put], ...] = (
    (re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b"), _iso_date),
    (re.compile(r"\b(\d{1,2})/(\d{1,2})/(\d{4})\b"), _slash_date),
    (re.compile(rf"\b{_MONTH}\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(\d{{4}}))?\b"), _month_day),
    (re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}\b\.?(?:,?\s+(\d{{4}})\b)?"), _day_month),
    (re.compile(r"\b(\d{1,2}):(\d{2})(?:\s*([ap]\.?m\b\.?))?(?![\d:])", re.IGNORECASE), _clock),
    (re.compile(r"\b(1[0-2]|[1-9])\s?([ap])\.?m\b\.?", re.IGNORECASE), _hour),
    (re.compile(rf"(?<!\w)({_CURRENCY})\.?\s?({_WHOLE})(?:\.(\d{{1,2}}))?{_SCALE}"), _money),
    (re.compile(r"(?<![\w+.,])\+\d{1,3}(?:[\s().-]{0,2}\d{2,5}){1,5}(?![\w])"), _phone),
    (re.compile(r"(?<![\w.,])\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}(?!\w)"), _phone),
    (re.compile(r"(?<![\w.,-])0\d{1,4}(?:[\s-]\d{3,4}){1,3}(?!\w)"), _phone),
    (re.compile(r"(?<![\w.,])\d{3}-\d{4}(?!\w)"), _phone),
    (re.compile(r"(?<![\w.,])\d{9,12}(?![\w,])"), _phone),
    (re.compile(r"(\d)\s?%"), r"\1 percent"),
    (re.compile(rf"(\d)\s?({'|'.join(_UNITS)})\b(?!/)"), lambda match: f"{match.group(1)} {_UNITS[match.group(2)]}"),
    (re.compile(r"(?<![\d/])(24/7|[123]/[234])(?![\d/])"), lambda match: _SHARES.get(match.group(), match.group())),
    (re.compile(r"\b(\d{1,9})(?:st|nd|rd|th)\b"), lambda match: ordinal(int(match.group(1)))),
    (re.compile(r"(?<=[A-Za-z]\s)(?:1[1-9]|20)\d\d\b(?![,.]\d|\s+\w+s\b)"), _a_year),
    (re.compile(r"\b((?:1[1-9]|20)\d0)s\b"), lambda match: re.sub("y$", "ies", year(int(match.group(1))))),
    (re.compile(r"(\d)\s?[–-]\s?(?=\d)"), r"\1 to "),
    (re.compile(rf"(?<![\w.])(-?)({_WHOLE}|\d+)(?:\.(\d{{1,12}}))?(?!\w|\.\d)"), _number),
)  # fmt: skip
_ANY = re.compile(r"\d")


def said_figures(line: str) -> str:
    """The line with every figure in English words."""
    if _ANY.search(line) is None:
        return line
    for pattern, put in _RULES:
        line = pattern.sub(put, line)
    return line
