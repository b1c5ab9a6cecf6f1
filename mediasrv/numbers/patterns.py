"""Which of several patterns a number belongs to: the exact one, else the longest prefix.

A pattern is a number (`200`, `+442079460018`, `reception`) or a prefix, which ends in a star (`+4420*`, `*`). The
order in which patterns were written has no meaning: the more particular one wins, and no two can be equally so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

STAR = "*"


@dataclass(frozen=True, slots=True)
class Pattern:
    text: str  # without the star
    is_prefix: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """A star stands at the end, if anywhere behind the first character: `*97` is a service code, `9*7` a slip."""
        stem = text.removesuffix(STAR)
        if not text or STAR in stem[1:]:
            raise ValueError('write a number, or a prefix that ends in a star, as in "+4420*"')
        return cls(stem, is_prefix=text.endswith(STAR))

    def holds(self, number: str) -> bool:
        return number.startswith(self.text) if self.is_prefix else number == self.text

    @property
    def weight(self) -> tuple[bool, int]:
        """The more particular pattern has the greater one."""
        return not self.is_prefix, len(self.text)

    def __str__(self) -> str:
        return self.text + STAR * self.is_prefix


def best(patterns: Iterable[Pattern], number: str) -> Pattern | None:
    """The most particular pattern that holds the number."""
    fitting = [pattern for pattern in patterns if pattern.holds(number)]
    return max(fitting, key=lambda pattern: pattern.weight, default=None)
