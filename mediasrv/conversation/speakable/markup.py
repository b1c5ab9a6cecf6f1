"""What only the eye needs is taken out, and what it reads in one glance is put into words.

Works on one line of a reply. Emphasis may begin in one line and end in another, so its marks are simply dropped, pair
or no pair.
"""

from __future__ import annotations

import re
from collections.abc import Callable

LONGEST_PATH = 20

_Put = str | Callable[[re.Match[str]], str]


def _address(match: re.Match[str]) -> str:
    """The host, and a path that is short enough to be kept in mind."""
    address = match.group().rstrip(".,;:!?")
    after = match.group()[len(address) :]
    host, _, path = re.sub(r"^(?:https?://)?(?:www\.)?", "", address, flags=re.IGNORECASE).partition("/")
    path = path.partition("?")[0].partition("#")[0].strip("/")
    short = 0 < len(path) <= LONGEST_PATH and "/" not in path
    return _spell(f"{host}/{path}" if short else host.partition("?")[0]) + after


def _mail(match: re.Match[str]) -> str:
    return f"{_spell(match.group(1))} at {_spell(match.group(2))}"


def _spell(text: str) -> str:
    signs = {".": " dot ", "/": " slash ", "-": " dash ", "_": " underscore ", "+": " plus ", ":": " colon "}
    return " ".join("".join(signs.get(character, character) for character in text).split())


def _row(match: re.Match[str]) -> str:
    """A table's row, its cells one after the other."""
    cells = [cell.strip() for cell in match.group(1).split("|")]
    return ", ".join(cell for cell in cells if cell.strip("-: "))


_ENDINGS = r"com|org|net|io|edu|gov|ai|app|dev|info|co\.uk"
_RULES: tuple[tuple[re.Pattern[str], _Put], ...] = (
    (re.compile(r"<(https?://[^>\s]+)>"), r"\1"),
    (re.compile(r"</?[a-zA-Z][^<>]{0,80}>"), " "),
    (re.compile(r"^\s*\|(.{1,300})\|\s*$"), _row),
    (re.compile(r"!?\[([^\]\n]{0,200})\]\([^)\s]{0,300}(?:\s+\"[^\"]{0,80}\")?\)"), r"\1"),
    (re.compile(r"\[\^?\d{1,3}\]"), ""),  # foot notes
    (re.compile(r"^\s{0,3}(?:>\s?)+"), ""),
    (re.compile(r"^\s*#{1,6}\s+"), ""),
    (re.compile(r"^\s*[-*_](?:\s*[-*_]){2,}\s*$"), ""),  # a ruled line
    (re.compile(r"^\s*[-*+•‣◦–]\s+(?:\[[ xX]\]\s+)?"), ""),
    (re.compile(r"^\s*(\d{1,3})[.)]\s+(?=\S)"), r"\1, "),
    (re.compile(r"(?i)\b([\w.+-]{1,64})@((?:[\w-]{1,63}\.){1,6}[a-z]{2,24})\b"), _mail),
    (re.compile(r"(?i)\b(?:https?://|www\.)[^\s<>()\[\]\"']{1,300}"), _address),
    (re.compile(rf"(?i)\b(?:[a-z0-9-]{{1,63}}\.){{1,4}}(?:{_ENDINGS})\b(?:/\w{{1,20}})?"), _address),
    (re.compile(r"(?<=\d)\s*[*×]\s*(?=\d)"), " times "),
    (re.compile(r"`+|~~|\*+|(?<![\w])_+(?=\w)|(?<=\w)_+(?![\w])"), ""),
    (re.compile(r"°\s?C\b"), " degrees Celsius"),
    (re.compile(r"°\s?F\b"), " degrees Fahrenheit"),
    (re.compile(r"°"), " degrees"),
    (re.compile(r"(?<=\w)\s*&\s*(?=\w)"), " and "),
    (re.compile(r"\b([^\W\d_]{2,})/(?!or\b)([^\W\d_]{2,})\b(?!/)"), r"\1 or \2"),
    (re.compile(r"(?:^|\s)[:;]-?[)(DP]+(?=\s|$|[.!?])"), ""),
    (re.compile(r"(?<=\d)\s*\+\s*(?=\d)"), " plus "),
    (re.compile(r"(?<=\w)\s+=\s+(?=\w)"), " equals "),
    (re.compile(r"#(?=\d)"), "number "),
    (re.compile(r"\s[~≈](?=\s?\d)"), " about "),
    (re.compile(r"\s*(?:->|→|=>)\s*"), ", "),
)  # fmt: skip
_MOST_RULES_NEED = re.compile(r"[^\w\s,.?!'’-]|_|\bwww\b|\.\w")  # plain words are left alone at once
_PICTURES = re.compile(  # emoji, with what joins and colours them: a joiner elsewhere is part of a word in some scripts
    "[\u2300-\u23ff\u2500-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff]"
    "[\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*|[\ufe0f\u20e3]+"
)
_SPACES = re.compile(r"\s+")
_BEFORE_STOP = re.compile(r"\s+([,.?!;:])")


def without_markup(line: str) -> str:
    """The line as it is said; empty, if there was nothing in it but marks."""
    if (
        _MOST_RULES_NEED.search(line) is None
        and not line.lstrip()[:1].isdigit()
        and line.lstrip()[:1] not in "-–"
    ):
        return line.strip()
    for pattern, put in _RULES:
        line = pattern.sub(put, line)
    line = _PICTURES.sub("", line)
    return _BEFORE_STOP.sub(r"\1", _SPACES.sub(" ", line)).strip(" |")
