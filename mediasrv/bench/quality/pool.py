"""The cases of a table, one process a core: none knows of another, so their order and their number change nothing.

Processes are spawned, not forked: onnxruntime and numpy have threads of their own by then. So a job and what makes it
travel by pickle: functions of a module, and plain data.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")
Made = TypeVar("Made")


def spread(make: Callable[[Job], Made], jobs: Sequence[Job]) -> list[Made]:
    """`make` of each job, in the order of the jobs; begun in that order too, so the longest are best first."""
    workers = min(len(os.sched_getaffinity(0)), len(jobs))
    if workers <= 1:
        return [make(job) for job in jobs]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(make, jobs))
