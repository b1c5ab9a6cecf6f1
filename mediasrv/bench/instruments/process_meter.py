"""What a process costs, as the kernel counts it: processor time of each thread, and memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICK_MS = 1_000 / os.sysconf("SC_CLK_TCK")
MEDIA_THREAD_PREFIX = "media"  # the engine names its threads so


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor milliseconds so far, and bytes now."""

    media_ms: float  # the engine's threads
    control_ms: float  # everything else: the trio loop and its worker threads
    memory_bytes: int  # proportional share of what is resident

    def since(self, earlier: Usage) -> Usage:
        return Usage(
            self.media_ms - earlier.media_ms,
            self.control_ms - earlier.control_ms,
            self.memory_bytes - earlier.memory_bytes,
        )


def thread_cpu_ms(task: Path) -> float:
    """Processor time of one /proc/PID/task/TID: to the nanosecond where the kernel keeps it, else in ticks."""
    try:
        return int((task / "schedstat").read_text().split()[0]) / 1e6
    except (OSError, IndexError):
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * _TICK_MS


def memory_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def measure(pid: int) -> Usage:
    """Raises OSError when there is no such process."""
    media_ms = control_ms = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name, cpu_ms = (task / "comm").read_text().strip(), thread_cpu_ms(task)
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that has just ended
        if name.startswith(MEDIA_THREAD_PREFIX):
            media_ms += cpu_ms
        else:
            control_ms += cpu_ms
    return Usage(media_ms, control_ms, memory_bytes(pid))
