"""What a turn has used, entry by entry, and what that comes to: in decimals, never in floats."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from mediasrv.providers.protocols import Usage

Service = Literal["llm", "tts", "stt"]
PLACES = Decimal("0.000000000001")  # one token of the cheapest model costs 0.00000015


@dataclass(frozen=True, slots=True)
class Entry:
    """One use of one provider. `at_ms`: since the turn began. `speculative`: for words that were not meant."""

    service: Service
    usage: Usage
    level: str
    at_ms: float
    speculative: bool = False

    def as_json(self) -> dict[str, object]:
        usage = self.usage
        return {
            "service": self.service, "provider": usage.provider, "model": usage.model, "units": dict(usage.units),
            "cost_usd": f"{usage.cost_usd.quantize(PLACES):f}", "level": self.level, "at_ms": self.at_ms,
            "speculative": self.speculative, "in_vain": self.speculative or usage.in_vain,
            "estimated": usage.estimated,
        }  # fmt: skip


@dataclass(slots=True)
class Bill:
    entries: list[Entry] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)

    def total_usd(self) -> Decimal:
        return sum((entry.usage.cost_usd for entry in self.entries), Decimal(0))

    def speculated(self) -> None:
        """All of it was for words that were not meant; what was heard was heard."""
        self.entries = [replace(entry, speculative=entry.service != "stt") for entry in self.entries]

    def meant(self) -> None:
        """What was guessed was asked: nothing of it was for words that were not meant."""
        self.entries = [replace(entry, speculative=False) for entry in self.entries]

    def wasted_usd(self, said: int, heard: int) -> Decimal:
        """What was paid for in vain: guesses, speech (so many characters of it were heard) that was cut off, and
        what was done twice because a provider failed."""
        in_vain = (e.usage.cost_usd for e in self.entries if e.speculative or e.usage.in_vain)
        spoken = (
            e.usage.cost_usd
            for e in self.entries
            if e.service == "tts" and not (e.speculative or e.usage.in_vain)
        )
        unheard = Decimal(max(0, said - heard)) / said if said else Decimal(0)
        return sum(in_vain, Decimal(0)) + (sum(spoken, Decimal(0)) * unheard).quantize(PLACES)

    def listening_usd(self) -> tuple[Decimal, Decimal]:
        """What recognisers took of it, and how much of that in vain."""
        heard = [entry.usage for entry in self.entries if entry.service == "stt"]
        lost = (usage.cost_usd for usage in heard if usage.in_vain)
        return sum((usage.cost_usd for usage in heard), Decimal(0)), sum(lost, Decimal(0))

    def tokens(self) -> dict[str, int]:
        """Input and output tokens of all language models together."""
        counts = {"input_tokens": 0, "output_tokens": 0}
        for entry in self.entries:
            for unit in counts:
                counts[unit] += entry.usage.units.get(unit, 0)
        return counts

    def as_json(self) -> list[dict[str, object]]:
        return [entry.as_json() for entry in self.entries]
