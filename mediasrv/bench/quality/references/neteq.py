"""NetEQ's control, in time only: what WebRTC's receiver would have played when.

Written from its published behaviour (the documentation and the thresholds of modules/audio_coding/neteq as of 2023),
not ported. Sound itself is left out: a buffer holds places on the sender's time line, and each operation moves the
cursor as the real one would. Where the real one depends on the sound, it is given the better of it: a stretch always
succeeds; it is worth one period of a pitch of 125 Hz.

* *Delay manager.* Relative delay of each packet against the least of the last 2 s; the worst of each half second goes
  into a histogram of 20 ms buckets with forgetting (0.983); the target is the upper edge of the bucket in which the
  quantile (0.95) lies. Packets out of order are kept apart: a second histogram (0.9993) and a price of 20 ms for each
  percent that would be lost raise the target when that is worth it.
* *Buffer level filter.* An exponential mean of what is buffered, with a factor that grows with the target.
* *Decision*, each 10 ms. Accelerate at or above max(target, low + 20 ms), at any time above four times that; slow down
  below low = max(3/4 target, target - 85 ms); at most one stretch in 50 ms. Expand when there is nothing. After an
  expansion a packet from beyond the gap waits until its time has come, but not above the target, nor beyond 100 ms.

The peak detector of earlier versions (two peaks of more than the target and 78 ms, ten seconds to remember them) is
an option: the half-second maxima took its place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from mediasrv.bench.quality.networks import PACKET_MS
from mediasrv.bench.quality.playout import TICK_MS, Piece

STEP_MS = 10
BUCKET_MS = 20
BUCKETS = 100
HISTORY_MS = 2_000.0
RESAMPLE_MS = 500.0
FORGET, REORDER_FORGET = 0.983, 0.9993
START_FORGET_WEIGHT = 2.0
MS_PER_LOSS_PERCENT = 20.0
START_MS = 80
SLOW_DOWN_OFFSET_MS = 85.0
MIN_TIMESCALE_STEPS = 5
STRETCH_MS = 8.0  # a pitch period of 125 Hz
ACCELERATE_NEEDS_MS = 30.0
MAX_WAIT_STEPS = 10
REINIT_AFTER_STEPS = 100
LEVEL_FACTORS = ((20, 0.980), (60, 0.984), (140, 0.988))  # up to a target of so many ms
LEVEL_FACTOR_ABOVE = 0.992
PEAK_MS, PEAK_MEMORY_MS, PEAKS_NEEDED = 78.0, 10_000.0, 2


class Histogram:
    """Shares of the buckets, which always add up to one; the first entries weigh more."""

    def __init__(self, forget: float) -> None:
        self._forget, self._entries = forget, 0
        self.shares = [0.5 ** (bucket + 1) for bucket in range(BUCKETS)]

    def add(self, bucket: int) -> None:
        self._entries += 1
        forget = min(self._forget, max(0.0, 1.0 - START_FORGET_WEIGHT / (self._entries + 1)))
        self.shares = [share * forget for share in self.shares]
        self.shares[min(bucket, BUCKETS - 1)] += 1.0 - forget

    def quantile(self, probability: float) -> int:
        left = 1.0
        for bucket, share in enumerate(self.shares):
            left -= share
            if left <= 1.0 - probability:
                return bucket
        return BUCKETS - 1


class ReorderOptimizer:
    """The wait at which delay and the packets that come too late out of order cost least together."""

    def __init__(self) -> None:
        self._histogram = Histogram(REORDER_FORGET)

    def update(self, delay_ms: float, reordered: bool, base_ms: float) -> float:
        self._histogram.add(int(delay_ms) // BUCKET_MS if reordered else 0)
        best, least, lost = 0, float("inf"), 1.0
        for bucket, share in enumerate(self._histogram.shares):
            lost -= share
            cost = max(0.0, bucket * BUCKET_MS - base_ms) + 100.0 * MS_PER_LOSS_PERCENT * max(lost, 0.0)
            if cost < least:
                best, least = bucket, cost
            if lost <= 0:
                break
        return float((1 + best) * BUCKET_MS)


class PeakDetector:
    """Delay peaks that come again are waited for in full."""

    def __init__(self) -> None:
        self._peaks: deque[tuple[float, float]] = deque()

    def update(self, delay_ms: float, target_ms: float, at_ms: float) -> float:
        if delay_ms > target_ms + PEAK_MS or (self._peaks and delay_ms > 2 * target_ms):
            self._peaks.append((at_ms, delay_ms))
        while self._peaks and self._peaks[0][0] < at_ms - PEAK_MEMORY_MS:
            self._peaks.popleft()
        return max(height for _, height in self._peaks) if len(self._peaks) >= PEAKS_NEEDED else 0.0


class DelayManager:
    def __init__(self, quantile: float, min_ms: float, max_ms: float, *, peaks: bool) -> None:
        self._quantile, self._min_ms, self._max_ms = quantile, min_ms, max_ms
        self._histogram, self._reorder = Histogram(FORGET), ReorderOptimizer()
        self._peaks = PeakDetector() if peaks else None
        self._recent: deque[tuple[float, float]] = deque()  # lags that can still become the least, rising
        self._newest = -1
        self._worst_ms, self._worst_began_ms = 0.0, 0.0
        self._underrun_ms: float = START_MS
        self.target_ms: float = START_MS

    def _relative(self, lag_ms: float, at_ms: float) -> float:
        while self._recent and self._recent[-1][1] >= lag_ms:
            self._recent.pop()
        self._recent.append((at_ms, lag_ms))
        while self._recent[0][0] < at_ms - HISTORY_MS:
            self._recent.popleft()
        return lag_ms - self._recent[0][1]

    def packet(self, index: int, at_ms: float) -> None:
        delay_ms, reordered = self._relative(at_ms - index * PACKET_MS, at_ms), index < self._newest
        self._newest = max(self._newest, index)
        if not reordered:
            self._underrun(delay_ms, at_ms)
        target_ms = max(self._underrun_ms, self._reorder.update(delay_ms, reordered, self._underrun_ms))
        if self._peaks is not None:
            target_ms = max(target_ms, self._peaks.update(delay_ms, target_ms, at_ms))
        self.target_ms = min(max(target_ms, self._min_ms), self._max_ms)

    def _underrun(self, delay_ms: float, at_ms: float) -> None:
        if at_ms - self._worst_began_ms > RESAMPLE_MS:
            self._histogram.add(int(self._worst_ms) // BUCKET_MS)
            self._underrun_ms = (1 + self._histogram.quantile(self._quantile)) * BUCKET_MS
            self._worst_ms, self._worst_began_ms = 0.0, at_ms
        self._worst_ms = max(self._worst_ms, delay_ms)


class NetEq:
    """The whole receiver, asked twice for 10 ms at each tick, as it would be in a plane of 20 ms ticks."""

    def __init__(
        self, quantile: float = 0.95, *, min_ms: float = 20, max_ms: float = 400, peaks: bool = False
    ) -> None:
        self._manager = DelayManager(quantile, min_ms, max_ms, peaks=peaks)
        self._waiting: set[int] = set()  # packets that were not decoded yet
        self._next: int | None = None  # the packet that is to be decoded next
        self._decoded_ms = 0.0  # sound that was decoded and not played yet
        self._level_ms = 0.0
        self._stretched_ms = 0.0  # since the level was filtered last
        self._rest_steps = 0
        self._expands = 0

    def packet(self, index: int, at_ms: float) -> None:
        self._manager.packet(index, at_ms)
        if self._next is None:
            self._next = index
        if index >= self._next:
            self._waiting.add(index)

    def tick(self, due_ms: float) -> Iterable[Piece]:
        return [self._step(offset) for offset in range(0, TICK_MS, STEP_MS)]

    def _step(self, offset_ms: float) -> Piece:
        if self._next is None:
            return Piece(STEP_MS, None, offset_ms)
        self._filter_level()
        self._rest_steps = max(0, self._rest_steps - 1)
        operation = self._decide()
        if operation == "expand" and self._decoded_ms < STEP_MS:
            self._expands += 1
            return Piece(STEP_MS, None, offset_ms)
        if operation == "merge":
            self._next = min(self._waiting)
        self._expands = 0
        self._stretch(operation)
        while self._decoded_ms < STEP_MS and self._decode():
            pass
        place_ms = self._next * PACKET_MS - self._decoded_ms
        self._decoded_ms -= STEP_MS
        return Piece(STEP_MS, place_ms, offset_ms)

    def _filter_level(self) -> None:
        target_ms = self._manager.target_ms
        factor = next((factor for most, factor in LEVEL_FACTORS if target_ms <= most), LEVEL_FACTOR_ABOVE)
        now_ms = self._decoded_ms + len(self._waiting) * PACKET_MS
        self._level_ms = max(0.0, factor * self._level_ms + (1 - factor) * now_ms - self._stretched_ms)
        self._stretched_ms = 0.0

    def _decide(self) -> str:
        if not self._waiting:
            return "expand"
        if self._next in self._waiting:
            return self._decide_stretching() if self._expands == 0 else "normal"
        if self._expands == 0 or self._should_wait():
            return "expand"
        return "merge"

    def _decide_stretching(self) -> str:
        target_ms = self._manager.target_ms
        low_ms = max(target_ms * 3 / 4, target_ms - SLOW_DOWN_OFFSET_MS)
        high_ms = max(target_ms, low_ms + BUCKET_MS)
        if self._level_ms >= 4 * high_ms:
            return "accelerate"
        if self._rest_steps == 0 and self._level_ms >= high_ms:
            return "accelerate"
        if self._rest_steps == 0 and self._level_ms < low_ms:
            return "slow down"
        return "normal"

    def _should_wait(self) -> bool:
        assert self._next is not None
        leap_ms = (min(self._waiting) - self._next) * PACKET_MS
        too_early = leap_ms > self._expands * STEP_MS
        under_target = self._level_ms < self._manager.target_ms
        in_reach = leap_ms < REINIT_AFTER_STEPS * STEP_MS and self._expands < MAX_WAIT_STEPS
        return in_reach and too_early and under_target

    def _stretch(self, operation: str) -> None:
        if operation not in ("accelerate", "slow down"):
            return
        while self._decoded_ms < ACCELERATE_NEEDS_MS and self._decode():
            pass
        if self._decoded_ms < ACCELERATE_NEEDS_MS:
            return
        stretched_ms = STRETCH_MS if operation == "accelerate" else -STRETCH_MS
        self._decoded_ms -= stretched_ms
        self._stretched_ms += stretched_ms
        self._rest_steps = MIN_TIMESCALE_STEPS

    def _decode(self) -> bool:
        if self._next not in self._waiting:
            return False
        self._waiting.remove(self._next)
        self._next += 1
        self._decoded_ms += PACKET_MS
        return True
