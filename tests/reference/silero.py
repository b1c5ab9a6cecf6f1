"""Silero VAD as its layers are written down, in numpy and double precision: slow, and nothing left out."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WEIGHTS = Path(__file__).parents[2] / "native/mediasrv_native/weights/silero_vad_16k.safetensors"
CHUNK, CONTEXT, MIRRORED, WINDOW, HOP, BINS, CELLS = 512, 64, 64, 256, 128, 129, 128
STRIDES = (1, 2, 2, 1)

Array = NDArray[np.float64]


def tensors(file: bytes) -> dict[str, Array]:
    (length,) = struct.unpack("<Q", file[:8])
    header, data = json.loads(file[8 : 8 + length]), file[8 + length :]
    return {
        name: np.frombuffer(data[slice(*entry["data_offsets"])], "<f4")
        .reshape(entry["shape"])
        .astype(np.float64)
        for name, entry in header.items()
        if name != "__metadata__"
    }


def convolved(frames: Array, weight: Array, bias: Array, stride: int) -> Array:
    """Channels x time, zeros before and after."""
    taps, padded = weight.shape[2], np.pad(frames, ((0, 0), (1, 1)))
    starts = range(0, padded.shape[1] - taps + 1, stride)
    return np.stack(
        [np.einsum("oik,ik->o", weight, padded[:, at : at + taps]) + bias for at in starts], axis=1
    )


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -500, 500))))


class Silero:
    def __init__(self, weights: Mapping[str, Array]) -> None:
        self.weights = weights
        self.context = np.zeros(CONTEXT)
        self.forget()

    def forget(self) -> None:
        self.hidden, self.cell = np.zeros(CELLS), np.zeros(CELLS)

    def judge(self, chunk: NDArray[np.int16]) -> float:
        samples = np.concatenate([self.context, chunk / 32_768])
        self.context = samples[-CONTEXT:]
        features = self._encoded(self._magnitudes(samples))
        w = self.weights
        gates = w["lstm_cell.weight_ih"] @ features + w["lstm_cell.bias_ih"]
        gates += w["lstm_cell.weight_hh"] @ self.hidden + w["lstm_cell.bias_hh"]
        let_in, keep, candidate, let_out = np.split(gates, 4)
        self.cell = sigmoid(keep) * self.cell + sigmoid(let_in) * np.tanh(candidate)
        self.hidden = sigmoid(let_out) * np.tanh(self.cell)
        summed = w["final_conv.weight"][0, :, 0] @ np.maximum(self.hidden, 0) + w["final_conv.bias"]
        return float(sigmoid(summed)[0])

    def _magnitudes(self, samples: Array) -> Array:
        mirrored = np.pad(samples, (0, MIRRORED), mode="reflect")
        basis = self.weights["stft_conv.weight"][:, 0]
        starts = range(0, len(mirrored) - WINDOW + 1, HOP)
        parts = np.stack([basis @ mirrored[at : at + WINDOW] for at in starts], axis=1)
        return np.asarray(np.hypot(parts[:BINS], parts[BINS:]))

    def _encoded(self, frames: Array) -> Array:
        for number, stride in enumerate(STRIDES, start=1):
            weight, bias = self.weights[f"conv{number}.weight"], self.weights[f"conv{number}.bias"]
            frames = np.maximum(convolved(frames, weight, bias, stride), 0)
        return frames[:, 0]
