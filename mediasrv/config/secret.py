"""A value that is used and never shown: not in an error, not in a log, not by `repr`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True)
class Secret:
    text: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(text)

    def __str__(self) -> str:
        return "(set)" if self.text else ""

    def __bool__(self) -> bool:
        return bool(self.text)
