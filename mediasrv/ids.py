"""Names of things, and where fresh ones come from: a source of tokens that a test can seed."""

from __future__ import annotations

import random
import secrets
from typing import NewType, Protocol

TenantId = NewType("TenantId", str)
CallId = NewType("CallId", str)
TurnId = NewType("TurnId", str)

DEFAULT_TENANT = TenantId("default")


class TokenSource(Protocol):
    def token(self, nbytes: int = 8) -> str:
        """A fresh lower-case hexadecimal token of `nbytes` bytes."""

    def number(self, bits: int) -> int:
        """A fresh whole number below 2**bits."""


class SystemTokens:
    """Unguessable: tags, branches and SSRCs keep strangers out of a call."""

    def token(self, nbytes: int = 8) -> str:
        return secrets.token_hex(nbytes)

    def number(self, bits: int) -> int:
        return secrets.randbits(bits)


class SeededTokens:
    """Repeatable: the same seed gives the same run."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def token(self, nbytes: int = 8) -> str:
        return self._random.randbytes(nbytes).hex()

    def number(self, bits: int) -> int:
        return self._random.getrandbits(bits)
