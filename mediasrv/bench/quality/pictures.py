"""Curves and spectrograms as PNG files, for eyes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

mpl.use("Agg")
from matplotlib import pyplot as plt

FLOOR_DB = -90.0


class Sound(NamedTuple):
    title: str
    samples: NDArray[np.int16]
    rate_hz: int


def curves(
    path: Path, title: str, x: str, y: str, lines: Mapping[str, tuple[Sequence[float], Sequence[float]]]
) -> None:
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for name, (xs, ys) in lines.items():
        axes.plot(xs, ys, marker="o", markersize=3, label=name)
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def spectrograms(path: Path, sounds: Sequence[Sound]) -> None:
    """One above the other, on one time axis."""
    figure, rows = plt.subplots(
        len(sounds), 1, figsize=(12, 2.6 * len(sounds)), sharex=True, layout="constrained", squeeze=False
    )
    for axes, sound in zip(rows[:, 0], sounds, strict=True):
        scaled = sound.samples.astype(np.float64) / 32_768
        axes.specgram(
            scaled + 1e-9,
            NFFT=256,
            noverlap=192,
            Fs=sound.rate_hz,
            vmin=FLOOR_DB - 40,
            vmax=-40,
            cmap="magma",
        )
        axes.set(title=sound.title, ylabel="Hz")
    rows[-1, 0].set_xlabel("s")
    figure.savefig(path, dpi=110)
    plt.close(figure)
