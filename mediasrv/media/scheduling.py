"""How the engine's threads may be scheduled on this machine: what `doctor` shows, and what the engine asks for."""

from __future__ import annotations

import os
from enum import Enum

from mediasrv_native import engine as native


class Policy(Enum):
    """Best last; each falls back on the one before."""

    NORMAL = native.POLICY_NORMAL
    SLICE = native.POLICY_SLICE  # ordinary, with a slice of 100 us: needs Linux 6.12, no privilege
    FIFO = native.POLICY_FIFO  # real time: needs CAP_SYS_NICE or RLIMIT_RTPRIO
    BEST = native.POLICY_BEST  # the best that can be had; a wish, never an answer


def available_policy(wanted: Policy = Policy.BEST) -> Policy:
    """What a thread that asks for `wanted` gets here: found by asking, in a thread that ends at once."""
    return Policy(native.try_policy(wanted.value))


def spare_cpus() -> tuple[int, ...]:
    """The processors for the engine's threads, best first: all we may use but the lowest, which is Python's.

    None when there is but one.
    """
    return tuple(sorted(os.sched_getaffinity(0), reverse=True)[:-1])


def default_threads() -> int:
    """One for each spare processor; one in any case."""
    return max(1, len(spare_cpus()))
