"""How often each thing happened, by name and reason."""

from __future__ import annotations

from collections import Counter


class Counters:
    """Counts that only grow; `sip_dropped: malformed` is ("sip_dropped", "malformed")."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, name: str, reason: str = "", times: int = 1) -> None:
        self._counts[name, reason] += times

    def of(self, name: str, reason: str = "") -> int:
        return self._counts[name, reason]

    def snapshot(self) -> dict[str, dict[str, int]]:
        """Every count so far, by name, then reason."""
        grouped: dict[str, dict[str, int]] = {}
        for (name, reason), times in sorted(self._counts.items()):
            grouped.setdefault(name, {})[reason] = times
        return grouped
