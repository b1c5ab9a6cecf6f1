"""Curves of contenders against each other, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Curve:
    x: Sequence[float]
    y: Sequence[float]


def draw_curves(path: Path, title: str, axes: tuple[str, str], curves: Mapping[str, Curve]) -> None:
    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    plot = figure.subplots()
    for name, curve in curves.items():
        plot.plot(curve.x, curve.y, marker="o", markersize=3, label=name)
    plot.set_title(title)
    plot.set_xlabel(axes[0])
    plot.set_ylabel(axes[1])
    plot.grid(visible=True, alpha=0.3)
    plot.legend()
    figure.savefig(path, dpi=120)
