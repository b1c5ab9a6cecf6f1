"""Which row of keys is a choice, and whether it could still become another: pure.

`1` and `12` may both be choices. Whoever presses 1 and waits means 1; whoever goes on at once means 12. Without a
longer choice that begins alike nobody needs to wait.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """What has been pressed so far."""

    is_choice: bool
    may_grow: bool


def read(pressed: str, choices: Collection[str]) -> Reading:
    longer = any(choice.startswith(pressed) and choice != pressed for choice in choices)
    return Reading(pressed in choices, longer)
