"""What a caller has said so far of the table that is wanted: three things, found by rule in whatever order they come.

A number alone is ambiguous: "at seven" is a time, "for seven" a party, and "seven" is whatever was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mediasrv.providers.knowledge.understanding import words

TIME_BEFORE = frozenset(("at", "around", "about", "past"))
TIME_AFTER = frozenset(("o'clock",))
PARTY_BEFORE = frozenset(("for", "are", "be"))
PARTY_AFTER = frozenset(("people", "persons", "of"))


@dataclass(frozen=True, slots=True)
class Table:
    people: str = ""
    day: str = ""
    time: str = ""

    @property
    def complete(self) -> bool:
        return bool(self.people and self.day and self.time)

    def told(self, text: str, lists: Mapping[str, Sequence[str]]) -> Table:
        """With what `text` adds or corrects."""
        line = words(text)
        table, taken = self, set[int]()
        for at, value in _found(line, lists["day"]):
            table = replace(table, day=value)
            taken.add(at)
        for at, value in _found(line, lists["time"]):
            if " " in value or _is_time(line, at) or (self.people and not _is_party(line, at)):
                table = replace(table, time=value)
                taken.update(range(at, at + len(value.split())))
        for at, value in _found(line, lists["people"]):
            if at not in taken:
                table = replace(table, people=value)
        return table


def _is_time(line: Sequence[str], at: int) -> bool:
    return _stands(line, at, TIME_BEFORE, TIME_AFTER)


def _is_party(line: Sequence[str], at: int) -> bool:
    return _stands(line, at, PARTY_BEFORE, PARTY_AFTER)


def _stands(line: Sequence[str], at: int, before: frozenset[str], after: frozenset[str]) -> bool:
    """After one of these words, or before one of those."""
    return bool({*line[max(0, at - 1) : at]} & before or {*line[at + 1 : at + 2]} & after)


def _found(line: Sequence[str], values: Sequence[str]) -> list[tuple[int, str]]:
    """Where which values stand: at one place the longest, and what a longer one covers not at all."""
    found: list[tuple[int, str]] = []
    covered: set[int] = set()
    for value in sorted(values, key=lambda v: -len(v.split())):
        parts = tuple(value.split())
        for at in range(len(line) - len(parts) + 1):
            place = set(range(at, at + len(parts)))
            if tuple(line[at : at + len(parts)]) == parts and not place & covered:
                covered |= place
                found.append((at, value))
    return sorted(found)
