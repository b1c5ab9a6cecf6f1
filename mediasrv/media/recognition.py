"""Processor time that is kept for calls whose speech is recognised on this machine.

The engine keeps its own books: its threads are pinned, and recognisers give way to them. What recognisers share is the
rest, with Python. A call that would find too little of it is refused with 503: answered, its caller would wait longer
for every reply, and so would all the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mediasrv.errors import AtCapacity

RETRY_AFTER_S = 30  # such calls are conversations, and not over in a moment
SHARE = 0.7  # of a processor: the rest is Python's


def spared_cpus(engine_cpus: Sequence[int | None]) -> tuple[int, ...]:
    """The processors of the engine's threads, unless there are no others."""
    pinned = {cpu for cpu in engine_cpus if cpu is not None}
    return tuple(sorted(pinned)) if os.sched_getaffinity(0) - pinned else ()


def millicores_for_recognition(spared: Sequence[int]) -> float:
    return 1000 * SHARE * len(os.sched_getaffinity(0) - set(spared))


class RecognitionRoom:
    """What is there, and what is promised."""

    def __init__(self, millicores: float) -> None:
        self.millicores, self.promised = millicores, 0.0
        self._calls = 0

    @contextmanager
    def kept(self, millicores: float) -> Iterator[None]:
        """Room for one call, for as long as the block; AtCapacity when there is not enough."""
        if not millicores:
            yield
            return
        if self.promised + millicores > self.millicores:
            taken = f"{self.promised:g} of {self.millicores:g} thousandths of a core are taken by recognisers"
            raise AtCapacity(taken, RETRY_AFTER_S)
        self.promised += millicores
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            # an empty house has promised nothing, whatever rounding left over
            self.promised = self.promised - millicores if self._calls else 0.0
