"""Whose offer is open: the one rule of RFC 3264 that INVITE, PRACK and UPDATE all have to keep.

An offer stands in one message and its answer in another, and until the answer has come nobody may offer again
(RFC 3311 section 5, RFC 6337 section 2). What crosses on the way is told apart by who still owes the answer: when it
is the peer, both have offered at once (491, and each waits a different time before it tries again); when it is us,
the peer should have waited (500 with Retry-After).

             we offer            they offer
    OURS <------------- STABLE -------------> THEIRS
      | they answer        ^   ^        we answer |
      +--------------------+   +------------------+

A description in an unreliable provisional response is a preview and changes nothing here (RFC 3261 section 13.2.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from mediasrv.sip.errors import WrongState


class Open(Enum):
    STABLE = auto()
    OURS = auto()  # the peer owes an answer
    THEIRS = auto()  # we owe one


class Move(Enum):
    WE_OFFER = auto()
    THEY_OFFER = auto()
    WE_ANSWER = auto()
    THEY_ANSWER = auto()
    DROP = auto()  # what carried the offer was refused, or failed: everything stays as it was


STEPS: Mapping[Open, Mapping[Move, Open]] = {
    Open.STABLE: {Move.WE_OFFER: Open.OURS, Move.THEY_OFFER: Open.THEIRS, Move.DROP: Open.STABLE},
    Open.OURS: {Move.THEY_ANSWER: Open.STABLE, Move.DROP: Open.STABLE},
    Open.THEIRS: {Move.WE_ANSWER: Open.STABLE, Move.DROP: Open.STABLE},
}
GLARE: Mapping[Open, int] = {Open.OURS: 491, Open.THEIRS: 500}  # RFC 3311 section 5.2


class Offers:
    """The state of one dialog. A move that the table does not have is ours to avoid, and raises."""

    __slots__ = ("state",)

    def __init__(self, state: Open = Open.STABLE) -> None:
        self.state = state

    def move(self, move: Move) -> None:
        following = STEPS[self.state].get(move)
        if following is None:
            raise WrongState(f"{move.name} while the open offer is {self.state.name}")
        self.state = following

    def refusal(self) -> int | None:
        """The status that an offer of the peer's deserves now."""
        return GLARE.get(self.state)

    def we_describe(self) -> None:
        """A reliable message of ours with a description: an answer where one is owed, else an offer."""
        self.move(Move.WE_ANSWER if self.state is Open.THEIRS else Move.WE_OFFER)
