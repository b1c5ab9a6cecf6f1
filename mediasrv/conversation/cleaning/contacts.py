"""E-mail addresses, as they are spelled out over the telephone: "jane dot doe at example dot com"."""

from __future__ import annotations

import re

_SIGNS = {"dot": ".", "underscore": "_", "dash": "-", "hyphen": "-", "minus": "-", "plus": "+"}
_DIGITS = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
_ENDINGS = "com|org|net|edu|gov|io|ai|co|in|uk|us|de|eu|fr|info|biz|me|app|dev|example"
_PART = r"[A-Za-z0-9]+"
_SIGN = "|".join(_SIGNS)
_DOMAIN = re.compile(
    rf"(?i)\b({_PART}(?:\s+(?:dash|hyphen|minus)\s+{_PART})*)(?:\s+dot\s+{_PART})*\s+dot\s+(?:{_ENDINGS})\b"
)
_NOT_A_NAME = frozenset((  # where the spelled part of an address cannot begin
    "is", "it's", "its", "address", "email", "e-mail", "mail", "to", "at", "me", "the", "my", "and", "it", "use",
    "under", "on", "send", "write", "reach", "for", "of", "was", "please", "that", "has", "are", "him", "her", "us",
))  # fmt: skip
_JOINED = re.compile(r"(?i)\b([\w.+-]+)\s+at\s+([\w-]+(?:\.[\w-]+)*\.[a-z]{2,})\b")
_MOST_ADDRESSES = 4
_MOST_NAME_WORDS = 12  # longer ones are a sentence


def write_emails(text: str) -> str:
    """Only where a domain is plain ("... dot com"); a name is what was spelled before its "at"."""
    text = _DOMAIN.sub(_domain, text)
    for _ in range(_MOST_ADDRESSES):
        domain = _JOINED.search(text)
        if domain is None or domain.group(1).lower() in _NOT_A_NAME:
            break
        at = domain.end(1)
        words = text[:at].split()
        count = _name_length(words)
        name = _written(" ".join(words[len(words) - count :]))
        text = " ".join([*words[: len(words) - count], f"{name}@{domain.group(2)}"]) + text[domain.end() :]
    return text


def _domain(match: re.Match[str]) -> str:
    plain_words = match.group(1).lower() in _NOT_A_NAME  # "the dot com years"
    return match.group() if plain_words else _written(match.group())


def _name_length(words: list[str]) -> int:
    """How many of the last words spell the name: one, and more where signs or single characters join them."""
    count = 1
    while count < min(len(words), _MOST_NAME_WORDS):
        word, after = words[-count - 1].lower(), words[-count].lower()
        joined = word in _SIGNS or after in _SIGNS
        spelled = _is_single(word) and _is_single(after)
        if not (joined or spelled) or word in _NOT_A_NAME:
            break
        count += 1
    return count


def _is_single(word: str) -> bool:
    return len(word) == 1 or word.isdigit() or word in _DIGITS


def _written(spelled: str) -> str:
    words = spelled.lower().split()
    return "".join(
        _SIGNS.get(word) or (_DIGITS.get(word, word) if len(words) > 1 else word) for word in words
    )
