"""What each trunk's caps still let in: calls at a time, and new calls in a second. Time is an argument."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mediasrv.config import TrunkSettings
from mediasrv.numbers import TokenBucket
from mediasrv.server.admission import Refusal

BUSY_RETRY_AFTER_S = 5  # nobody knows when a running call will end


class TrunkGates:
    def __init__(self, trunks: Mapping[str, TrunkSettings]) -> None:
        self._trunks = trunks
        self._inside: Counter[str] = Counter()
        self._rates = {name: TokenBucket(t.calls_per_s) for name, t in trunks.items() if t.calls_per_s}

    def why_not(self, trunk: str, now: float) -> Refusal | None:
        """Asked once for each call: a call that may come in has been counted against the trunk's rate.

        A call that finds the trunk full costs it nothing of its rate.
        """
        most = self._trunks[trunk].calls_max
        if most and self._inside[trunk] >= most:
            return Refusal(503, "trunk_full", BUSY_RETRY_AFTER_S)
        wait_s = self._rates[trunk].take(now) if trunk in self._rates else 0.0
        return Refusal(503, "trunk_too_fast", math.ceil(wait_s)) if wait_s else None

    @contextmanager
    def inside(self, trunk: str) -> Iterator[None]:
        """The call, however it ends."""
        self._inside[trunk] += 1
        try:
            yield
        finally:
            self._inside[trunk] -= 1
