"""Room that is kept for a call before it is accepted, so that an accepted call is never starved.

Two things can run out on a thread of the engine: streams of its pool and processor time of its core. What is promised
never adds up to more than there is. A promise passes stream by stream from the reservation to the streams added under
it, and comes back when they are gone; what was never used comes back with `release`.
"""

from __future__ import annotations

from mediasrv.errors import AtCapacity, LocalError
from mediasrv.media.spec import Cost


class Admission:
    """The books: what is there, and what is promised."""

    def __init__(self, streams: int, millicores: float) -> None:
        self._streams, self._millicores = streams, millicores
        self.streams_promised = 0
        self.millicores_promised = 0.0

    @property
    def millicores_left(self) -> float:
        return self._millicores - self.millicores_promised

    def has_room(self, cost: Cost) -> bool:
        room = self._streams - self.streams_promised
        return cost.streams <= room and cost.millicores <= self.millicores_left

    def reserve(self, cost: Cost) -> Reservation:
        if cost.streams < 1 or cost.millicores < 0:
            raise ValueError(f"a call costs at least one stream and no negative time: {cost}")
        if self.streams_promised + cost.streams > self._streams:
            raise AtCapacity(f"{self.streams_promised} of {self._streams} streams are taken")
        if self.millicores_promised + cost.millicores > self._millicores:
            taken = round(self.millicores_promised)
            raise AtCapacity(
                f"{taken} of {self._millicores:g} thousandths of an engine thread's core are taken"
            )
        self.streams_promised += cost.streams
        self.millicores_promised += cost.millicores
        return Reservation(self, cost)

    def _give_back(self, streams: int, millicores: float) -> None:
        self.streams_promised -= streams
        # An empty house has promised nothing: what rounding left over must not add up over a million calls.
        self.millicores_promised = self.millicores_promised - millicores if self.streams_promised else 0.0


class Share:
    """One stream's part of a reservation; belongs to the stream."""

    def __init__(self, admission: Admission, millicores: float) -> None:
        self._admission: Admission | None = admission
        self._millicores = millicores

    def release(self) -> None:
        if self._admission is not None:
            self._admission._give_back(1, self._millicores)
            self._admission = None


class Reservation:
    """Room for one call, until it is used or given back."""

    def __init__(self, admission: Admission, cost: Cost) -> None:
        self.admission = admission
        self.each = Cost(1, cost.millicores / cost.streams)  # of its streams
        self._left = cost.streams

    def take(self) -> Share:
        """One stream's share, which lives on by itself; LocalError when all were taken or given back."""
        if self._left == 0:
            raise LocalError("the reservation is used up")
        self._left -= 1
        return Share(self.admission, self.each.millicores)

    def release(self) -> None:
        """Gives back what was not taken; idempotent."""
        if self._left:
            self.admission._give_back(self._left, self._left * self.each.millicores)
            self._left = 0
