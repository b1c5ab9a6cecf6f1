"""Status codes of the native core, as exceptions: the one place where one becomes the other."""

from __future__ import annotations

import os
from typing import NoReturn


class NativeError(Exception):
    """A status code of the native core, with its name; `status` is the number."""

    def __init__(self, status: int, doing: str, why: str) -> None:
        super().__init__(status, doing, why)  # all of them, so that it can be pickled: it may cross processes
        self.status = status

    def __str__(self) -> str:
        _, doing, why = self.args
        return f"{doing}: {why}"


class WrongArgument(NativeError, ValueError):
    """Out of range: our own mistake."""


class OutOfMemory(NativeError, MemoryError):
    """No memory at set-up."""


class QueueFull(NativeError):
    """A bounded queue, or the pool, is full."""


class StaleHandle(NativeError):
    """The handle, generation or hold is of an earlier life."""


class SystemRefused(NativeError):
    """The operating system said no."""


class WrongState(NativeError):
    """Not now."""


_MEANING: dict[int, tuple[type[NativeError], str]] = {
    -1: (WrongArgument, "argument out of range"),
    -2: (OutOfMemory, "no memory"),
    -3: (QueueFull, "full"),
    -4: (StaleHandle, "stale handle or generation"),
    -5: (SystemRefused, "the operating system refused"),
    -6: (WrongState, "not in this state"),
}


def raise_status(status: int, doing: str, errno: int = 0) -> NoReturn:
    """Raises what `status` means; `errno` tells more about a refusal of the system's."""
    kind, why = _MEANING.get(status, (NativeError, f"unknown status {status}"))
    if kind is SystemRefused and errno:
        why = f"{why}: {os.strerror(errno)}"
    raise kind(status, doing, why)
