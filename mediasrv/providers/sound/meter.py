"""How much sound a recogniser was given, until somebody asks what that cost.

Services charge for all that they are sent, silence included, or for each piece that they are asked about. When one
breaks off, what it was given last is given to another: that part of its bill was paid in vain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from mediasrv.providers.protocols import Usage

AUDIO_MS = "audio_ms"


class AudioMeter:
    """One stream's; `charge` puts the price on what was used."""

    def __init__(self, provider: str, model: str, charge: Callable[[Usage], Usage]) -> None:
        self._provider, self._model, self._charge = provider, model, charge
        self._ms = 0.0

    def add(self, ms: float) -> None:
        self._ms += ms

    def take(self) -> Sequence[Usage]:
        """What was used since this was last asked, in whole milliseconds; the rest stays for the next time."""
        whole = int(self._ms)
        self._ms -= whole
        return (self._charge(Usage(self._provider, self._model, {AUDIO_MS: whole})),) if whole else ()


def split(used: Sequence[Usage], last_ms: float) -> tuple[list[Usage], list[Usage]]:
    """The same uses up to the last so many milliseconds of sound, and these; what they cost is split alike."""
    before, last = list[Usage](), list[Usage]()
    left = round(last_ms)
    for usage in reversed(used):
        ms = usage.units.get(AUDIO_MS, 0)
        later = min(left, ms)
        left -= later
        cost = usage.cost_usd * later / ms if later else Decimal(0)
        if later:
            last.append(replace(usage, units={AUDIO_MS: later}, cost_usd=cost))
        if later < ms:
            before.append(replace(usage, units={AUDIO_MS: ms - later}, cost_usd=usage.cost_usd - cost))
    return before[::-1], last[::-1]
