"""The native Silero kernel beside onnxruntime: the same probabilities, and what each chunk of 32 ms costs.

    python -m tools.silero_onnx silero_vad_16k_op15.onnx

The ONNX file is one of those in the `data` folder of the wheel of `silero-vad`, of the version that is shipped.
Needs onnxruntime (extra `quality`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray

from mediasrv.bench.quality import material
from mediasrv.media.vad_weights import vad_weights
from mediasrv_native.speech import CHUNK_SAMPLES, Silero

RATE_HZ, CONTEXT, CELLS = 16_000, 64, 128
SECONDS, BATCH, CHUNKS_TIMED, TRIALS = 20.0, 32, 480, 5


class Onnx:
    """As many streams as `state` has, a chunk of each at a time."""

    def __init__(self, path: Path, streams: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.state = np.zeros((2, streams, CELLS), np.float32)
        self.context = np.zeros((streams, CONTEXT), np.float32)

    def judge(self, chunks: NDArray[np.int16]) -> NDArray[np.float32]:
        seen = np.concatenate([self.context, chunks.astype(np.float32) / 32_768], axis=1)
        self.context = seen[:, -CONTEXT:]
        fed = {"input": seen, "state": self.state, "sr": np.array(RATE_HZ)}
        found, self.state = self.session.run(None, fed)
        return np.asarray(found[:, 0])


def least_us(work: Callable[[], object], times: int) -> float:
    """Of each time, in the best of a few trials: what the machine did besides is not ours."""
    trials = []
    for _ in range(TRIALS):
        began_ns = time.perf_counter_ns()
        for _ in range(times):
            work()
        trials.append((time.perf_counter_ns() - began_ns) / times / 1_000)
    return min(trials)


def main() -> None:
    path, weights = Path(sys.argv[1]), vad_weights("")
    assert weights is not None, "the weights are missing: mediasrv doctor"
    pcm = np.concatenate([material.speech(voice, RATE_HZ, SECONDS) for voice in material.voices()[:3]])
    chunks = pcm[: len(pcm) // CHUNK_SAMPLES * CHUNK_SAMPLES].reshape(-1, 1, CHUNK_SAMPLES)
    native, onnx = Silero(weights), Onnx(path, 1)
    differences = [abs((native.process(chunk.tobytes()) or 0.0) - onnx.judge(chunk)[0]) for chunk in chunks]
    print(f"largest difference over {len(chunks)} chunks of speech: {max(differences):.1e}")
    one, octets, many = chunks[50], chunks[50].tobytes(), Onnx(path, BATCH)
    batch = np.repeat(one, BATCH, axis=0)
    print(
        f"native kernel:              {least_us(lambda: native.process(octets), CHUNKS_TIMED):6.1f} us a chunk"
    )
    print(f"onnxruntime, one stream:    {least_us(lambda: onnx.judge(one), CHUNKS_TIMED):6.1f}")
    each = least_us(lambda: many.judge(batch), CHUNKS_TIMED // BATCH) / BATCH
    print(f"onnxruntime, {BATCH} at a time:  {each:6.1f}")


if __name__ == "__main__":
    main()
