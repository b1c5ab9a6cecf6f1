"""How the engine's thread may be scheduled on this machine: what `doctor` shows, and what the engine asks for."""

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


def spare_cpu() -> int | None:
    """The processor to pin the engine to: the highest we may use; none when there is but one."""
    allowed = os.sched_getaffinity(0)
    return max(allowed) if len(allowed) > 1 else None
