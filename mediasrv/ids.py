"""Names of things, and where fresh ones come from: a source of tokens that a test can seed."""

from __future__ import annotations

import os
import random
from io import BytesIO
from typing import NewType, Protocol

TenantId = NewType("TenantId", str)
CallId = NewType("CallId", str)
TurnId = NewType("TurnId", str)

DEFAULT_TENANT = TenantId("default")
DRAWN_AT_ONCE = 4_096  # bytes


class TokenSource(Protocol):
    def token(self, nbytes: int = 8) -> str:
        """A fresh lower-case hexadecimal token of `nbytes` bytes."""

    def number(self, bits: int) -> int:
        """A fresh whole number below 2**bits."""


class SystemTokens:
    """Unguessable: tags, branches and SSRCs keep strangers out of a call.

    A call draws about ten times; the kernel is asked once for many calls, and nothing it gave is used twice."""

    def __init__(self) -> None:
        self._drawn = BytesIO()

    def token(self, nbytes: int = 8) -> str:
        return self._draw(nbytes).hex()

    def number(self, bits: int) -> int:
        return int.from_bytes(self._draw((bits + 7) // 8)) >> (-bits % 8)

    def _draw(self, nbytes: int) -> bytes:
        drawn = self._drawn.read(nbytes)
        if (
            len(drawn) < nbytes
        ):  # threads may meet here: a read is one step, and each has a fresh one to itself
            fresh = BytesIO(os.urandom(DRAWN_AT_ONCE + nbytes))
            drawn, self._drawn = fresh.read(nbytes), fresh
        return drawn


class SeededTokens:
    """Repeatable: the same seed gives the same run."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def token(self, nbytes: int = 8) -> str:
        return self._random.randbytes(nbytes).hex()

    def number(self, bits: int) -> int:
        return self._random.getrandbits(bits)
