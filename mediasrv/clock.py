"""Time as the program sees it: a monotonic clock for what happens, a wall clock for what is written down.

Nothing below the shells asks for the time; it is told. The shells ask one of these, which the composition
root chose: `SystemClock` in life, a trio clock in the simulation.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


class Clock(Protocol):
    def now(self) -> float:
        """Monotonic seconds."""

    def now_ns(self) -> int:
        """The same instant in nanoseconds: the engine's time line (CLOCK_MONOTONIC)."""

    def wall(self) -> datetime:
        """The date and time, in UTC, for records."""


class SystemClock:
    def now(self) -> float:
        return time.monotonic()

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def wall(self) -> datetime:
        return datetime.now(UTC)
