"""How often the same provider is asked again, and after what pause.

The pause doubles, and half of it is chance: a thousand calls that lose the same provider in the same second do not come
back to it together. A provider that names a time is not asked before; when that is longer than a caller would wait, it
is not asked at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from mediasrv.providers.protocols import ProviderError


@dataclass(frozen=True, slots=True)
class Patience:
    attempts: int = 2  # with one provider, the first included
    first_pause_s: float = 0.1
    longest_pause_s: float = 1.0

    def longest_s(self, first_s: float) -> float:
        """All attempts with one provider, each of which may take so long, and the pauses between them."""
        return self.attempts * first_s + (self.attempts - 1) * self.longest_pause_s

    def pause_s(self, failed: int, error: ProviderError, chance: Random) -> float | None:
        """Before the next attempt, after so many that failed; None: there is none."""
        if not error.retryable or failed >= self.attempts:
            return None
        pause_s: float = min(self.longest_pause_s, self.first_pause_s * 2 ** (failed - 1))
        pause_s *= 0.5 + 0.5 * chance.random()
        if error.retry_after_s is None:
            return pause_s
        return None if error.retry_after_s > self.longest_pause_s else max(pause_s, error.retry_after_s)
