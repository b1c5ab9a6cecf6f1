"""ITU-T G.711 Appendix I (09/99), in floating point: what the recommendation says, nothing better.

The history is 48.75 ms, the pitch is looked for between 5 and 15 ms by normalised cross-correlation of the last 20 ms,
on every second sample first. The first 10 ms of a gap repeat the last pitch period, the next 10 ms the last two, then
the last three; a quarter period overlaps at each seam, with the audio before the gap as well, for which all output is
delayed by 3.75 ms. From 10 ms on the sound fades by 20 % each 10 ms, and is silent after 60. At the end the repetition
goes on under the first good samples for a quarter period, and 4 ms more for each 10 ms of gap, 10 ms at most.

`delay` output samples come late; whoever compares shifts them back.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

FRAME_MS = 10  # of the recommendation; frames of 20 ms are two of them


class AppendixI:
    def __init__(self, rate_hz: int = 8_000) -> None:
        scale = rate_hz / 8_000
        self.frame = round(80 * scale)
        self.pitch_min, self.pitch_max = round(40 * scale), round(120 * scale)
        self.correlation = round(160 * scale)
        self.history = round(390 * scale)
        self.delay = round(30 * scale)  # 3.75 ms: a quarter of the longest pitch period
        self.merge_step = round(32 * scale)  # 4 ms
        self._past = np.zeros(self.history)
        self._erased = 0
        self._saved = np.zeros(0)
        self._pitch = self._periods = self._offset = 0
        self._cycle = np.zeros(0)

    def good(self, samples: Signal) -> Signal:
        out = samples.astype(np.float64)
        if self._erased:
            span = min(self._pitch // 4 + self.merge_step * (self._erased - 1), self.frame)
            tail = self._synthesise(span) * self._gain(self._erased)
            ramp = np.arange(1, span + 1) / (span + 1)
            out[:span] = out[:span] * ramp + tail * (1 - ramp)
        self._erased = 0
        return self._emit(out)

    def lost(self) -> Signal:
        """10 ms that did not come."""
        if self._erased == 0:
            self._begin()
            out = self._synthesise(self.frame)
        elif self._erased < 3:
            out = self._widen()
        else:
            out = self._synthesise(self.frame)
        if self._erased >= 6:
            out = np.zeros(self.frame)
        else:
            begin, end = self._gain(self._erased), self._gain(self._erased + 1)
            out = out * np.linspace(begin, end, self.frame, endpoint=False)
        self._erased += 1
        return self._emit(out)

    @staticmethod
    def _gain(frames: int) -> float:
        """At the beginning of the frame of that number: the first is not attenuated."""
        return max(0.0, 1.0 - 0.2 * max(0, frames - 1))

    def _emit(self, out: Signal) -> Signal:
        self._past = np.concatenate([self._past, out])[-self.history :]
        return self._past[-len(out) - self.delay : len(self._past) - self.delay].copy()

    def _find_pitch(self) -> int:
        past, n = self._past, self.correlation
        now = past[-n:]

        def score(lag: int, step: int) -> float:
            then = past[-n - lag : len(past) - lag][::step]
            energy = max(float(then @ then), n / step)
            return float(now[::step] @ then) / math.sqrt(energy)

        coarse = max(range(self.pitch_min, self.pitch_max + 1, 2), key=lambda lag: score(lag, 2))
        near = range(max(coarse - 1, self.pitch_min), min(coarse + 1, self.pitch_max) + 1)
        return max(near, key=lambda lag: score(lag, 1))

    def _begin(self) -> None:
        self._pitch, self._periods, self._offset = self._find_pitch(), 1, 0
        self._saved = self._past.copy()
        self._set_cycle()
        quarter = self._pitch // 4  # the delayed tail of what was good is blended into the repetition
        ramp = np.arange(1, quarter + 1) / (quarter + 1)
        self._past[-quarter:] = self._past[-quarter:] * (1 - ramp) + self._cycle[-quarter:] * ramp

    def _set_cycle(self) -> None:
        """The last periods, their end overlapped with what came before their beginning."""
        length, quarter = self._pitch * self._periods, self._pitch // 4
        cycle = self._saved[-length:].copy()
        before = self._saved[-length - quarter : len(self._saved) - length]
        ramp = np.arange(1, quarter + 1) / (quarter + 1)
        cycle[-quarter:] = cycle[-quarter:] * (1 - ramp) + before * ramp
        self._cycle = cycle

    def _synthesise(self, n: int) -> Signal:
        at = (self._offset + np.arange(n)) % len(self._cycle)
        self._offset = (self._offset + n) % len(self._cycle)
        return self._cycle[at]

    def _widen(self) -> Signal:
        """One period more, overlapped with what the old cycle would have said."""
        quarter = self._pitch // 4
        kept = self._offset
        old = self._synthesise(quarter)
        self._periods += 1
        self._offset = kept % self._pitch
        self._set_cycle()
        out = self._synthesise(self.frame)
        ramp = np.arange(1, quarter + 1) / (quarter + 1)
        out[:quarter] = out[:quarter] * ramp + old * (1 - ramp)
        return out
