"""Has the caller finished? What a model may say of it beside the rule in `words`.

The rule is always there, takes microseconds and knows a sentence that ends, a number half read, a word half spelled.
A model may know more: it is asked about each final transcript, in parallel with the pause that is being waited for
anyway, so that a slow or failing one costs nothing but its opinion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mediasrv.providers.protocols import Message

ANSWER_WITHIN_S = 0.3  # later the pause is over anyway


class EndOfTurn(Protocol):
    name: str

    async def finished(self, said: str, before: Sequence[Message]) -> float:
        """How likely it is, from 0 to 1, that a caller who said this after `before` expects an answer now."""
