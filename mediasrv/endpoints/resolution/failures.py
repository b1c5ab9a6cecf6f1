"""Places where nobody answered a moment ago: tried last, until they have had time to come back.

RFC 3263 section 4.3 has each call find out anew that a host is dead, and each time a caller waits for it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from mediasrv.sip import Address
from mediasrv.sip.hop import transport_of

FAILED_S = 60.0
FAILURES_MAX = 256

Place = tuple[str, int, str]


class Failures:
    """Time is an argument."""

    def __init__(self) -> None:
        self._until: OrderedDict[Place, float] = OrderedDict()

    def remember(self, address: Address, now: float) -> None:
        place = _place(address)
        self._until[place] = now + FAILED_S
        self._until.move_to_end(place)
        if len(self._until) > FAILURES_MAX:
            self._until.popitem(last=False)

    def forget(self, address: Address) -> None:
        """Somebody has answered there."""
        self._until.pop(_place(address), None)

    def last(self, addresses: Iterable[Address], now: float) -> list[Address]:
        """The same, those that have failed behind all others; both in their order."""
        return sorted(addresses, key=lambda address: self._until.get(_place(address), 0.0) > now)


def _place(address: Address) -> Place:
    return address[0], address[1], transport_of(address)
