"""The shape of every quality table: case -> contender -> figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int = 1
    brief: bool = False  # a fraction of the material: for a look, not for a claim
    pictures: Path | None = None  # a folder that exists, for curves and spectrograms


@dataclass(frozen=True, slots=True)
class Case:
    """One situation; `ours` stands among the contenders under that name."""

    name: str
    contenders: Mapping[str, Figures]


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    cases: tuple[Case, ...]
    summary: Mapping[str, float | int | bool]  # what must be reached, as one figure each

    def as_json(self) -> dict[str, object]:
        cases = {
            case.name: {who: dict(figures) for who, figures in case.contenders.items()} for case in self.cases
        }
        return {"cases": cases, "summary": dict(self.summary)}
