"""From what the engine heard of one call to the verdict on it: pieces of any length, cut into frames.

The engine makes up for what is lost and marks it; it keeps quiet about what it had nothing to make up from. So
besides the sound itself the time it took is looked at: heard sound that falls behind the arrival of its packets has
lost a piece that nobody marked.
"""

from __future__ import annotations

from mediasrv.audio import BYTES_PER_SAMPLE, EARS_RATE_HZ, PTIME_MS, EarsChunk
from mediasrv.clock import NS_PER_MS
from tools.load.verdict import GAP_OF_NOTE_MS, Verdict
from tools.load.watermark import FRAME, read

FRAME_BYTES = FRAME * BYTES_PER_SAMPLE


class Listener:
    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self._rest = b""
        self._runs: list[tuple[int, bool]] = []  # samples that wait, and whether they were made up
        self._first_ns: int | None = None
        self._heard_ms = 0.0
        self._behind_ms = 0.0  # that is known already

    def hear(self, chunk: EarsChunk) -> None:
        self._rest += chunk.pcm
        self._runs += [(span.samples, span.concealed) for span in chunk.spans]
        whole = len(self._rest) // FRAME_BYTES * FRAME_BYTES
        for frame in read(self._rest[:whole]):
            self.verdict.hear(frame, concealed=self._next_was_concealed())
        self._rest = self._rest[whole:]
        if self.verdict.began and chunk.spans:
            self._keep_time(chunk)

    def _next_was_concealed(self) -> bool:
        """Of the next frame: whether any of it was."""
        left, concealed = FRAME, False
        while left and self._runs:
            samples, made_up = self._runs[0]
            taken = min(left, samples)
            left, concealed = left - taken, concealed or made_up
            self._runs[0] = (samples - taken, made_up)
            if taken == samples:
                del self._runs[0]
        return concealed

    def _keep_time(self, chunk: EarsChunk) -> None:
        if self._first_ns is None:
            self._first_ns = chunk.at_ns
            return
        self._heard_ms += sum(span.samples for span in chunk.spans) / EARS_RATE_HZ * 1000
        behind_ms = (chunk.at_ns - self._first_ns) / NS_PER_MS - self._heard_ms
        if behind_ms - self._behind_ms > GAP_OF_NOTE_MS:
            self.verdict.miss(round(behind_ms - self._behind_ms) // PTIME_MS * PTIME_MS)
            self._behind_ms = behind_ms
